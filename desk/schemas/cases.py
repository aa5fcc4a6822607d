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
from evidence.facts.case import ThirdPartyStatementFacts
from exhibit.periods import get_earliest_time, get_latest_time
from exhibit.types import Decision, SourceStatementKind
from registry import models
from registry.bundles.facts import ARCHIVE_LOOKUPS_PREFETCH, list_third_party_statements
from registry.bundles.sentences import FINGERPRINTS_ONLY
from registry.cases import recaptures
from registry.cases.history import render_english
from registry.cases.other_works import find_other_works
from registry.cases.places import get_grouping_key, group_by_place, list_case_sightings
from registry.matches import calibrations
from registry.notices.claim_check import check_cases


class CaseWork(ResponseBody):
    """Summary of the work of a case."""

    number: int = Field(description="Work number.")
    title: str = Field(description="Title of the work.")
    file: str = Field(alias="source_name", description="File name of the registered picture.")


class CaseSummary(ResponseBody):
    """A case in a list."""

    number: int = Field(examples=[3], description="Case number.")
    work: CaseWork = Field(description="Work that the found pictures show.")
    site: str = Field(alias="party", examples=["shop.example"], description="Site on which the pictures were found.")
    decision: str = Field(
        examples=["open"],
        description=(
            "Decision on the case: `open` (no decision yet), `confirmed` (not licensed), `licensed` or `dismissed`."
        ),
    )
    decided_at: UtcTime | None = Field(
        description="Time at which the case was last decided or reopened; null if it has never been decided."
    )
    decided_by: str = Field(
        description=(
            "Member who last decided or reopened the case, or `licence ledger`; empty if it has never been decided."
        )
    )
    reason: str = Field(description="Reason for the decision.")
    demonstration: bool = Field(
        description="Whether the case was confirmed only for a demonstration, without a review."
    )
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
        description=(
            "Number of the member to whom the case is assigned (`person` of the member); null if the case is "
            "unassigned."
        ),
        examples=[7],
    )
    agency: str = Field(
        description=(
            "Picture agency that was most recently asked whether it sold a licence; empty if no agency was asked."
        ),
        examples=[""],
    )
    agency_asked_at: UtcTime | None = Field(
        description=(
            "Time at which the agency was asked; null unless its reply is pending. Until the reply is recorded, "
            "notices about the case are blocked."
        ),
    )
    pages: int = Field(
        alias="places",
        description=(
            "Number of pages with found pictures. A page with several found pictures is counted once for each of them."
        ),
        examples=[2],
    )
    page_status: str = Field(
        alias="standing",
        description=(
            "State of the found pictures at the latest visits: `online`, `hidden` (the file exists, but the page "
            "does not show it), `changed` (the URL of the picture returns a different file), `unseen` (the page "
            "could not be visited) or `removed` (removed from all pages). If the states of the pages differ, the "
            "first of these values that applies to any page is returned."
        ),
    )


class Calibration(ResponseBody):
    """Calibration of match probabilities, with its bound on false alarms."""

    name: str = Field(description="Name of the calibration.")
    digest: Hex
    false_alarms_in_a_million_at_most: int = Field(
        description="Upper bound on the number of false alarms per million pictures, at 95% confidence."
    )
    photographs: int = Field(description="Number of photographs that were used to measure the bound on false alarms.")

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
        description="Time of the first sighting; null if a web archive gives no exact time.", examples=[EXAMPLE_TIME]
    )
    last_seen: UtcTime | None = Field(examples=[EXAMPLE_TIME], description="Time of the latest sighting.")
    period: str = Field(
        alias="sighting.period",
        description=(
            "Period of the sighting, such as `2016-01`, if a web archive gives a period instead of a time; empty "
            "otherwise."
        ),
        examples=[""],
    )
    picture: Hex = Field(alias="sighting.picture.digest", description="Digest of the found picture.")
    incomplete: bool | None = Field(
        alias="sighting.picture.incomplete",
        description="Whether the file is truncated or damaged; null if unknown.",
    )
    comparison: int = Field(
        alias="match_id",
        description="Comparison number, with which drawings of the comparison can be requested.",
        examples=[97],
    )
    match: str = Field(
        alias="match.decision",
        description="Result of the comparison: `certain`, `review` (possible match) or `related` (related picture).",
        examples=["certain"],
    )
    by_fingerprints: bool = Field(
        description=(
            "Whether only fingerprints were compared, because the file of the registered picture is not stored "
            "in this installation."
        )
    )
    licence: int | None = Field(
        alias="licence.number", description="Licence number; null if no licence covers the use."
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
        alias="match.probability",
        description="Probability that the match is correct; null if the probability is not calibrated.",
    )
    calibration: Calibration | None = Field(
        description="Calibration of the probability; null if the probability is not calibrated."
    )

    @staticmethod
    def resolve_by_fingerprints(row: models.CaseSighting) -> bool:
        return FINGERPRINTS_ONLY in row.match.reasons

    @staticmethod
    def resolve_calibration(row: models.CaseSighting) -> object:
        return Calibration.from_match(row.match)

    @classmethod
    def from_case(cls, row: models.Case) -> list[Self]:
        """Return the uses of a case, in the order in which they were found."""
        sightings_by_use: dict[tuple[object, ...], list[models.CaseSighting]] = {}
        for case_sighting in sorted(row.case_sightings.all(), key=lambda case_sighting: case_sighting.pk):
            sightings_by_use.setdefault(
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
            for use_sightings in sightings_by_use.values()
        ]


class Capture(ResponseBody):
    """A visit to a page of a case, recorded as evidence."""

    id: int = Field(alias="pk", examples=[41], description="Identifier of the capture.")
    page_url: str = Field(
        alias="sighting.page_url", examples=["https://shop.example/42"], description="URL of the page."
    )
    number: int = Field(description="Sequence number of the visit to this page, starting with 1.", examples=[1])
    files: list[str] = Field(examples=[["page.png"]], description="Names of the recorded files.")
    state: str = Field(description="State of the visit: `queued`, `running`, `done` or `failed`.")
    method: str = Field(description="Method of the visit: `browser`, or `plain` for HTTP requests without a browser.")
    outcome: str = Field(description="Stable identifier of the result of the visit, such as `captured` or `page-gone`.")
    page_status: str = Field(
        description=(
            "State of the picture on the page: `online`, `hidden` (the file exists, but the page does not show "
            "it), `changed` (the URL of the picture returns a different file), `unseen` (the page could not be "
            "visited) or `removed`; empty until the visit is done."
        )
    )
    sentence: str = Field(description="Description of the result of the visit.")
    finished_at: UtcTime | None = Field(description="Time at which the visit ended; null until then.")
    next_visit_at: UtcTime | None = Field(
        alias="next_at", description="Time of the next visit; null if none is planned."
    )

    @staticmethod
    def resolve_files(row: models.Capture) -> list[str]:
        return [file["name"] for file in row.stored_files]

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


class OtherShownWork(ResponseBody):
    """Another work of the owner that a found picture shows."""

    number: int = Field(examples=[12], description="Work number.")
    title: str = Field(description="Title of the work.")
    file: str = Field(description="File name of the registered picture.")
    decision: str = Field(
        description="Result of the comparison: `certain` or `review` (possible match).", examples=["certain"]
    )


class ThirdPartyStatement(ResponseBody):
    """A statement by a third party about when a picture or page existed. Exhibit did not observe this itself."""

    page_url: str = Field(examples=["https://shop.example/42"], description="URL of the page.")
    image_url: str = Field(description="URL of the picture.")
    kind: SourceStatementKind = Field(
        description=(
            "Source and type of the statement: publication date given by the page (`page-published`), a feed "
            "(`feed-published`) or a search (`search-published`); time at which a search saw the picture "
            "(`search-saw`); time of a record in an imported archive (`archive-recorded`); or a capture by a web "
            "archive, or its absence (`archive-captured`)."
        ),
        examples=["archive-captured"],
    )
    source: str = Field(description="Name of the source; empty if `kind` identifies it.", examples=["Internet Archive"])
    subject: str = Field(description="Subject of the statement: `picture` or `page`.", examples=["picture"])
    stated_time: str = Field(
        description="Stated time in ISO 8601, with the precision of the source; empty if the source gives no time.",
        examples=["2019-03-03T10:15:57Z"],
    )
    url: str = Field(description="URL at which the statement can be checked; empty if there is no such URL.")
    received_at: UtcTime = Field(description="Time at which Exhibit received the statement.", examples=[EXAMPLE_TIME])
    is_same_picture: bool | None = Field(
        description=(
            "Whether the statement concerns a picture with the same bytes as the found picture; null if this "
            "cannot be determined."
        )
    )

    @classmethod
    def _from_facts(cls, sighting: models.Sighting, facts: ThirdPartyStatementFacts) -> Self:
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
        prefetch_related_objects([row], ARCHIVE_LOOKUPS_PREFETCH)
        return [
            cls._from_facts(page.first, facts)
            for number, page in enumerate(group_by_place(list_case_sightings(row, for_sealing=False)), 1)
            for facts in list_third_party_statements(row, page, number)[0]
        ]


class CaseDetails(Case):
    """A case with its captures, history, claim checks and third-party statements."""

    also_shown: list[OtherShownWork] = Field(description="Other works of the owner that the found pictures show.")
    third_party_statements: list[ThirdPartyStatement] = Field(
        description="Statements by third parties about when the pictures or pages existed."
    )
    claim_checks: list[ClaimCheck] = Field(description="Claim check of the case: facts that may weaken the claim.")
    captures: list[Capture] = Field(description="Visits to pages of the case that were recorded as evidence.")
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

    licence: int = Field(alias="licence.number", examples=[2], description="Licence number.")
    covered_pages: int = Field(alias="covered", description="Number of pages of the case that the licence covers.")
    pages: int = Field(alias="of", description="Number of pages of the case.", examples=[3])
    reason: str = Field(
        alias="why_not",
        description="Reason why the licence does not cover the other pages; empty if it covers all pages.",
        examples=["is for other.example"],
    )


class LicenceFits(ResponseBody):
    """Licences that may cover a case, most likely first."""

    licences: list[LicenceFit] = Field(description="Licences, each with the number of pages that it covers.")


class DecisionResult(ResponseBody):
    """Result of a decision for one case."""

    applied: bool = Field(
        description="Whether the decision was applied; false if another member decided the case first.",
        examples=[True],
    )
    case: CaseSummary = Field(description="The case after the decision.")


class DecisionResults(ResponseBody):
    """Result of a decision on several cases."""

    remaining: int = Field(description="Number of cases that still need a review.", examples=[12])
    outcomes: list[DecisionResult] = Field(description="Results of the decision, one for each case.")


class AssignmentChange(ResponseBody):
    """Change of the member to whom a case is assigned. Members are identified by `person`."""

    case: int = Field(examples=[3], description="Case number.")
    before: int | None = Field(
        description=(
            "Previously assigned member; null if the case was unassigned. Assign the case to this member to undo "
            "the change."
        ),
        examples=[None],
    )
    after: int | None = Field(examples=[7], description="Newly assigned member; null if the case is now unassigned.")


class Assignments(ResponseBody):
    """Changed assignments. Cases that were already assigned to the member are omitted."""

    changes: list[AssignmentChange] = Field(description="Changed assignments, one for each case.")


def prefetch_uses(cases: QuerySet[models.Case]) -> QuerySet[models.Case]:
    """Prefetch all rows that :class:`Case` reads, to load cases in few queries."""
    uses = models.CaseSighting.objects.select_related("match", "sighting__picture", "licence").order_by("pk")
    bundles = models.Bundle.objects.select_related("case__owner", "submission").order_by("number")
    return cases.prefetch_related(Prefetch("case_sightings", uses), Prefetch("bundles", bundles), "captures")


class PasskeyChallenge(ResponseBody):
    """Challenge for a passkey to sign."""

    public_key: dict[str, Any] = Field(
        description="Value to pass as `publicKey` to `navigator.credentials.get`, as JSON."
    )
