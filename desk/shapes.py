"""The shapes in which things are told to programs: plain JSON data of rows. They are stable; docs/cli.md lists them.

Times are RFC 3339 in UTC.
"""

from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from desk.download_shapes import bundle
from desk.watch_shapes import canaries_of, canary, crawl, crawls, refusal, refusals, searches, watch, watches
from exhibit.clock import rfc3339
from exhibit.digests import Digest
from exhibit.types import Decision
from registry import calibrations, owned, recaptures
from registry.history import in_english
from registry.models import Bundle, Case, CaseSighting, Licence, Match, Owner

__all__ = ["canaries_of", "canary", "crawl", "crawls", "refusal", "refusals", "searches", "watch", "watches"]

Plain = dict[str, Any]


def time(moment: datetime | None) -> str | None:
    """A time as text, or null."""
    return None if moment is None else rfc3339(moment)


def owner(row: Owner) -> Plain:
    """A rights holder with counts."""
    return {
        "owner": row.slug,
        "name": row.name,
        "contact": row.contact,
        "works": owned.works(row).count(),
        "watches": owned.watches(row).count(),
        "open_cases": owned.cases(row).filter(decision=Case.Decision.OPEN).count(),
        "members": row.memberships.count(),
    }


def licence(row: Licence) -> Plain:
    """A permitted use; ``works`` is empty when it is for all of them."""
    return {
        "number": row.number,
        "licensee": row.licensee,
        "works": sorted(one.number for one in row.works.all()),
        "domain": row.domain,
        "url_pattern": row.url_pattern,
        "account": row.account,
        "territories": row.territories,
        "valid_from": None if row.valid_from is None else row.valid_from.isoformat(),
        "valid_until": None if row.valid_until is None else row.valid_until.isoformat(),
        "reason": row.reason,
    }


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
        "party": row.party,
        "decision": row.decision,
        "decided_at": time(row.decided_at),
        "decided_by": row.decided_by,
        "reason": row.reason,
        "demonstration": row.demonstration,
        "waits": row.waits,
        "opened_at": rfc3339(row.opened_at),
        "disputed_at": time(row.disputed_at),
        "standing": row.standing,
    }


def _use(row: CaseSighting) -> Plain:
    """A match at a place. ``match`` is ``certain`` or ``review``; ``licence`` is the number of the one that covers."""
    return {
        "page_url": row.sighting.page_url,
        "image_url": row.sighting.image_url,
        "first_seen": rfc3339(row.sighting.first_seen),
        "last_seen": rfc3339(row.sighting.last_seen),
        "picture": row.sighting.picture.digest.hex,
        "comparison": row.match_id,
        "match": row.match.decision,
        "licence": None if row.licence is None else row.licence.number,
        "hamming": row.match.hamming,
        "inliers": row.match.inliers,
        "dense": row.match.dense,
        "mirrored": row.match.mirrored,
        "rotation": row.match.rotation,
        "probability": row.match.probability,
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
            "number": one.number,
            "files": [file["name"] for file in one.files],
            "state": one.state,
            "method": one.method,
            "outcome": one.outcome,
            "standing": str(recaptures.standing_of(one.outcome)) if one.state == "done" else "",
            "sentence": one.sentence or one.error,
            "finished_at": time(one.finished_at),
            "next_at": time(one.next_at),
        }
        for one in rows
    ]


def full_case(row: Case) -> Plain:
    """A case with everything that is known of it."""
    return {**case(row), "captures": captures(row), "history": history(row)}
