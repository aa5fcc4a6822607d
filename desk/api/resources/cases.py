"""Cases and their decisions."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field

from desk.api.common.auth import DECIDE, Call, of
from desk.api.common.idempotency import once
from desk.api.common.openapi import file_of
from desk.api.common.pagination import Cursor, Limit, page
from desk.passkeys import create_challenge, verify_answer
from desk.schemas import cases as schemas, requests
from desk.schemas.base import Page
from desk.texts.cases import describe_obstacle
from exhibit.errors import ConflictError, NotFoundError
from exhibit.types import CaseDecision
from indexer.draw.draw import MEDIA_TYPE, View, draw
from registry import scoped
from registry.bundles.drawings import load_pair
from registry.cases import archive_queries, assignments, decisions, queue
from registry.cases.decisions import Choice, DecisionRequest, Outcome
from registry.cases.licence_check import find_fitting
from registry.log.audit_log import AccessKind, Evidence, log_access
from registry.models import Case, Match
from registry.notices import agencies
from registry.retention.picture_reports import report_picture
from workers import wiring

router = Router(tags=["cases"])
CASES, ONE = "/owners/{slug:owner}/cases", "/owners/{slug:owner}/cases/{int:number}"
SEARCHED = "Part of the site, the work's title, or the URL of a page or picture; or the number of the case."


class CaseFilters(requests.RequestBody):
    """Filters for cases."""

    state: queue.State = Field(queue.State.ALL, description="Only cases in this state.")
    decision: CaseDecision | None = Field(None, description="Only cases with this decision.")
    site: str = Field("", max_length=260, pattern=requests.CLEAN, description="Only cases of this site.")
    work: int | None = Field(None, ge=1, le=2_147_483_647, description="Only cases of this work, by its number.")
    q: str = Field("", max_length=2_000, pattern=requests.CLEAN, description=SEARCHED)
    certainty: queue.Certainty = Field(queue.Certainty.ANY, description="Only cases with a match of this certainty.")
    assigned_to: str = Field(
        "",
        pattern=f"^({queue.UNASSIGNED}|[0-9]{{1,9}})?$",
        description="Only cases assigned to this member, or `nobody` for unassigned ones.",
    )


@router.get(CASES, response=Page[schemas.CaseSummary])
def list_cases(
    request: Call, owner: str, wanted: Query[CaseFilters], cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.CaseSummary]:
    """List cases. A case contains all uses of one work by one site."""
    which = wanted.state, wanted.q, wanted.certainty, wanted.work, wanted.site
    rows = queue.filter_cases(of(request), queue.CaseFilter(*which, assigned=wanted.assigned_to))
    if wanted.decision is not None:
        rows = rows.filter(decision=wanted.decision.value)
    return page(rows, schemas.CaseSummary, cursor, limit)


@router.get(ONE, response=schemas.CaseDetails)
def get_case(request: Call, owner: str, number: int) -> schemas.CaseDetails:
    """Get a case with its uses, matches, captures, evidence and history."""
    row = schemas.with_uses(Case.objects.filter(pk=scoped.case(of(request), number).pk)).select_related("work").get()
    log_access(Evidence.CASE, AccessKind.VIEWED, of(request), by=request.auth.by, case=number)
    return schemas.CaseDetails.from_row(row)


@router.get(ONE + "/licences", response=schemas.LicenceFits, operation_id="list_licences_for_case")
def list_licences_for(request: Call, owner: str, number: int) -> schemas.LicenceFits:
    """List licences that may cover a case, most likely first, with the reason why each one does not."""
    fits = find_fitting(scoped.case(of(request), number))
    return schemas.LicenceFits(
        licences=[schemas.LicenceFit.from_row(fit, reason=describe_obstacle(fit.obstacle)) for fit in fits]
    )


@router.get(ONE + "/comparisons/{int:comparison}/{view}", openapi_extra=file_of(MEDIA_TYPE))
def get_drawing(request: Call, owner: str, number: int, comparison: int, view: View) -> HttpResponse:
    """Get a drawing of a comparison. The case lists the comparison with each use."""
    row = scoped.case(of(request), number)
    match = Match.objects.filter(pk=comparison, case_sightings__case=row).exclude(transform=None).first()
    if match is None or not scoped.may_see_picture(of(request), match.found):
        raise NotFoundError("There is no such drawing in this case.")
    log_access(Evidence.CASE, AccessKind.VIEWED, of(request), by=request.auth.by, case=number)
    return HttpResponse(draw(view, load_pair(wiring.services(), match)), content_type=MEDIA_TYPE)


@router.post(ONE + "/decisions", response={201: schemas.CaseSummary}, auth=DECIDE)
@once
def decide_case(request: Call, owner: str, number: int, new: requests.NewDecision) -> schemas.CaseSummary:
    """Decide an open case, or reopen a decided one. Confirming a case seals its evidence after some seconds.

    Returns 409 if another member has decided the case in the meantime.
    """
    (outcome,) = decisions.decide_each(wiring.services(), of(request), [number], _wish(request, new))
    return _decided(outcome)


@router.post(CASES + "/decisions", response=schemas.DecisionResults, auth=DECIDE)
@once
def decide_cases(request: Call, owner: str, new: requests.NewDecisions) -> schemas.DecisionResults:
    """Apply one decision to several cases. Cases that are no longer open are unchanged."""
    outcomes = decisions.decide_each(wiring.services(), of(request), sorted(new.cases), _wish(request, new))
    outcome_list = [
        schemas.DecisionResult(applied=outcome.done, case=schemas.CaseSummary.from_row(outcome.case))
        for outcome in outcomes
    ]
    return schemas.DecisionResults(remaining=queue.count_waiting(of(request)), outcomes=outcome_list)


@router.post(ONE + "/undo", response={201: schemas.CaseSummary}, auth=DECIDE)
@once
def undo_decision(request: Call, owner: str, number: int) -> schemas.CaseSummary:
    """Undo your own decision. Returns 409 if another member has decided the case since."""
    (outcome,) = decisions.decide_each(
        wiring.services(), of(request), [number], DecisionRequest(Choice.UNDO, request.auth.by)
    )
    return _decided(outcome)


@router.post(CASES + "/assignments", response=schemas.Assignments, auth=DECIDE)
@once
def assign_cases(request: Call, owner: str, new: requests.NewAssignment) -> schemas.Assignments:
    """Assign cases to a member, or unassign them. Returns 404 if the person is not a member."""
    changes = assignments.assign(of(request), new.cases, new.member, by=request.auth.by)
    return schemas.Assignments(changes=[schemas.AssignmentChange(**asdict(change)) for change in changes])


@router.post("/owners/{slug:owner}/passkeys", response={201: schemas.PasskeyChallenge}, auth=DECIDE)
def create_passkey_challenge(request: Call, owner: str, new: requests.PasskeyRequest) -> schemas.PasskeyChallenge:
    """Create the challenge that a passkey signs to confirm a case or to report a picture for removal.

    Pass it to `navigator.credentials.get` in the browser within five minutes, and send the result with the action.
    """
    return schemas.PasskeyChallenge(
        public_key=create_challenge(of(request), request.auth.user, new.action, str(new.case))["publicKey"]
    )


@router.post(ONE + "/notes", response={201: schemas.CaseSummary}, auth=DECIDE)
@once
def add_note(request: Call, owner: str, number: int, new: requests.NewNote) -> schemas.CaseSummary:
    """Add a note to the history of a case."""
    return _done(request, number, lambda row: decisions.add_note(row, by=request.auth.by, text=new.text))


@router.post(ONE + "/dispute", response={201: schemas.CaseSummary}, auth=DECIDE, operation_id="dispute_decision")
@once
def dispute(request: Call, owner: str, number: int, new: requests.Reason) -> schemas.CaseSummary:
    """Dispute the decision of a case. The decision stays in force until it is changed."""
    return _done(request, number, lambda row: decisions.dispute(row, by=request.auth.by, reason=new.reason))


@router.post(ONE + "/settle", response={201: schemas.CaseSummary}, auth=DECIDE, operation_id="settle_dispute")
@once
def settle(request: Call, owner: str, number: int, new: requests.Reason) -> schemas.CaseSummary:
    """Settle a dispute: the decision stays in force."""
    return _done(request, number, lambda row: decisions.uphold(row, by=request.auth.by, reason=new.reason))


@router.post(
    ONE + "/queue-for-review", response={201: schemas.CaseSummary}, auth=DECIDE, operation_id="queue_case_for_review"
)
@once
def take_out(request: Call, owner: str, number: int) -> schemas.CaseSummary:
    """Move a look-alike or a related picture to the cases that need review."""
    return _done(request, number, lambda row: decisions.return_to_queue(row, by=request.auth.by))


@router.post(ONE + "/agency-inquiry", response={201: schemas.CaseSummary}, auth=DECIDE)
@once
def record_agency_inquiry(request: Call, owner: str, number: int, new: requests.AgencyInquiry) -> schemas.CaseSummary:
    """Record that you asked an agency whether it sold a licence. Notices are blocked until the reply is recorded.

    Exhibit sends nothing. `GET cases?state=asked` lists these cases.
    """
    return _done(request, number, lambda row: agencies.record_inquiry(row, new.agency, by=request.auth.by))


@router.post(ONE + "/agency-inquiry/reply", response={201: schemas.CaseSummary}, auth=DECIDE)
@once
def record_agency_reply(request: Call, owner: str, number: int, new: requests.NewNote) -> schemas.CaseSummary:
    """Record the agency's reply in your own words. Notices can be sent from then on."""
    return _done(request, number, lambda row: agencies.record_answer(row, new.text, by=request.auth.by))


@router.post(
    ONE + "/archive-lookup", response={201: schemas.CaseSummary}, auth=DECIDE, operation_id="look_up_in_archive"
)
@once
def ask_web_archive(request: Call, owner: str, number: int) -> schemas.CaseSummary:
    """Request capture dates of a confirmed case's pages and pictures from a web archive.

    The archive learns up to five URLs. Results appear in the case's `third_party_statements` after some seconds.
    """
    return _done(
        request, number, lambda row: archive_queries.request_queries(wiring.services(), row, by=request.auth.by)
    )


@router.post(ONE + "/report", response={201: schemas.CaseSummary}, auth=DECIDE, operation_id="report_picture")
def report(request: Call, owner: str, number: int, new: requests.ReportedPicture) -> schemas.CaseSummary:
    """Report the found picture as illegal content. It is hidden from all members and then deleted permanently.

    If other owners have evidence of it, the operator decides about the deletion. Repeated requests have no effect, so
    the operation takes no idempotency key.
    """
    by, reason, passkey = request.auth.by, new.reason.strip(), verify_answer(request.auth.user, new.passkey)
    deed = partial(report_picture, wiring.services(), by=by, reason=reason, passkey=passkey)
    return _done(request, number, deed)


def _wish(request: Call, new: requests.NewDecision) -> DecisionRequest:
    choice = Choice.COPIES if new.is_copy and new.decision == CaseDecision.CLEARED else Choice(new.decision.value)
    licence = None if new.licence is None else scoped.licence(of(request), new.licence)
    passkey = verify_answer(request.auth.user, new.passkey)
    return DecisionRequest(choice, request.auth.by, new.reason, licence, passkey=passkey)


def _decided(outcome: Outcome) -> schemas.CaseSummary:
    row = outcome.case
    if outcome.refusal is not None and row.decision == CaseDecision.OPEN:
        raise outcome.refusal
    if not outcome.done:
        by = f" by {row.decided_by}" if row.decided_by else ""
        hint = "Review the case. If the decision is wrong, reopen it first with a reason."
        raise ConflictError(f"Case {row.number} is {row.decision}{by}.", hint=hint)
    return schemas.CaseSummary.from_row(row)


def _done(request: Call, number: int, deed: Callable[[Case], object]) -> schemas.CaseSummary:
    deed(scoped.case(of(request), number))
    return schemas.CaseSummary.from_row(scoped.case(of(request), number))
