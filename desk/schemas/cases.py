"""Cases, as programs are told of them."""

from datetime import datetime

from django.db.models import Prefetch, QuerySet
from pydantic import Field

from desk.schemas.base import NOON, Answer, Hex
from desk.schemas.evidence import Bundle, bundle
from desk.schemas.rows import Plain, fields
from exhibit.clock import rfc3339
from exhibit.digests import Digest
from exhibit.types import Decision
from registry import models
from registry.cases import recaptures
from registry.cases.history import in_english
from registry.vectors import calibrations


class CaseWork(Answer):
    """The work of a case, in short."""

    number: int
    title: str
    file: str


class CaseLine(Answer):
    """A case in a list."""

    number: int = Field(examples=[3])
    work: CaseWork
    party: str = Field(examples=["shop.example"])
    decision: str = Field(examples=["open"])
    decided_at: datetime | None
    decided_by: str
    reason: str
    demonstration: bool
    waits: bool = Field(description="Whether it waits for a person.")
    opened_at: datetime = Field(examples=[NOON])
    disputed_at: datetime | None = Field(description="Since when a member says that it was decided wrongly.")
    standing: str = Field(
        description="Of its places at their last visits: `online`, `removed` when all of them are, …; empty before one."
    )


class Calibration(Answer):
    """What gave a probability, and its bound on false alarms."""

    name: str
    digest: Hex
    false_alarms_in_a_million_at_most: int
    photographs: int


class Use(Answer):
    """A match at a place."""

    page_url: str
    image_url: str
    first_seen: datetime = Field(examples=[NOON])
    last_seen: datetime = Field(examples=[NOON])
    picture: Hex
    comparison: int = Field(description="Its number, for drawings of it.", examples=[97])
    match: str = Field(description="`certain` or `review`.", examples=["certain"])
    licence: int | None
    hamming: int
    inliers: int
    dense: float
    mirrored: bool
    rotation: int
    probability: float | None
    calibration: Calibration | None


class Capture(Answer):
    """A visit to a place of a case."""

    id: int = Field(examples=[41])
    page_url: str = Field(examples=["https://shop.example/42"])
    number: int = Field(description="1 for the first visit of this place, more for later ones.", examples=[1])
    files: list[str] = Field(examples=[["page.png"]])
    state: str
    method: str
    outcome: str
    standing: str = Field(description="How the place stands: `online`, `removed`, …; empty while it isn't known.")
    sentence: str
    finished_at: datetime | None
    next_at: datetime | None


class CaseEvent(Answer):
    """One line of a case's history."""

    at: datetime = Field(examples=[NOON])
    kind: str
    by: str
    sentence: str


class Case(CaseLine):
    """A case with its uses and bundles."""

    uses: list[Use]
    bundles: list[Bundle]


class FullCase(Case):
    """A case with everything that is known of it."""

    captures: list[Capture]
    history: list[CaseEvent]


class Fit(Answer):
    """How a licence fits a case."""

    licence: int = Field(examples=[2])
    covered: int = Field(description="Places of the case that it covers by its own words.")
    of: int = Field(description="Places of the case.", examples=[3])
    why_not: str = Field(description="What keeps it from the others.", examples=["is for other.example"])


class Fits(Answer):
    """The licences that may permit what a case holds, the likeliest first."""

    licences: list[Fit]


class Outcome(Answer):
    """What came of a decision for one case."""

    done: bool = Field(description="False where somebody else was first.", examples=[True])
    case: CaseLine


class Decided(Answer):
    """What came of a decision on many cases."""

    left: int = Field(description="Cases that wait for a person.", examples=[12])
    outcomes: list[Outcome]


def with_uses(cases: QuerySet[models.Case]) -> QuerySet[models.Case]:
    """Cases with all that :func:`case` reads, in few queries."""
    uses = models.CaseSighting.objects.select_related("match", "sighting__picture", "licence").order_by("pk")
    bundles = models.Bundle.objects.select_related("case__owner", "submission").order_by("number")
    return cases.prefetch_related(Prefetch("case_sightings", uses), Prefetch("bundles", bundles))


def case(row: models.Case) -> Plain:
    """A case with its uses and bundles."""
    return {
        **case_line(row),
        "uses": [_use(one) for one in row.case_sightings.all()],
        "bundles": [bundle(one) for one in row.bundles.all()],
    }


def case_line(row: models.Case) -> Plain:
    """A case in a list; its uses and bundles stand in :func:`case`."""
    return {
        "number": row.number,
        "work": {"number": row.work.number, "title": row.work.title, "file": row.work.source_name},
        **fields(row, "party decision decided_at decided_by reason demonstration waits"),
        **fields(row, "opened_at disputed_at standing"),
    }


def _use(row: models.CaseSighting) -> Plain:
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


def _calibration(match: models.Match, digest: Digest) -> Plain:
    """Which calibration gave the probability, and its bound on false alarms for what was decided so."""
    found = calibrations.named(digest)
    bound = found.bound(Decision(match.decision))
    return {
        "name": found.name,
        "digest": digest.hex,
        "false_alarms_in_a_million_at_most": bound.per_million,
        "photographs": bound.photographs,
    }


def history(row: models.Case) -> list[Plain]:
    """What happened to a case, oldest first."""
    events = row.events.order_by("at", "pk")
    return [
        {"at": rfc3339(one.at), "kind": one.kind, "by": one.actor, "sentence": in_english(one.said, one.sentence)}
        for one in events
    ]


def captures(row: models.Case) -> list[Plain]:
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


def full_case(row: models.Case) -> Plain:
    """A case with everything that is known of it."""
    return {**case(row), "captures": captures(row), "history": history(row)}
