"""The licence ledger."""

from http import HTTPStatus

from django.http import HttpResponse, JsonResponse
from ninja import Router

from desk import shapes
from desk.api import answers, given
from desk.api.actors import WRITE, Call, of
from desk.api.paging import Cursor, Limit, each, page
from desk.api.repeats import once
from registry import owned
from registry.licences import NewLicence, checked, end_licence, keep_licences, waiting_changes
from workers import wiring

router = Router(tags=["licences"])
LICENCES = "/owners/{slug:owner}/licences"


@router.get(LICENCES, response=answers.Piece[answers.Licence], operation_id="list_licences")
def list_licences(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> JsonResponse:
    """The permitted uses."""
    return page(owned.licences(of(request)).prefetch_related("works"), each(shapes.licence), cursor, limit)


EITHER = {200: answers.Licence, 201: answers.Licence}


@router.post(LICENCES, auth=WRITE, response=EITHER, operation_id="add_licence")
@once
def add_licence(request: Call, owner: str, new: given.NewLicence) -> HttpResponse:
    """Add a permitted use; the cases are looked at in the background. One that is there word for word stays alone."""
    to = of(request)
    licence = NewLicence(
        new.licensee,
        tuple(owned.work(to, number) for number in dict.fromkeys(new.works)),
        domain=new.domain,
        url_pattern=new.url_pattern,
        valid_from=new.valid_from,
        valid_until=new.valid_until,
        reason=new.reason,
        account=new.account,
        territories=tuple(new.territories),
    )
    kept, added = keep_licences(to, [checked(licence)], by=request.auth.by)
    wiring.house().hint("ledger", waiting_changes(to))
    return JsonResponse(shapes.licence(kept[0]), status=HTTPStatus.CREATED if added else HTTPStatus.OK)


@router.post(LICENCES + "/{int:number}/end", auth=WRITE, response=answers.Licence, operation_id="end_licence")
@once
def end(request: Call, owner: str, number: int, last: given.LastDay) -> HttpResponse:
    """Let a licence end with a day. What it covered until then stays covered; later sightings don't."""
    row = owned.licence(of(request), number)
    end_licence(row, last.day, by=request.auth.by, reason=last.reason)
    wiring.house().hint("ledger", waiting_changes(of(request)))
    return JsonResponse(shapes.licence(owned.licence(of(request), number)))


@router.get(LICENCES + "/{int:number}", response=answers.Licence, operation_id="get_licence")
def get_licence(request: Call, owner: str, number: int) -> JsonResponse:
    """One permitted use."""
    return JsonResponse(shapes.licence(owned.licence(of(request), number)))
