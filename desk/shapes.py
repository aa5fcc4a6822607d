"""The shapes in which things are told to programs: plain JSON data of rows. They are stable; docs/cli.md lists them.

Times are RFC 3339 in UTC.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Prefetch, QuerySet

from desk.masks import masks
from desk.watch_shapes import canaries_of, canary, crawl, crawls, refusal, refusals, watch, watches
from exhibit.clock import rfc3339
from exhibit.digests import Digest
from exhibit.types import Decision
from registry import calibrations, owned, recaptures
from registry.models import (
    Bundle,
    Case,
    CaseSighting,
    Deposit,
    Licence,
    Match,
    Owner,
    Report,
    Revisit,
    Work,
)

__all__ = ["canaries_of", "canary", "crawl", "crawls", "refusal", "refusals", "watch", "watches"]

if TYPE_CHECKING:
    from evidence.facts import WitnessFacts

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


def with_pictures(works: QuerySet[Work]) -> QuerySet[Work]:
    """Works with all that :func:`work` reads, in few queries."""
    return works.prefetch_related("conflicts", "work_pictures__picture")


def work(row: Work) -> Plain:
    """A registered work. ``flags`` says why it can't be matched safely."""
    return {
        "number": row.number,
        "title": row.title,
        "author": row.author,
        "file": row.source_name,
        "rights": row.rights_statement,
        "first_publication": row.first_publication,
        "registrations": row.registrations,
        "registered_at": rfc3339(row.registered_at),
        "flags": row.low_information,
        "conflicts": conflicts(row),
        "pictures": [
            {
                "digest": one.picture.digest.hex,
                "format": one.picture.format,
                "width": one.picture.width,
                "height": one.picture.height,
                "bytes": one.picture.size,
                "masked": masks(one),
            }
            for one in row.work_pictures.all()
        ],
    }


def full_work(row: Work) -> Plain:
    """A work with its cases, and how far the search of what was seen before is."""
    cases = owned.cases(row.owner).filter(work=row)
    return {
        **work(row),
        "cases": [{"number": one.number, "party": one.party, "decision": one.decision} for one in cases],
        **past(row),
    }


def deposit(row: Deposit) -> Plain:
    """A deposit record of a work."""
    return {
        "work": row.work.number,
        "number": row.number,
        "seal": row.seal_digest.hex,
        "sealed_at": rfc3339(row.sealed_at),
        "made_by": row.made_by,
    }


def past(row: Work) -> Plain:
    """How far the search of what was seen before is, for each picture, and what had expired by then."""
    pictures = list(row.work_pictures.order_by("pk"))
    seen = Revisit.objects.filter(owner=row.owner_id, registered__in=[one.picture_id for one in pictures])
    return {
        "search": [{"state": one.state, **one.progress} for one in pictures],
        "seen_before": [
            {
                "outcome": one.outcome,
                "hamming": one.hamming,
                "inliers": one.inliers,
                "dense": one.dense,
                "sentence": one.sentence,
            }
            for one in seen.order_by("hamming", "pk")
        ],
    }


def conflicts(row: Work) -> list[Plain]:
    """That an earlier registration by somebody else exists, and its date; nothing more may be told."""
    dates = [one.earlier_registered_at for one in row.conflicts.all()]
    if not dates:
        return []
    day = min(dates).date().isoformat()
    return [{"sentence": f"An earlier registration of this or a near-same picture exists, of {day}.", "date": day}]


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
        "opened_at": rfc3339(row.opened_at),
    }


def _use(row: CaseSighting) -> Plain:
    """A match at a place. ``match`` is ``certain`` or ``review``; ``licence`` is the number of the one that covers."""
    return {
        "page_url": row.sighting.page_url,
        "image_url": row.sighting.image_url,
        "first_seen": rfc3339(row.sighting.first_seen),
        "last_seen": rfc3339(row.sighting.last_seen),
        "picture": row.sighting.picture.digest.hex,
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
    return [{"at": rfc3339(one.at), "kind": one.kind, "by": one.actor, "sentence": one.sentence} for one in events]


def captures(row: Case) -> list[Plain]:
    """The visits to the places of a case."""
    rows = row.captures.select_related("sighting").order_by("pk")
    return [
        {
            "page_url": one.sighting.page_url,
            "number": one.number,
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


def bundle_line(row: Bundle) -> Plain:
    """A bundle in a list; what witnesses say of it stands in :func:`bundle`."""
    return {
        "case": row.case.number,
        "number": row.number,
        "state": row.state,
        "error": row.error,
        "seal": None if row.seal_digest is None else row.seal_digest.hex,
        "sealed_at": time(row.sealed_at),
    }


def bundle(row: Bundle) -> Plain:
    """A bundle with what outside witnesses have answered. ``state`` of a receipt: ``asked``, ``pending``, ``complete``.

    ``subject`` is what was witnessed: the ``manifest`` itself, or the ``checkpoint`` of the log that covers it.
    """
    from workers.proofs import witnesses_of  # noqa: PLC0415 - loads the evidence room
    from workers.witnessed import witnessed  # noqa: PLC0415

    witnesses = witnesses_of(row) if row.seal_digest is not None else ()
    counted = witnessed(witnesses, settings.CONFIG.witnesses_needed)
    return {
        **bundle_line(row),
        "witnessed": counted.enough,
        "witnesses": {"complete": counted.complete, "asked": counted.asked, "needed": counted.needed},
        "receipts": [receipt(one) for one in witnesses],
    }


def receipt(one: "WitnessFacts") -> Plain:
    """What a witness has answered."""
    return {
        "kind": one.kind,
        "witness": one.name,
        "development": one.development,
        "state": one.state,
        "subject": one.subject,
        "time": time(one.time),
        "qualified_as_of": one.qualified or None,
    }


def report(row: Report) -> Plain:
    """A report and the names of its files."""
    return {
        "number": row.number,
        "title": row.parameters.get("title", ""),
        "state": row.state,
        "error": row.error,
        "created_at": rfc3339(row.created_at),
        "volumes": row.progress.get("volumes", 1),
        "files": [one["name"] for one in row.files],
    }
