"""Cases and their decisions."""

from http import HTTPStatus
from typing import Annotated

from django.http import HttpResponse, JsonResponse
from ninja import Query, Router

from desk import shapes
from desk.api import answers, given
from desk.api.actors import DECIDE, Call, of
from desk.api.paging import Cursor, Limit, each, page
from desk.api.problems import Problem
from desk.api.repeats import once
from registry import owned
from registry.models import Case
from registry.trail import Evidence, Way, accessed
from workers import wiring
from workers.steps import decide as deciding

router = Router(tags=["cases"])
CASES, ONE = "/owners/{slug:owner}/cases", "/owners/{slug:owner}/cases/{int:number}"
Party = Annotated[str, Query(max_length=260, pattern=given.CLEAN, description="Only cases of this party.")]
Decided = Annotated[given.DecisionKind | None, Query(description="Only those decided so.")]
OfWork = Annotated[int | None, Query(ge=1, le=2_147_483_647, description="Only cases of this work.")]


@router.get(CASES, response=answers.Piece[answers.CaseLine], operation_id="list_cases")
def list_cases(
    request: Call,
    owner: str,
    decision: Decided = None,
    party: Party = "",
    work: OfWork = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> JsonResponse:
    """The cases: each is one work shown by one party."""
    wanted = {"decision": decision, "party": party, "work__number": work}
    rows = owned.cases(of(request)).filter(**{name: value for name, value in wanted.items() if value})
    return page(rows, each(shapes.case_line), cursor, limit)


@router.get(ONE, response=answers.FullCase, operation_id="get_case")
def get_case(request: Call, owner: str, number: int) -> JsonResponse:
    """One case: where the work was seen, how alike it is, what was captured, its evidence and its history."""
    row = shapes.with_uses(Case.objects.filter(pk=owned.case(of(request), number).pk)).select_related("work").get()
    accessed(Evidence.CASE, Way.SEEN, of(request), by=request.auth.by, case=number)
    return JsonResponse(shapes.full_case(row))


@router.post(ONE + "/decisions", auth=DECIDE, response={201: answers.CaseLine}, operation_id="decide_case")
@once
def decide_case(request: Call, owner: str, number: int, new: given.NewDecision) -> HttpResponse:
    """Decide an open case, or open a decided one again. Confirming seals its evidence.

    A case that somebody else has decided meanwhile answers 409: look at it again.
    """
    row, by = owned.case(of(request), number), request.auth.by
    if new.decision == given.DecisionKind.CONFIRMED:
        deciding.confirm(wiring.house(), row, by=by, reason=new.reason)
    elif new.decision == given.DecisionKind.CLEARED:
        deciding.clear(row, by=by, reason=new.reason, copies=new.copies)
    elif new.decision == given.DecisionKind.OPEN:
        deciding.reopen(row, by=by, reason=new.reason)
    elif new.licence is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Name the licence that permits it.")
    else:
        deciding.license_use(row, owned.licence(of(request), new.licence), by=by, reason=new.reason)
    return JsonResponse(shapes.case_line(owned.case(of(request), number)), status=HTTPStatus.CREATED)
