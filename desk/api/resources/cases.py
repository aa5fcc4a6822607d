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
from desk.passkeys import answer_of, asked
from desk.schemas import cases as schemas, requests
from desk.schemas.base import Piece
from desk.texts.cases import why_not
from exhibit.errors import ConflictError, NotFoundError
from exhibit.types import CaseDecision
from indexer.draw.draw import MEDIA_TYPE, View, draw
from registry import scoped
from registry.bundles.drawings import pair_of
from registry.cases import ask_archive, assigning, decisions, queue
from registry.cases.decisions import Choice, Outcome, Wish
from registry.cases.licence_check import fitting
from registry.log.audit_log import Evidence, Way, accessed
from registry.models import Case, Match
from registry.notices import agencies
from registry.retention.reported import report_picture
from workers import wiring

router = Router(tags=["cases"])
CASES, ONE = "/owners/{slug:owner}/cases", "/owners/{slug:owner}/cases/{int:number}"
SEARCHED = "A part of the party's name, the work's title, or the URL of a page or an image; or the case's number."


class Wanted(requests.Given):
    """Which cases are listed."""

    state: queue.State = Field(queue.State.ALL, description="Those that wait for a person, for example.")
    decision: CaseDecision | None = Field(None, description="Only those decided so.")
    party: str = Field("", max_length=260, pattern=requests.CLEAN, description="Only cases of this party.")
    work: int | None = Field(None, ge=1, le=2_147_483_647, description="Only cases of this work.")
    q: str = Field("", max_length=2_000, pattern=requests.CLEAN, description=SEARCHED)
    sure: queue.Sure = Field(queue.Sure.ANY, description="How sure the comparison is.")
    assigned: str = Field(
        "",
        pattern=f"^({queue.NOBODY}|[0-9]{{1,9}})?$",
        description="Only cases of this member (`person`), or `nobody`.",
    )


@router.get(CASES, response=Piece[schemas.CaseLine])
def list_cases(
    request: Call, owner: str, wanted: Query[Wanted], cursor: Cursor = "", limit: Limit = 50
) -> Piece[schemas.CaseLine]:
    """The cases: each is one work shown by one party."""
    which = wanted.state, wanted.q, wanted.sure, wanted.work, wanted.party
    rows = queue.chosen(of(request), queue.Wanted(*which, assigned=wanted.assigned))
    if wanted.decision is not None:
        rows = rows.filter(decision=wanted.decision.value)
    return page(rows, schemas.CaseLine, cursor, limit)


@router.get(ONE, response=schemas.FullCase)
def get_case(request: Call, owner: str, number: int) -> schemas.FullCase:
    """One case: where the work was seen, how alike it is, what was captured, its evidence and its history."""
    row = schemas.with_uses(Case.objects.filter(pk=scoped.case(of(request), number).pk)).select_related("work").get()
    accessed(Evidence.CASE, Way.SEEN, of(request), by=request.auth.by, case=number)
    return schemas.FullCase.from_row(row)


@router.get(ONE + "/licences", response=schemas.Fits, operation_id="list_licences_for_case")
def list_licences_for(request: Call, owner: str, number: int) -> schemas.Fits:
    """The licences that may permit what a case holds, the likeliest first, and what keeps each from it."""
    fits = fitting(scoped.case(of(request), number))
    return schemas.Fits(licences=[schemas.Fit.from_row(fit, why_not=why_not(fit.obstacle)) for fit in fits])


@router.get(ONE + "/comparisons/{int:comparison}/{view}", openapi_extra=file_of(MEDIA_TYPE))
def get_drawing(request: Call, owner: str, number: int, comparison: int, view: View) -> HttpResponse:
    """A drawing of a comparison in a case; the case names it with each of its uses."""
    row = scoped.case(of(request), number)
    found = Match.objects.filter(pk=comparison, case_sightings__case=row).exclude(transform=None).first()
    if found is None or not scoped.may_see_picture(of(request), found.found):
        raise NotFoundError("There is no such drawing.")
    accessed(Evidence.CASE, Way.SEEN, of(request), by=request.auth.by, case=number)
    return HttpResponse(draw(view, pair_of(wiring.services(), found)), content_type=MEDIA_TYPE)


@router.post(ONE + "/decisions", response={201: schemas.CaseLine}, auth=DECIDE)
@once
def decide_case(request: Call, owner: str, number: int, new: requests.NewDecision) -> schemas.CaseLine:
    """Decide an open case, or open a decided one again. Confirming seals its evidence, some seconds later.

    A case that somebody else has decided meanwhile answers 409: look at it again.
    """
    (outcome,) = decisions.decide_each(wiring.services(), of(request), [number], _wish(request, new))
    return _decided(outcome)


@router.post(CASES + "/decisions", response=schemas.Decided, auth=DECIDE)
@once
def decide_cases(request: Call, owner: str, new: requests.NewDecisions) -> schemas.Decided:
    """Decide many cases alike. Those that aren't open, because somebody else was first, stay as they are."""
    outcomes = decisions.decide_each(wiring.services(), of(request), sorted(new.cases), _wish(request, new))
    told = [schemas.Outcome(done=outcome.done, case=schemas.CaseLine.from_row(outcome.case)) for outcome in outcomes]
    return schemas.Decided(left=queue.left(of(request)), outcomes=told)


@router.post(ONE + "/undo", response={201: schemas.CaseLine}, auth=DECIDE)
@once
def undo_decision(request: Call, owner: str, number: int) -> schemas.CaseLine:
    """Take back what this caller decided; what somebody else decided answers 409."""
    (outcome,) = decisions.decide_each(wiring.services(), of(request), [number], Wish(Choice.UNDO, request.auth.by))
    return _decided(outcome)


@router.post(CASES + "/assignments", response=schemas.Assignments, auth=DECIDE)
@once
def assign_cases(request: Call, owner: str, new: requests.NewAssignment) -> schemas.Assignments:
    """Assign cases to a member, or to nobody. It decides nothing. Somebody who is no member answers 404."""
    changes = assigning.assign(of(request), new.cases, new.person, by=request.auth.by)
    return schemas.Assignments(changes=[schemas.Assigned(**asdict(one)) for one in changes])


@router.post("/owners/{slug:owner}/passkeys", response={201: schemas.PasskeyQuestion}, auth=DECIDE)
def ask_passkey(request: Call, owner: str, new: requests.NewQuestion) -> schemas.PasskeyQuestion:
    """What a passkey of the caller has to sign, so that an owner who wants it has a case confirmed or a picture purged.

    A page of this site hands it to `navigator.credentials.get`, within five minutes, and sends on what that gives.
    """
    return schemas.PasskeyQuestion(
        public_key=asked(of(request), request.auth.user, new.act, str(new.case))["publicKey"]
    )


@router.post(ONE + "/notes", response={201: schemas.CaseLine}, auth=DECIDE)
@once
def add_note(request: Call, owner: str, number: int, new: requests.NewNote) -> schemas.CaseLine:
    """Write a note for the other members; it stands in the history of the case."""
    return _done(request, number, lambda row: decisions.note(row, by=request.auth.by, words=new.words))


@router.post(ONE + "/dispute", response={201: schemas.CaseLine}, auth=DECIDE, operation_id="dispute_decision")
@once
def dispute(request: Call, owner: str, number: int, new: requests.Reason) -> schemas.CaseLine:
    """Say that a case was decided wrongly; the decision stays until somebody decides otherwise."""
    return _done(request, number, lambda row: decisions.dispute(row, by=request.auth.by, reason=new.reason))


@router.post(ONE + "/settle", response={201: schemas.CaseLine}, auth=DECIDE, operation_id="settle_dispute")
@once
def settle(request: Call, owner: str, number: int, new: requests.Reason) -> schemas.CaseLine:
    """Let a disputed decision stand."""
    return _done(request, number, lambda row: decisions.settle(row, by=request.auth.by, reason=new.reason))


@router.post(ONE + "/take-out", response={201: schemas.CaseLine}, auth=DECIDE, operation_id="take_out_case")
@once
def take_out(request: Call, owner: str, number: int) -> schemas.CaseLine:
    """Take a case out of the look-alikes, or make one of what only resembles a work: it waits for a person."""
    return _done(request, number, lambda row: decisions.take_out(row, by=request.auth.by))


@router.post(ONE + "/agency", response={201: schemas.CaseLine}, auth=DECIDE)
@once
def ask_agency(request: Call, owner: str, number: int, new: requests.AskedAgency) -> schemas.CaseLine:
    """Note that an agency is asked whether it sold a licence: no notice goes out until its answer is kept.

    Nothing is sent to it. `GET cases?state=asked` lists the cases that wait so.
    """
    return _done(request, number, lambda row: agencies.ask(row, new.agency, by=request.auth.by))


@router.post(ONE + "/agency/answer", response={201: schemas.CaseLine}, auth=DECIDE)
@once
def keep_agency_answer(request: Call, owner: str, number: int, new: requests.NewNote) -> schemas.CaseLine:
    """Keep what the agency answered, in your words; notices may go out from then on."""
    return _done(request, number, lambda row: agencies.answered(row, new.words, by=request.auth.by))


@router.post(ONE + "/ask-archive", response={201: schemas.CaseLine}, auth=DECIDE, operation_id="ask_archive")
@once
def ask_web_archive(request: Call, owner: str, number: int) -> schemas.CaseLine:
    """Have a web archive asked since when it has captures of a confirmed case's pages and pictures.

    It learns the addresses of five places at most. What it answers stands in the case's `elsewhere` some seconds later.
    """
    return _done(request, number, lambda row: ask_archive.ask(wiring.services(), row, by=request.auth.by))


@router.post(ONE + "/report", response={201: schemas.CaseLine}, auth=DECIDE, operation_id="report_picture")
def report(request: Call, owner: str, number: int, new: requests.ReportedPicture) -> schemas.CaseLine:
    """Report the found picture as illegal content: no member sees it from then on, and it is removed for good.

    Where others have evidence of it, the operator decides, who may also let it stay. Asking twice is the same as asking
    once; so no key is taken.
    """
    by, reason, passkey = request.auth.by, new.reason.strip(), answer_of(request.auth.user, new.passkey)
    deed = partial(report_picture, wiring.services(), by=by, reason=reason, passkey=passkey)
    return _done(request, number, deed)


def _wish(request: Call, new: requests.NewDecision) -> Wish:
    choice = Choice.COPIES if new.copies and new.decision == CaseDecision.CLEARED else Choice(new.decision.value)
    licence = None if new.licence is None else scoped.licence(of(request), new.licence)
    passkey = answer_of(request.auth.user, new.passkey)
    return Wish(choice, request.auth.by, new.reason, licence, passkey=passkey)


def _decided(outcome: Outcome) -> schemas.CaseLine:
    row = outcome.case
    if outcome.refusal is not None and row.decision == CaseDecision.OPEN:
        raise outcome.refusal
    if not outcome.done:
        by = f" by {row.decided_by}" if row.decided_by else ""
        hint = "Look at it again. Reopen it first, with a reason, if that was wrong."
        raise ConflictError(f"Case {row.number} is {row.decision}{by}.", hint=hint)
    return schemas.CaseLine.from_row(row)


def _done(request: Call, number: int, deed: Callable[[Case], object]) -> schemas.CaseLine:
    deed(scoped.case(of(request), number))
    return schemas.CaseLine.from_row(scoped.case(of(request), number))
