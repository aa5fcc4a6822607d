"""Cases and their decisions."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field

from desk.api.common.auth import DECIDE, Call, get_request_owner
from desk.api.common.idempotency import make_idempotent
from desk.api.common.openapi import describe_file_response
from desk.api.common.pagination import Cursor, Limit, get_page
from desk.passkeys import create_challenge, verify_passkey_response
from desk.schemas import cases as schemas, requests
from desk.schemas.base import Page
from desk.texts.cases import describe_obstacle
from exhibit.errors import ConflictError, NotFoundError
from exhibit.types import CaseDecision
from indexer.draw.draw import MEDIA_TYPE, View, draw
from registry import scoped
from registry.bundles.drawings import load_pair
from registry.cases import archive_queries, assignments, decisions, queue
from registry.cases.decisions import DecisionChoice, DecisionOutcome, DecisionRequest
from registry.cases.licence_check import propose_licences
from registry.log.audit_log import AccessKind, EvidenceKind, log_access
from registry.models import Case, Match
from registry.notices import agencies
from registry.retention.picture_reports import report_picture
from workers import wiring

router = Router(tags=["cases"])
CASES, CASE_PATH = "/owners/{slug:owner}/cases", "/owners/{slug:owner}/cases/{int:number}"
SEARCH_DESCRIPTION = "Text contained in the site name, work title, page URL or picture URL, or a case number."


class CaseFilters(requests.RequestBody):
    """Filters for a list of cases."""

    state: queue.CaseState = Field(
        queue.CaseState.ALL,
        description="Return only cases in this state, such as `waiting` (a decision is needed), "
        "`awaiting-agency` (a reply from a picture agency is pending), "
        "`related` (only related pictures) or `look-alikes` (only look-alikes).",
    )
    decision: CaseDecision | None = Field(None, description="Return only cases with this decision.")
    site: str = Field("", max_length=260, pattern=requests.TEXT_PATTERN, description="Return only cases of this site.")
    work: int | None = Field(
        None, ge=1, le=2_147_483_647, description="Return only cases of the work with this number."
    )
    q: str = Field("", max_length=2_000, pattern=requests.TEXT_PATTERN, description=SEARCH_DESCRIPTION)
    certainty: queue.Certainty = Field(
        queue.Certainty.ANY, description="Return only cases with a match of this certainty."
    )
    assigned_to: str = Field(
        "",
        pattern=f"^({queue.UNASSIGNED}|[0-9]{{1,9}})?$",
        description="Return only cases assigned to the member with this number (`person` in the list of members), or "
        "unassigned cases (`nobody`).",
    )


@router.get(CASES, response=Page[schemas.CaseSummary])
def list_cases(
    request: Call, owner: str, wanted: Query[CaseFilters], cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.CaseSummary]:
    """List cases. A case contains all uses of one work by one site."""
    filters = wanted.state, wanted.q, wanted.certainty, wanted.work, wanted.site
    rows = queue.filter_cases(get_request_owner(request), queue.CaseFilter(*filters, assigned=wanted.assigned_to))
    if wanted.decision is not None:
        rows = rows.filter(decision=wanted.decision.value)
    return get_page(rows, schemas.CaseSummary, cursor, limit)


@router.get(CASE_PATH, response=schemas.CaseDetails)
def get_case(request: Call, owner: str, number: int) -> schemas.CaseDetails:
    """Get a case with its uses, matches, captures, evidence and history."""
    row = (
        schemas.prefetch_uses(Case.objects.filter(pk=scoped.get_case(get_request_owner(request), number).pk))
        .select_related("work")
        .get()
    )
    log_access(EvidenceKind.CASE, AccessKind.VIEWED, get_request_owner(request), by=request.auth.by, case=number)
    return schemas.CaseDetails.from_row(row)


@router.get(CASE_PATH + "/licences", response=schemas.LicenceFits, operation_id="list_licences_for_case")
def list_licences_for_case(request: Call, owner: str, number: int) -> schemas.LicenceFits:
    """List licences that may cover a case, most likely first, with the pages that they do not cover and why."""
    licence_fits = propose_licences(scoped.get_case(get_request_owner(request), number))
    return schemas.LicenceFits(
        licences=[schemas.LicenceFit.from_row(fit, reason=describe_obstacle(fit.obstacle)) for fit in licence_fits]
    )


@router.get(CASE_PATH + "/comparisons/{int:comparison}/{view}", openapi_extra=describe_file_response(MEDIA_TYPE))
def get_drawing(request: Call, owner: str, number: int, comparison: int, view: View) -> HttpResponse:
    """Get a drawing of a comparison. The comparison numbers are listed in the `uses` of the case."""
    row = scoped.get_case(get_request_owner(request), number)
    match = Match.objects.filter(pk=comparison, case_sightings__case=row).exclude(transform=None).first()
    if match is None or not scoped.can_see_picture(get_request_owner(request), match.found):
        raise NotFoundError("There is no such drawing in this case.")
    log_access(EvidenceKind.CASE, AccessKind.VIEWED, get_request_owner(request), by=request.auth.by, case=number)
    return HttpResponse(draw(view, load_pair(wiring.services(), match)), content_type=MEDIA_TYPE)


@router.post(CASE_PATH + "/decisions", response={201: schemas.CaseSummary}, auth=DECIDE)
@make_idempotent
def decide_case(request: Call, owner: str, number: int, new: requests.NewDecision) -> schemas.CaseSummary:
    """Decide an open case, or reopen a decided case. Confirming a case seals its evidence after a few seconds.

    Returns 409 if another member has decided the case in the meantime.
    """
    (outcome,) = decisions.decide_cases(
        wiring.services(), get_request_owner(request), [number], _build_decision_request(request, new)
    )
    return _summarize_outcome(outcome)


@router.post(CASES + "/decisions", response=schemas.DecisionResults, auth=DECIDE)
@make_idempotent
def decide_cases(request: Call, owner: str, new: requests.NewDecisions) -> schemas.DecisionResults:
    """Apply one decision to several cases. Cases that are no longer open are not changed."""
    outcomes = decisions.decide_cases(
        wiring.services(), get_request_owner(request), sorted(new.cases), _build_decision_request(request, new)
    )
    outcome_list = [
        schemas.DecisionResult(applied=outcome.is_applied, case=schemas.CaseSummary.from_row(outcome.case))
        for outcome in outcomes
    ]
    return schemas.DecisionResults(
        remaining=queue.count_pending_cases(get_request_owner(request)), outcomes=outcome_list
    )


@router.post(CASE_PATH + "/undo", response={201: schemas.CaseSummary}, auth=DECIDE)
@make_idempotent
def undo_decision(request: Call, owner: str, number: int) -> schemas.CaseSummary:
    """Undo your own decision. Returns 409 if another member has decided the case since then."""
    (outcome,) = decisions.decide_cases(
        wiring.services(), get_request_owner(request), [number], DecisionRequest(DecisionChoice.UNDO, request.auth.by)
    )
    return _summarize_outcome(outcome)


@router.post(CASES + "/assignments", response=schemas.Assignments, auth=DECIDE)
@make_idempotent
def assign_cases(request: Call, owner: str, new: requests.NewAssignment) -> schemas.Assignments:
    """Assign cases to a member, or unassign them. Returns 404 if there is no such member."""
    changes = assignments.assign_cases(get_request_owner(request), new.cases, new.member, by=request.auth.by)
    return schemas.Assignments(changes=[schemas.AssignmentChange(**asdict(change)) for change in changes])


@router.post("/owners/{slug:owner}/passkeys", response={201: schemas.PasskeyChallenge}, auth=DECIDE)
def create_passkey_challenge(request: Call, owner: str, new: requests.PasskeyRequest) -> schemas.PasskeyChallenge:
    """Create the challenge that a passkey signs to confirm a case or to report a picture for removal.

    Pass the challenge to `navigator.credentials.get` in the browser within five minutes, and send the result as
    `passkey` with the action.
    """
    return schemas.PasskeyChallenge(
        public_key=create_challenge(get_request_owner(request), request.auth.user, new.action, str(new.case))[
            "publicKey"
        ]
    )


@router.post(CASE_PATH + "/notes", response={201: schemas.CaseSummary}, auth=DECIDE)
@make_idempotent
def add_note(request: Call, owner: str, number: int, new: requests.NewNote) -> schemas.CaseSummary:
    """Add a note to the history of a case."""
    return _apply_action(request, number, lambda row: decisions.add_note(row, by=request.auth.by, text=new.text))


@router.post(CASE_PATH + "/dispute", response={201: schemas.CaseSummary}, auth=DECIDE, operation_id="dispute_decision")
@make_idempotent
def dispute_case(request: Call, owner: str, number: int, new: requests.Reason) -> schemas.CaseSummary:
    """Dispute the decision of a case. The decision stays in force until it is changed."""
    return _apply_action(
        request, number, lambda row: decisions.dispute_decision(row, by=request.auth.by, reason=new.reason)
    )


@router.post(CASE_PATH + "/settle", response={201: schemas.CaseSummary}, auth=DECIDE, operation_id="settle_dispute")
@make_idempotent
def settle_dispute(request: Call, owner: str, number: int, new: requests.Reason) -> schemas.CaseSummary:
    """Settle a dispute. The decision stays in force."""
    return _apply_action(
        request, number, lambda row: decisions.uphold_decision(row, by=request.auth.by, reason=new.reason)
    )


@router.post(
    CASE_PATH + "/queue-for-review",
    response={201: schemas.CaseSummary},
    auth=DECIDE,
    operation_id="queue_case_for_review",
)
@make_idempotent
def queue_case_for_review(request: Call, owner: str, number: int) -> schemas.CaseSummary:
    """Move a case with a look-alike or a related picture to the cases that need a review."""
    return _apply_action(request, number, lambda row: decisions.return_to_queue(row, by=request.auth.by))


@router.post(CASE_PATH + "/agency-inquiry", response={201: schemas.CaseSummary}, auth=DECIDE)
@make_idempotent
def record_agency_inquiry(request: Call, owner: str, number: int, new: requests.AgencyInquiry) -> schemas.CaseSummary:
    """Record that you asked a picture agency whether it sold a licence.

    Exhibit sends nothing to the agency. Notices are blocked until the reply is recorded.
    `GET cases?state=awaiting-agency` lists these cases.
    """
    return _apply_action(request, number, lambda row: agencies.record_inquiry(row, new.agency, by=request.auth.by))


@router.post(CASE_PATH + "/agency-inquiry/reply", response={201: schemas.CaseSummary}, auth=DECIDE)
@make_idempotent
def record_agency_reply(request: Call, owner: str, number: int, new: requests.NewNote) -> schemas.CaseSummary:
    """Record the reply of the agency in your own words. Notices are no longer blocked."""
    return _apply_action(request, number, lambda row: agencies.record_reply(row, new.text, by=request.auth.by))


@router.post(
    CASE_PATH + "/archive-lookup", response={201: schemas.CaseSummary}, auth=DECIDE, operation_id="look_up_in_archive"
)
@make_idempotent
def look_up_in_archive(request: Call, owner: str, number: int) -> schemas.CaseSummary:
    """Ask a web archive when it captured the pages and pictures of a confirmed case.

    The archive receives up to five URLs. Results appear in `third_party_statements` of the case after a few seconds.
    """
    return _apply_action(
        request, number, lambda row: archive_queries.request_queries(wiring.services(), row, by=request.auth.by)
    )


@router.post(CASE_PATH + "/report", response={201: schemas.CaseSummary}, auth=DECIDE, operation_id="report_picture")
def report_case_picture(request: Call, owner: str, number: int, new: requests.ReportedPicture) -> schemas.CaseSummary:
    """Report the found picture as illegal content. It is hidden from all members and then permanently deleted.

    If other owners have evidence of the picture, the operator decides whether to delete it. Repeated requests have no
    effect, so the operation does not accept an idempotency key.
    """
    by, reason, passkey = request.auth.by, new.reason.strip(), verify_passkey_response(request.auth.user, new.passkey)
    action = partial(report_picture, wiring.services(), by=by, reason=reason, passkey=passkey)
    return _apply_action(request, number, action)


def _build_decision_request(request: Call, new: requests.NewDecision) -> DecisionRequest:
    choice = (
        DecisionChoice.COPIES
        if new.is_copy and new.decision == CaseDecision.DISMISSED
        else DecisionChoice(new.decision.value)
    )
    licence = None if new.licence is None else scoped.get_licence(get_request_owner(request), new.licence)
    passkey = verify_passkey_response(request.auth.user, new.passkey)
    return DecisionRequest(choice, request.auth.by, new.reason, licence, passkey=passkey)


def _summarize_outcome(outcome: DecisionOutcome) -> schemas.CaseSummary:
    row = outcome.case
    if outcome.refusal is not None and row.decision == CaseDecision.OPEN:
        raise outcome.refusal
    if not outcome.is_applied:
        by = f" by {row.decided_by}" if row.decided_by else ""
        hint = "Review the case. If the decision is wrong, reopen the case first, with a reason."
        raise ConflictError(f"Case {row.number} was already decided as {row.decision}{by}.", hint=hint)
    return schemas.CaseSummary.from_row(row)


def _apply_action(request: Call, number: int, action: Callable[[Case], object]) -> schemas.CaseSummary:
    action(scoped.get_case(get_request_owner(request), number))
    return schemas.CaseSummary.from_row(scoped.get_case(get_request_owner(request), number))
