"""Cases, as programs are told of them."""

from dataclasses import asdict
from typing import Any, Self

from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from pydantic import Field

from desk.schemas.base import EXPOSURE, FIGURES, NOON, RELATED, Answer, Hex, Moment
from desk.schemas.evidence import Bundle
from desk.schemas.notices import ClaimCheck
from evidence.facts.case import ElsewhereFacts
from exhibit.periods import earliest, latest
from exhibit.types import Decision, SeenKind
from registry import models
from registry.bundles.facts import QUESTIONS, elsewhere_of
from registry.bundles.sentences import PRINTS
from registry.cases import recaptures
from registry.cases.also_shown import also_shown
from registry.cases.history import in_english
from registry.cases.places import place_key, places_of, rows_of
from registry.matches import calibrations
from registry.notices.claims import check


class CaseWork(Answer):
    """The work of a case, in short."""

    number: int
    title: str
    file: str = Field(alias="source_name")


class CaseLine(Answer):
    """A case in a list."""

    number: int = Field(examples=[3])
    work: CaseWork
    party: str = Field(examples=["shop.example"])
    decision: str = Field(examples=["open"])
    decided_at: Moment | None
    decided_by: str
    reason: str
    demonstration: bool
    waits: bool = Field(description="Whether it waits for a person.")
    resembles: bool = Field(description="Whether it only resembles the work, and lies in the drawer of such cases.")
    opened_at: Moment = Field(examples=[NOON])
    disputed_at: Moment | None = Field(description="Since when a member says that it was decided wrongly.")
    assigned_to: int | None = Field(
        alias="assigned_to_id", description="The member (`person`) who looks after it; null for nobody.", examples=[7]
    )
    agency: str = Field(description="The agency that was asked last whether it sold a licence.", examples=[""])
    asked_at: Moment | None = Field(description="Since when its answer is awaited: until then no notice goes out.")
    places: int = Field(description="Different images on different pages.", examples=[2])
    standing: str = Field(description="Of its places: `online`, `hidden`, `changed`, `unseen`; `removed` when all are.")


class Calibration(Answer):
    """What gave a probability, and its bound on false alarms."""

    name: str
    digest: Hex
    false_alarms_in_a_million_at_most: int
    photographs: int

    @classmethod
    def of(cls, match: models.Match) -> Self | None:
        """Which one gave the probability of a match, and its bound on false alarms for what was decided so."""
        if match.calibration is None:
            return None
        found = calibrations.named(match.calibration)
        bound = found.bound(Decision(match.decision))
        measured = {"false_alarms_in_a_million_at_most": bound.per_million, "photographs": bound.photographs}
        return cls(name=found.name, digest=match.calibration.hex, **measured)


class Use(Answer):
    """A match at a place, covered by one licence or by none, over all runs that saw it."""

    page_url: str = Field(alias="sighting.page_url")
    image_url: str = Field(alias="sighting.image_url")
    first_seen: Moment | None = Field(description="Null where an archive states no moment.", examples=[NOON])
    last_seen: Moment | None = Field(examples=[NOON])
    period: str = Field(
        alias="sighting.period",
        description="Such as `2016-01`, where an archive states that in place of a moment.",
        examples=[""],
    )
    picture: Hex = Field(alias="sighting.picture.digest")
    incomplete: bool | None = Field(
        alias="sighting.picture.incomplete",
        description="Whether the picture's file breaks off or is damaged; null where nobody knows.",
    )
    comparison: int = Field(alias="match_id", description="Its number, for drawings of it.", examples=[97])
    match: str = Field(alias="match.decision", description="`certain`, `review` or `resembles`.", examples=["certain"])
    by_fingerprints: bool = Field(
        description="Whether only stated fingerprints were compared: the work's picture was never here."
    )
    licence: int | None = Field(alias="licence.number")
    hamming: int = Field(alias="match.hamming")
    inliers: int = Field(alias="match.inliers")
    dense: float = Field(alias="match.dense")
    related: float | None = Field(alias="match.related", description=RELATED)
    exposure: float | None = Field(alias="match.exposure", description=EXPOSURE)
    figures: dict[str, float | None] = Field(alias="match.figures", description=FIGURES)
    mirrored: bool = Field(alias="match.mirrored")
    rotation: int = Field(alias="match.rotation")
    probability: float | None = Field(alias="match.probability")
    calibration: Calibration | None

    @staticmethod
    def resolve_by_fingerprints(row: models.CaseSighting) -> bool:
        return PRINTS in row.match.reasons

    @staticmethod
    def resolve_calibration(row: models.CaseSighting) -> object:
        return Calibration.of(row.match)

    @classmethod
    def of_case(cls, row: models.Case) -> list[Self]:
        """The uses of a case, in the order in which they were found."""
        grouped: dict[tuple[object, ...], list[models.CaseSighting]] = {}
        for one in sorted(row.case_sightings.all(), key=lambda one: one.pk):
            grouped.setdefault((*place_key(one.sighting), one.match_id, one.licence_id), []).append(one)
        online = recaptures.seen_online(row.captures.all())
        return [
            cls.from_row(
                of_use[0],
                first_seen=earliest(one.sighting.first_seen for one in of_use),
                last_seen=latest(
                    [*(one.sighting.last_seen for one in of_use), online.get(recaptures.place_of(of_use[0].sighting))]
                ),
            )
            for of_use in grouped.values()
        ]


class Capture(Answer):
    """A visit to a place of a case."""

    id: int = Field(alias="pk", examples=[41])
    page_url: str = Field(alias="sighting.page_url", examples=["https://shop.example/42"])
    number: int = Field(description="1 for the first visit of this place, more for later ones.", examples=[1])
    files: list[str] = Field(examples=[["page.png"]])
    state: str
    method: str
    outcome: str
    standing: str = Field(description="How the place stands: `online`, `removed`, …; empty while it isn't known.")
    sentence: str
    finished_at: Moment | None
    next_at: Moment | None

    @staticmethod
    def resolve_files(row: models.Capture) -> list[str]:
        return [file["name"] for file in row.kept]

    @staticmethod
    def resolve_standing(row: models.Capture) -> str:
        return str(recaptures.standing_of(row.outcome)) if row.state == models.StepState.DONE else ""

    @staticmethod
    def resolve_sentence(row: models.Capture) -> object:
        return row.sentence or row.error


class CaseEvent(Answer):
    """One line of a case's history."""

    at: Moment = Field(examples=[NOON])
    kind: str
    by: str = Field(alias="actor")
    sentence: str

    @staticmethod
    def resolve_sentence(row: models.CaseEvent) -> str:
        return in_english(row.said, row.sentence)


class Case(CaseLine):
    """A case with its uses and bundles."""

    uses: list[Use]
    bundles: list[Bundle]

    resolve_uses = staticmethod(Use.of_case)


class AlsoShown(Answer):
    """Another work of the same owner that a found picture of a case was found to show, too."""

    number: int = Field(examples=[12])
    title: str
    file: str
    decision: str = Field(description="`certain` or `review`.", examples=["certain"])


class Elsewhere(Answer):
    """What somebody else states of when a picture was at a place: their word, apart from what was seen."""

    page_url: str = Field(examples=["https://shop.example/42"])
    image_url: str
    kind: SeenKind = Field(description="Who states what.", examples=["archive-captured"])
    by: str = Field(description="Their name; empty where the kind says all.", examples=["Internet Archive"])
    of: str = Field(description="What was there: `picture` or `page`.", examples=["picture"])
    stated: str = Field(
        description="As much of ISO 8601 as they state; empty where they were asked and state nothing.",
        examples=["2019-03-03T10:15:57Z"],
    )
    where: str = Field(description="The address at which it can be looked up, or empty.")
    learnt: Moment = Field(description="When they said so.", examples=[NOON])
    same: bool | None = Field(description="Whether that was the seen picture, byte for byte; null where none can tell.")

    @classmethod
    def of_case(cls, row: models.Case) -> list[Self]:
        """All that others state of a case's places."""
        prefetch_related_objects([row], QUESTIONS)
        return [
            cls(page_url=place.first.page_url, image_url=place.first.image_url, **_without_file(one))
            for number, place in enumerate(places_of(rows_of(row, sealed=False)), 1)
            for one in elsewhere_of(row, place, number)[0]
        ]


def _without_file(one: ElsewhereFacts) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "file"}


class FullCase(Case):
    """A case with everything that is known of it."""

    also_shown: list[AlsoShown] = Field(
        description="What else its pictures were found to show: another registration of one picture, or its page."
    )
    elsewhere: list[Elsewhere] = Field(description="What others state of when it was there.")
    claims: list[ClaimCheck] = Field(description="What speaks against the claim.")
    captures: list[Capture]
    history: list[CaseEvent]

    @staticmethod
    def resolve_also_shown(row: models.Case) -> object:
        return also_shown([row]).get(row.pk, [])

    resolve_elsewhere = staticmethod(Elsewhere.of_case)

    @staticmethod
    def resolve_claims(row: models.Case) -> list[ClaimCheck]:
        return ClaimCheck.of(check([row]))

    @staticmethod
    def resolve_captures(row: models.Case) -> object:
        return row.captures.select_related("sighting").order_by("pk")

    @staticmethod
    def resolve_history(row: models.Case) -> object:
        return row.events.order_by("at", "pk")


class Fit(Answer):
    """How a licence fits a case."""

    licence: int = Field(alias="licence.number", examples=[2])
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


class Assigned(Answer):
    """What an assignment changed of a case: members by `person`, null for nobody."""

    case: int = Field(examples=[3])
    before: int | None = Field(description="Who had it; assigning it back is the undo.", examples=[None])
    after: int | None = Field(examples=[7])


class Assignments(Answer):
    """What an assignment changed; cases that the person has already are left out."""

    changes: list[Assigned]


def with_uses(cases: QuerySet[models.Case]) -> QuerySet[models.Case]:
    """Cases with all that :class:`Case` reads, in few queries."""
    uses = models.CaseSighting.objects.select_related("match", "sighting__picture", "licence").order_by("pk")
    bundles = models.Bundle.objects.select_related("case__owner", "submission").order_by("number")
    return cases.prefetch_related(Prefetch("case_sightings", uses), Prefetch("bundles", bundles), "captures")


class PasskeyQuestion(Answer):
    """What a passkey has to sign."""

    public_key: dict[str, Any] = Field(description="For `navigator.credentials.get`, as the JSON of its `publicKey`.")
