"""The shapes in which things are told to programs: plain JSON data of rows. They are stable; docs/cli.md lists them.

Times are RFC 3339 in UTC.
"""

from django.db.models import Prefetch, QuerySet

from desk.download_shapes import bundle
from desk.plain_rows import Plain, fields
from desk.watch_shapes import canaries_of, canary, crawl, crawls, refusal, refusals, searches, watch, watches
from exhibit.clock import rfc3339
from exhibit.digests import Digest
from exhibit.types import Decision
from registry import calibrations, owned, recaptures
from registry.history import in_english
from registry.models import Bundle, Case, CaseSighting, Licence, Match, Owner

__all__ = ["canaries_of", "canary", "crawl", "crawls", "refusal", "refusals", "searches", "watch", "watches"]


def owner(row: Owner) -> Plain:
    """A rights holder with counts."""
    return {
        "owner": row.slug,
        **fields(row, "name contact"),
        "works": owned.works(row).count(),
        "watches": owned.watches(row).count(),
        "open_cases": owned.cases(row).filter(decision=Case.Decision.OPEN).count(),
        "members": row.memberships.count(),
    }


def licence(row: Licence) -> Plain:
    """A permitted use; ``works`` is empty when it is for all of them."""
    told = fields(row, "number licensee domain url_pattern account territories valid_from valid_until reason")
    return {**told, "works": sorted(one.number for one in row.works.all())}


def with_uses(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Cases with all that :func:`case` reads, in few queries."""
    uses = CaseSighting.objects.select_related("match", "sighting__picture", "licence").order_by("pk")
    bundles = Bundle.objects.select_related("case__owner", "submission").order_by("number")
    return cases.prefetch_related(Prefetch("case_sightings", uses), Prefetch("bundles", bundles))


def case(row: Case) -> Plain:
    """A case with its uses and bundles."""
    return {
        **case_line(row),
        "uses": [_use(one) for one in row.case_sightings.all()],
        "bundles": [bundle(one) for one in row.bundles.all()],
    }


def case_line(row: Case) -> Plain:
    """A case in a list; its uses and bundles stand in :func:`case`."""
    return {
        "number": row.number,
        "work": {"number": row.work.number, "title": row.work.title, "file": row.work.source_name},
        **fields(row, "party decision decided_at decided_by reason demonstration waits"),
        **fields(row, "opened_at disputed_at standing"),
    }


def _use(row: CaseSighting) -> Plain:
    """A match at a place. ``match`` is ``certain`` or ``review``; ``licence`` is the number of the one that covers."""
    return {
        **fields(row.sighting, "page_url image_url first_seen last_seen"),
        "picture": row.sighting.picture.digest.hex,
        "comparison": row.match_id,
        "match": row.match.decision,
        "licence": None if row.licence is None else row.licence.number,
        **fields(row.match, "hamming inliers dense mirrored rotation probability"),
        "calibration": None if row.match.calibration is None else _calibration(row.match, row.match.calibration),
    }


def _calibration(match: Match, digest: Digest) -> Plain:
    """Which calibration gave the probability, and its bound on false alarms for what was decided so."""
    found = calibrations.named(digest)
    bound = found.bound(Decision(match.decision))
    return {
        "name": found.name,
        "digest": digest.hex,
        "false_alarms_in_a_million_at_most": bound.per_million,
        "photographs": bound.photographs,
    }


def history(row: Case) -> list[Plain]:
    """What happened to a case, oldest first."""
    events = row.events.order_by("at", "pk")
    return [
        {"at": rfc3339(one.at), "kind": one.kind, "by": one.actor, "sentence": in_english(one.said, one.sentence)}
        for one in events
    ]


def captures(row: Case) -> list[Plain]:
    """The visits to the places of a case."""
    rows = row.captures.select_related("sighting").order_by("pk")
    return [
        {
            "id": one.pk,
            "page_url": one.sighting.page_url,
            **fields(one, "number state method outcome finished_at next_at"),
            "files": [file["name"] for file in one.files],
            "standing": str(recaptures.standing_of(one.outcome)) if one.state == "done" else "",
            "sentence": one.sentence or one.error,
        }
        for one in rows
    ]


def full_case(row: Case) -> Plain:
    """A case with everything that is known of it."""
    return {**case(row), "captures": captures(row), "history": history(row)}
