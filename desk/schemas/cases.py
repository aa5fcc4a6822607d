"""Responses about cases."""

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
from registry.bundles.sentences import FINGERPRINTS_ONLY
from registry.cases import recaptures
from registry.cases.history import render_english
from registry.cases.other_works import find_other_works
from registry.cases.places import place_key, places_of, rows_of
from registry.matches import calibrations
from registry.notices.claim_check import check_cases


class CaseWork(Answer):
    """Summary of the work of a case."""

    number: int
    title: str
    file: str = Field(alias="source_name", description="Name of the registered file.")


class CaseSummary(Answer):
    """A case in a list."""

    number: int = Field(examples=[3])
    work: CaseWork
    site: str = Field(alias="party", examples=["shop.example"], description="Site that uses the work.")
    decision: str = Field(examples=["open"], description="`open`, `confirmed`, `licensed` or `cleared` (dismissed).")
    decided_at: Moment | None
    decided_by: str = Field(description="Member who decided; empty for the licence ledger.")
    reason: str = Field(description="Reason for the decision.")
    demonstration: bool = Field(description="Whether a demonstration decided the case without a review.")
    needs_review: bool = Field(alias="waits", description="Whether the case needs a review.")
    is_related: bool = Field(alias="resembles", description="Whether the found pictures are only related to the work.")
    opened_at: Moment = Field(examples=[NOON])
    disputed_at: Moment | None = Field(description="Time since which a member disputes the decision.")
    assigned_to: int | None = Field(
        alias="assigned_to_id",
        description="Member to whom the case is assigned (`person`); null if unassigned.",
        examples=[7],
    )
    agency: str = Field(description="Agency that was asked last whether it sold a licence.", examples=[""])
    agency_asked_at: Moment | None = Field(
        alias="asked_at", description="Time since which the agency's reply is pending. Notices are blocked until then."
    )
    pages: int = Field(alias="places", description="Number of different pictures on different pages.", examples=[2])
    page_status: str = Field(
        alias="standing",
        description=(
            "Result of later visits: `online`, `hidden`, `changed` or `unseen`; `removed` if all pages are removed."
        ),
    )


class Calibration(Answer):
    """Calibration of a probability, with its bound on false alarms."""

    name: str = Field(description="Name of the calibration.")
    digest: Hex
    false_alarms_in_a_million_at_most: int = Field(
        description="Upper bound of false alarms per million pictures (95% confidence)."
    )
    photographs: int = Field(description="Number of photographs measured.")

    @classmethod
    def of(cls, match: models.Match) -> Self | None:
        """Which one gave the probability of a match, and its bound on false alarms for what was decided so."""
        if match.calibration is None:
            return None
        calibration = calibrations.load_calibration(match.calibration)
        bound = calibration.bound(Decision(match.decision))
        measurements = {"false_alarms_in_a_million_at_most": bound.per_million, "photographs": bound.photographs}
        return cls(name=calibration.name, digest=match.calibration.hex, **measurements)


class Use(Answer):
    """A matched picture on a page, covered by one licence or none, in all crawls that saw it."""

    page_url: str = Field(alias="sighting.page_url", description="URL of the page.")
    image_url: str = Field(alias="sighting.image_url", description="URL of the picture.")
    first_seen: Moment | None = Field(
        description="Time of the first sighting; null if an archive states no time.", examples=[NOON]
    )
    last_seen: Moment | None = Field(examples=[NOON], description="Time of the latest sighting.")
    period: str = Field(
        alias="sighting.period",
        description="Period such as `2016-01`, if an archive states one instead of a time.",
        examples=[""],
    )
    picture: Hex = Field(alias="sighting.picture.digest", description="Digest of the found picture.")
    incomplete: bool | None = Field(
        alias="sighting.picture.incomplete",
        description="Whether the file is truncated or damaged; null if unknown.",
    )
    comparison: int = Field(alias="match_id", description="Number of the comparison, for its drawings.", examples=[97])
    match: str = Field(
        alias="match.decision",
        description="`certain`, `review` (possible match) or `resembles` (related picture).",
        examples=["certain"],
    )
    by_fingerprints: bool = Field(
        description="Whether only fingerprints were compared, because the work's picture is not stored here."
    )
    licence: int | None = Field(
        alias="licence.number", description="Number of the licence that covers the use; null if none does."
    )
    hamming: int = Field(alias="match.hamming", description="Hamming distance of the perceptual hashes, in bits.")
    inliers: int = Field(alias="match.inliers", description="Number of matching details.")
    dense: float = Field(alias="match.dense", description="Correlation of the aligned pictures, at most 1.")
    related: float | None = Field(alias="match.related", description=RELATED)
    exposure: float | None = Field(alias="match.exposure", description=EXPOSURE)
    figures: dict[str, float | None] = Field(alias="match.figures", description=FIGURES)
    mirrored: bool = Field(alias="match.mirrored", description="Whether the found picture is mirrored.")
    rotation: int = Field(alias="match.rotation", description="Rotation of the found picture in degrees.")
    probability: float | None = Field(
        alias="match.probability", description="Probability that the match is correct; null if it is not calibrated."
    )
    calibration: Calibration | None

    @staticmethod
    def resolve_by_fingerprints(row: models.CaseSighting) -> bool:
        return FINGERPRINTS_ONLY in row.match.reasons

    @staticmethod
    def resolve_calibration(row: models.CaseSighting) -> object:
        return Calibration.of(row.match)

    @classmethod
    def of_case(cls, row: models.Case) -> list[Self]:
        """The uses of a case, in the order in which they were found."""
        grouped: dict[tuple[object, ...], list[models.CaseSighting]] = {}
        for case_sighting in sorted(row.case_sightings.all(), key=lambda case_sighting: case_sighting.pk):
            grouped.setdefault(
                (*place_key(case_sighting.sighting), case_sighting.match_id, case_sighting.licence_id), []
            ).append(case_sighting)
        online = recaptures.last_online_times(row.captures.all())
        return [
            cls.from_row(
                of_use[0],
                first_seen=earliest(case_sighting.sighting.first_seen for case_sighting in of_use),
                last_seen=latest(
                    [
                        *(case_sighting.sighting.last_seen for case_sighting in of_use),
                        online.get(recaptures.place_of(of_use[0].sighting)),
                    ]
                ),
            )
            for of_use in grouped.values()
        ]


class Capture(Answer):
    """A visit to a page of a case that was recorded as evidence."""

    id: int = Field(alias="pk", examples=[41], description="Identifier of the capture.")
    page_url: str = Field(alias="sighting.page_url", examples=["https://shop.example/42"])
    number: int = Field(description="1 for the first visit to the page, then counting up.", examples=[1])
    files: list[str] = Field(examples=[["page.png"]], description="Names of the recorded files.")
    state: str = Field(description="`todo`, `doing`, `done` or `failed`.")
    method: str = Field(description="`browser` or `plain` HTTP.")
    outcome: str = Field(description="Result of the visit.")
    page_status: str = Field(description="State of the page: `online`, `removed` and others; empty if unknown.")
    sentence: str = Field(description="Description of the result.")
    finished_at: Moment | None
    next_visit_at: Moment | None = Field(
        alias="next_at", description="Time of the next visit; null if none is planned."
    )

    @staticmethod
    def resolve_files(row: models.Capture) -> list[str]:
        return [file["name"] for file in row.kept]

    @staticmethod
    def resolve_page_status(row: models.Capture) -> str:
        return str(recaptures.standing_of(row.outcome)) if row.state == models.StepState.DONE else ""

    @staticmethod
    def resolve_sentence(row: models.Capture) -> object:
        return row.sentence or row.error


class CaseEvent(Answer):
    """An entry in the history of a case."""

    at: Moment = Field(examples=[NOON])
    kind: str = Field(description="Type of the event.")
    by: str = Field(alias="actor", description="Member or part of Exhibit that caused the event.")
    sentence: str = Field(description="Description of the event.")

    @staticmethod
    def resolve_sentence(row: models.CaseEvent) -> str:
        return render_english(row.said, row.sentence)


class Case(CaseSummary):
    """A case with its uses and bundles."""

    uses: list[Use] = Field(description="Matched pictures on pages.")
    bundles: list[Bundle] = Field(description="Sealed evidence.")

    resolve_uses = staticmethod(Use.of_case)


class AlsoShown(Answer):
    """Another work of the owner that a found picture shows."""

    number: int = Field(examples=[12], description="Number of the work.")
    title: str
    file: str = Field(description="Name of the registered file.")
    decision: str = Field(description="`certain` or `review`.", examples=["certain"])


class ThirdPartyStatement(Answer):
    """A third party's statement about when a picture or page existed. Exhibit did not observe it."""

    page_url: str = Field(examples=["https://shop.example/42"], description="URL of the page.")
    image_url: str = Field(description="URL of the picture.")
    kind: SeenKind = Field(description="Source and type of the statement.", examples=["archive-captured"])
    source: str = Field(description="Name of the source; empty if `kind` identifies it.", examples=["Internet Archive"])
    subject: str = Field(description="Subject of the statement: `picture` or `page`.", examples=["picture"])
    stated_time: str = Field(
        description="Stated time in ISO 8601, as precise as the source states it; empty if the source has none.",
        examples=["2019-03-03T10:15:57Z"],
    )
    url: str = Field(description="URL to check the statement; empty if there is none.")
    received_at: Moment = Field(description="Time at which Exhibit received the statement.", examples=[NOON])
    is_same_picture: bool | None = Field(
        description="Whether it concerns the same bytes; null if that cannot be determined."
    )

    @classmethod
    def _from_facts(cls, seen: models.Sighting, one: ElsewhereFacts) -> Self:
        return cls(
            page_url=seen.page_url,
            image_url=seen.image_url,
            kind=one.kind,
            source=one.by,
            subject=one.of,
            stated_time=one.stated,
            url=one.where,
            received_at=one.learnt,
            is_same_picture=one.same,
        )

    @classmethod
    def of_case(cls, row: models.Case) -> list[Self]:
        """Return the statements about a case's pages."""
        prefetch_related_objects([row], QUESTIONS)
        return [
            cls._from_facts(place.first, one)
            for number, place in enumerate(places_of(rows_of(row, for_sealing=False)), 1)
            for one in elsewhere_of(row, place, number)[0]
        ]


class CaseDetails(Case):
    """A case with all details."""

    also_shown: list[AlsoShown] = Field(description="Other works that the found pictures show.")
    third_party_statements: list[ThirdPartyStatement] = Field(
        description="Statements by third parties about earlier publication."
    )
    claim_checks: list[ClaimCheck] = Field(description="Facts that may weaken the claim.")
    captures: list[Capture] = Field(description="Visits recorded as evidence.")
    history: list[CaseEvent] = Field(description="Events of the case, oldest first.")

    @staticmethod
    def resolve_also_shown(row: models.Case) -> object:
        return find_other_works([row]).get(row.pk, [])

    resolve_third_party_statements = staticmethod(ThirdPartyStatement.of_case)

    @staticmethod
    def resolve_claim_checks(row: models.Case) -> list[ClaimCheck]:
        return ClaimCheck.of(check_cases([row]))

    @staticmethod
    def resolve_captures(row: models.Case) -> object:
        return row.captures.select_related("sighting").order_by("pk")

    @staticmethod
    def resolve_history(row: models.Case) -> object:
        return row.events.order_by("at", "pk")


class LicenceFit(Answer):
    """How a licence covers a case."""

    licence: int = Field(alias="licence.number", examples=[2], description="Number of the licence.")
    covered_pages: int = Field(alias="covered", description="Pages of the case that the licence covers.")
    pages: int = Field(alias="of", description="Pages of the case.", examples=[3])
    reason: str = Field(
        alias="why_not", description="Reason why it does not cover the others.", examples=["is for other.example"]
    )


class LicenceFits(Answer):
    """Licences that may cover a case, most likely first."""

    licences: list[LicenceFit]


class DecisionResult(Answer):
    """Result of a decision for one case."""

    applied: bool = Field(
        description="Whether the decision was applied; false if another member decided first.",
        examples=[True],
    )
    case: CaseSummary


class DecisionResults(Answer):
    """Result of a decision about several cases."""

    remaining: int = Field(description="Number of cases that need a review.", examples=[12])
    outcomes: list[DecisionResult]


class AssignmentChange(Answer):
    """A change of an assignment. Members are identified by `person`; null means unassigned."""

    case: int = Field(examples=[3])
    before: int | None = Field(description="Previous member; assign it again to undo the change.", examples=[None])
    after: int | None = Field(examples=[7], description="New member.")


class Assignments(Answer):
    """Changed assignments. Cases that were already assigned to the member are omitted."""

    changes: list[AssignmentChange]


def with_uses(cases: QuerySet[models.Case]) -> QuerySet[models.Case]:
    """Cases with all that :class:`Case` reads, in few queries."""
    uses = models.CaseSighting.objects.select_related("match", "sighting__picture", "licence").order_by("pk")
    bundles = models.Bundle.objects.select_related("case__owner", "submission").order_by("number")
    return cases.prefetch_related(Prefetch("case_sightings", uses), Prefetch("bundles", bundles), "captures")


class PasskeyChallenge(Answer):
    """Challenge for a passkey."""

    public_key: dict[str, Any] = Field(description="Argument `publicKey` of `navigator.credentials.get`, as JSON.")
