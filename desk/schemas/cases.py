"""Responses about cases."""

from typing import Any, Self

from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from pydantic import Field

from desk.schemas.base import (
    EXAMPLE_TIME,
    EXPOSURE_DESCRIPTION,
    FIGURES_DESCRIPTION,
    RELATED_DESCRIPTION,
    Hex,
    ResponseBody,
    UtcTime,
)
from desk.schemas.evidence import Bundle
from desk.schemas.notices import ClaimCheck
from evidence.facts.case import ElsewhereFacts
from exhibit.periods import get_earliest_time, get_latest_time
from exhibit.types import Decision, SourceStatementKind
from registry import models
from registry.bundles.facts import QUESTIONS_PREFETCH, list_third_party_statements
from registry.bundles.sentences import FINGERPRINTS_ONLY
from registry.cases import recaptures
from registry.cases.history import render_english
from registry.cases.other_works import find_other_works
from registry.cases.places import get_grouping_key, group_by_place, list_case_sightings
from registry.matches import calibrations
from registry.notices.claim_check import check_cases


class CaseWork(ResponseBody):
    """Summary of the work of a case."""

    number: int = Field(description="Number of the work.")
    title: str = Field(description="Title of the work.")
    file: str = Field(alias="source_name", description="Name of the registered file.")


class CaseSummary(ResponseBody):
    """A case in a list."""

    number: int = Field(examples=[3], description="Number of the case.")
    work: CaseWork = Field(description="Work that is used.")
    site: str = Field(alias="party", examples=["shop.example"], description="Site that uses the work.")
    decision: str = Field(
        examples=["open"], description="`open`, `confirmed` (not licensed), `licensed` or `dismissed`."
    )
    decided_at: UtcTime | None = Field(description="Time of the decision; null if the case is open.")
    decided_by: str = Field(description="Member who decided; empty if the licence ledger did.")
    reason: str = Field(description="Reason for the decision.")
    demonstration: bool = Field(description="Whether the case was confirmed for a demonstration, without a review.")
    needs_review: bool = Field(alias="is_pending", description="Whether the case needs a review.")
    is_related: bool = Field(
        alias="is_related",
        description="Whether all found pictures are only related to the work: similar, but not established as copies.",
    )
    opened_at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the case was opened.")
    disputed_at: UtcTime | None = Field(
        description="Time at which a member disputed the decision; null if it is not disputed."
    )
    assigned_to: int | None = Field(
        alias="assigned_to_id",
        description="Member to whom the case is assigned (`person` of the member); null if unassigned.",
        examples=[7],
    )
    agency: str = Field(
        description="Agency most recently asked whether it sold a licence; empty if none was.", examples=[""]
    )
    agency_asked_at: UtcTime | None = Field(
        alias="asked_at",
        description="Time at which the agency was asked, while its reply is pending. Notices are blocked meanwhile.",
    )
    pages: int = Field(
        alias="places",
        description="Number of pages with a found picture, counted once for each picture on the page.",
        examples=[2],
    )
    page_status: str = Field(
        alias="standing",
        description=(
            "Result of the latest visits: `online`, `hidden` (file online but not shown), `changed`, `unseen` "
            "(could not be visited), or `removed` if the picture was removed from all pages."
        ),
    )


class Calibration(ResponseBody):
    """Calibration of match probabilities, with its bound on false alarms."""

    name: str = Field(description="Name of the calibration.")
    digest: Hex
    false_alarms_in_a_million_at_most: int = Field(
        description="Maximum false alarms per million pictures (upper bound at 95% confidence)."
    )
    photographs: int = Field(description="Number of photographs with which the bound was measured.")

    @classmethod
    def from_match(cls, match: models.Match) -> Self | None:
        """Return the calibration of a match's probability, with its bound on false alarms for the match's decision."""
        if match.calibration is None:
            return None
        calibration = calibrations.load_calibration(match.calibration)
        bound = calibration.get_bound(Decision(match.decision))
        measurements = {"false_alarms_in_a_million_at_most": bound.per_million, "photographs": bound.photographs}
        return cls(name=calibration.name, digest=match.calibration.hex, **measurements)


class Use(ResponseBody):
    """A picture of the work on a page, combined from all crawls that found it there."""

    page_url: str = Field(alias="sighting.page_url", description="URL of the page.")
    image_url: str = Field(alias="sighting.image_url", description="URL of the picture.")
    first_seen: UtcTime | None = Field(
        description="Time of the first sighting; null if the web archive gives no time.", examples=[EXAMPLE_TIME]
    )
    last_seen: UtcTime | None = Field(examples=[EXAMPLE_TIME], description="Time of the latest sighting.")
    period: str = Field(
        alias="sighting.period",
        description="Period of the sighting, such as `2016-01`, if a web archive gives a period instead of a time.",
        examples=[""],
    )
    picture: Hex = Field(alias="sighting.picture.digest", description="Digest of the found picture.")
    incomplete: bool | None = Field(
        alias="sighting.picture.incomplete",
        description="Whether the file is truncated or damaged; null if unknown.",
    )
    comparison: int = Field(
        alias="match_id", description="Number of the comparison, used to get its drawings.", examples=[97]
    )
    match: str = Field(
        alias="match.decision",
        description="`certain`, `review` (possible match) or `related` (related picture).",
        examples=["certain"],
    )
    by_fingerprints: bool = Field(
        description="Whether only fingerprints were compared, because the file of the work's picture is not stored "
        "here."
    )
    licence: int | None = Field(
        alias="licence.number", description="Number of the licence that covers the use; null if none does."
    )
    hamming: int = Field(alias="match.hamming", description="Hamming distance of the perceptual hashes, in bits.")
    inliers: int = Field(alias="match.inliers", description="Number of matching keypoints that fit the alignment.")
    dense: float = Field(
        alias="match.dense",
        description="Fraction of the textured blocks in the overlap whose pixels agree, from 0 to 1.",
    )
    related: float | None = Field(alias="match.related", description=RELATED_DESCRIPTION)
    exposure: float | None = Field(alias="match.exposure", description=EXPOSURE_DESCRIPTION)
    figures: dict[str, float | None] = Field(alias="match.figures", description=FIGURES_DESCRIPTION)
    mirrored: bool = Field(alias="match.mirrored", description="Whether the found picture is mirrored.")
    rotation: int = Field(
        alias="match.rotation", description="Rotation of the found picture in degrees, counterclockwise."
    )
    probability: float | None = Field(
        alias="match.probability", description="Probability that the match is correct; null if it is not calibrated."
    )
    calibration: Calibration | None = Field(description="Calibration of the probability; null if there is none.")

    @staticmethod
    def resolve_by_fingerprints(row: models.CaseSighting) -> bool:
        return FINGERPRINTS_ONLY in row.match.reasons

    @staticmethod
    def resolve_calibration(row: models.CaseSighting) -> object:
        return Calibration.from_match(row.match)

    @classmethod
    def from_case(cls, row: models.Case) -> list[Self]:
        """Return the uses of a case, in the order in which they were found."""
        grouped: dict[tuple[object, ...], list[models.CaseSighting]] = {}
        for case_sighting in sorted(row.case_sightings.all(), key=lambda case_sighting: case_sighting.pk):
            grouped.setdefault(
                (*get_grouping_key(case_sighting.sighting), case_sighting.match_id, case_sighting.licence_id), []
            ).append(case_sighting)
        last_online = recaptures.find_last_online_times(row.captures.all())
        return [
            cls.from_row(
                use_sightings[0],
                first_seen=get_earliest_time(case_sighting.sighting.first_seen for case_sighting in use_sightings),
                last_seen=get_latest_time(
                    [
                        *(case_sighting.sighting.last_seen for case_sighting in use_sightings),
                        last_online.get(recaptures.get_place_key(use_sightings[0].sighting)),
                    ]
                ),
            )
            for use_sightings in grouped.values()
        ]


class Capture(ResponseBody):
    """A visit to a page of a case, recorded as evidence."""

    id: int = Field(alias="pk", examples=[41], description="Identifier of the capture.")
    page_url: str = Field(
        alias="sighting.page_url", examples=["https://shop.example/42"], description="URL of the page."
    )
    number: int = Field(description="Number of the visit to this page, starting with 1.", examples=[1])
    files: list[str] = Field(examples=[["page.png"]], description="Names of the recorded files.")
    state: str = Field(description="`todo` (pending), `doing` (running), `done` or `failed`.")
    method: str = Field(description="Method of the visit: `browser`, or `plain` for HTTP requests without a browser.")
    outcome: str = Field(description="Stable identifier of the result.")
    page_status: str = Field(
        description="State of the picture on the page: `online`, `hidden`, `changed`, `unseen` "
        "or `removed`; empty if unknown."
    )
    sentence: str = Field(description="Description of the result.")
    finished_at: UtcTime | None = Field(description="Time at which the visit ended; null until then.")
    next_visit_at: UtcTime | None = Field(
        alias="next_at", description="Time of the next visit; null if none is planned."
    )

    @staticmethod
    def resolve_files(row: models.Capture) -> list[str]:
        return [file["name"] for file in row.kept]

    @staticmethod
    def resolve_page_status(row: models.Capture) -> str:
        return str(recaptures.get_place_state(row.outcome)) if row.state == models.StepState.DONE else ""

    @staticmethod
    def resolve_sentence(row: models.Capture) -> object:
        return row.sentence or row.error


class CaseEvent(ResponseBody):
    """An entry in the history of a case."""

    at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time of the event.")
    kind: str = Field(description="Type of the event.")
    by: str = Field(alias="actor", description="Member or component of Exhibit that caused the event.")
    sentence: str = Field(description="Description of the event.")

    @staticmethod
    def resolve_sentence(row: models.CaseEvent) -> str:
        return render_english(row.said, row.sentence)


class Case(CaseSummary):
    """A case with its uses and bundles."""

    uses: list[Use] = Field(description="Pictures of the work that were found on pages.")
    bundles: list[Bundle] = Field(description="Bundles of sealed evidence.")

    resolve_uses = staticmethod(Use.from_case)


class AlsoShown(ResponseBody):
    """Another work of the owner that a found picture shows."""

    number: int = Field(examples=[12], description="Number of the work.")
    title: str = Field(description="Title of the work.")
    file: str = Field(description="Name of the registered file.")
    decision: str = Field(description="`certain` or `review`.", examples=["certain"])


class ThirdPartyStatement(ResponseBody):
    """A third party's statement about when a picture or page existed, which Exhibit did not observe itself."""

    page_url: str = Field(examples=["https://shop.example/42"], description="URL of the page.")
    image_url: str = Field(description="URL of the picture.")
    kind: SourceStatementKind = Field(description="Source and type of the statement.", examples=["archive-captured"])
    source: str = Field(description="Name of the source; empty if `kind` identifies it.", examples=["Internet Archive"])
    subject: str = Field(description="Subject of the statement: `picture` or `page`.", examples=["picture"])
    stated_time: str = Field(
        description="Stated time in ISO 8601, with the precision of the source; empty if the source gives no time.",
        examples=["2019-03-03T10:15:57Z"],
    )
    url: str = Field(description="URL where the statement can be checked; empty if there is none.")
    received_at: UtcTime = Field(description="Time at which Exhibit received the statement.", examples=[EXAMPLE_TIME])
    is_same_picture: bool | None = Field(
        description="Whether the statement concerns a picture with the same bytes; null if this cannot be determined."
    )

    @classmethod
    def _from_facts(cls, sighting: models.Sighting, facts: ElsewhereFacts) -> Self:
        return cls(
            page_url=sighting.page_url,
            image_url=sighting.image_url,
            kind=facts.kind,
            source=facts.by,
            subject=facts.of,
            stated_time=facts.stated,
            url=facts.where,
            received_at=facts.learnt,
            is_same_picture=facts.same,
        )

    @classmethod
    def from_case(cls, row: models.Case) -> list[Self]:
        """Return the statements about a case's pages."""
        prefetch_related_objects([row], QUESTIONS_PREFETCH)
        return [
            cls._from_facts(page.first, facts)
            for number, page in enumerate(group_by_place(list_case_sightings(row, for_sealing=False)), 1)
            for facts in list_third_party_statements(row, page, number)[0]
        ]


class CaseDetails(Case):
    """A case with its captures, history, claim checks and third-party statements."""

    also_shown: list[AlsoShown] = Field(description="Other works of the owner that the found pictures show.")
    third_party_statements: list[ThirdPartyStatement] = Field(
        description="Statements by third parties about when the pictures or pages existed."
    )
    claim_checks: list[ClaimCheck] = Field(description="Facts that may weaken the claim.")
    captures: list[Capture] = Field(description="Visits recorded as evidence.")
    history: list[CaseEvent] = Field(description="Events of the case, oldest first.")

    @staticmethod
    def resolve_also_shown(row: models.Case) -> object:
        return find_other_works([row]).get(row.pk, [])

    resolve_third_party_statements = staticmethod(ThirdPartyStatement.from_case)

    @staticmethod
    def resolve_claim_checks(row: models.Case) -> list[ClaimCheck]:
        return ClaimCheck.from_checks(check_cases([row]))

    @staticmethod
    def resolve_captures(row: models.Case) -> object:
        return row.captures.select_related("sighting").order_by("pk")

    @staticmethod
    def resolve_history(row: models.Case) -> object:
        return row.events.order_by("at", "pk")


class LicenceFit(ResponseBody):
    """Extent to which a licence covers a case."""

    licence: int = Field(alias="licence.number", examples=[2], description="Number of the licence.")
    covered_pages: int = Field(alias="covered", description="Number of pages of the case that the licence covers.")
    pages: int = Field(alias="of", description="Number of pages of the case.", examples=[3])
    reason: str = Field(
        alias="why_not",
        description="Reason why the licence does not cover the other pages.",
        examples=["is for other.example"],
    )


class LicenceFits(ResponseBody):
    """Licences that may cover a case, most likely first."""

    licences: list[LicenceFit] = Field(description="Licences and the pages that they cover.")


class DecisionResult(ResponseBody):
    """Result of a decision for one case."""

    applied: bool = Field(
        description="Whether the decision was applied; false if another member decided first.",
        examples=[True],
    )
    case: CaseSummary = Field(description="The case after the decision.")


class DecisionResults(ResponseBody):
    """Result of a decision on several cases."""

    remaining: int = Field(description="Number of cases that still need a review.", examples=[12])
    outcomes: list[DecisionResult] = Field(description="Results, one for each case.")


class AssignmentChange(ResponseBody):
    """Change of the member to whom a case is assigned. Members are identified by `person`."""

    case: int = Field(examples=[3], description="Number of the case.")
    before: int | None = Field(
        description="Member assigned before, to undo the change; null if unassigned.", examples=[None]
    )
    after: int | None = Field(examples=[7], description="Member now assigned; null if unassigned.")


class Assignments(ResponseBody):
    """Changed assignments. Cases that were already assigned to the member are omitted."""

    changes: list[AssignmentChange] = Field(description="Changes, one for each case.")


def prefetch_uses(cases: QuerySet[models.Case]) -> QuerySet[models.Case]:
    """Prefetch all rows that :class:`Case` reads, to load cases in few queries."""
    uses = models.CaseSighting.objects.select_related("match", "sighting__picture", "licence").order_by("pk")
    bundles = models.Bundle.objects.select_related("case__owner", "submission").order_by("number")
    return cases.prefetch_related(Prefetch("case_sightings", uses), Prefetch("bundles", bundles), "captures")


class PasskeyChallenge(ResponseBody):
    """Challenge for a passkey to sign."""

    public_key: dict[str, Any] = Field(description="Argument `publicKey` of `navigator.credentials.get`, as JSON.")
