"""Links with which people outside take a report or a package away, without signing in."""

from http import HTTPStatus
from typing import Annotated

from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from ninja import Router
from pydantic import Field

from desk.api import given
from desk.api.actors import SEND, Call, of
from desk.api.paging import Cursor, Limit, each, page
from desk.schemas import downloads as schemas
from desk.schemas.base import Piece
from registry import owned
from registry.models import Package, Report
from workers import links, wiring
from workers.mail import absolute

router = Router(tags=["links"])
OWNER = "/owners/{slug:owner}"
MADE = {201: schemas.LinkWithAddress}


class NewLink(given.Given):
    """A link for somebody outside."""

    days: int = Field(7, ge=1, le=links.MOST_DAYS, description="For which it holds.")
    note: Annotated[str, Field(max_length=200, pattern=given.IN_LINE)] = Field("", examples=["For the court clerk"])
    password: Annotated[str, Field(max_length=200, pattern=given.CLEAN)] = Field("", description="Asked for besides.")


@router.get(OWNER + "/links", response=Piece[schemas.Link], operation_id="list_links")
def list_links(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> JsonResponse:
    """The links, with their ends and how often each was used."""
    return page(links.links_of(of(request)), each(schemas.link), cursor, limit)


@router.post(OWNER + "/reports/{int:number}/links", auth=SEND, response=MADE, operation_id="link_report")
def link_report(request: Call, owner: str, number: int, new: NewLink) -> HttpResponse:
    """Make a link to a report that is there. Its address is told this once, and kept with no answer."""
    return _made(request, owned.report(of(request), number), new)


@router.post(OWNER + "/packages/{int:number}/links", auth=SEND, response=MADE, operation_id="link_package")
def link_package(request: Call, owner: str, number: int, new: NewLink) -> HttpResponse:
    """Make a link to a package that is there. Its address is told this once, and kept with no answer."""
    return _made(request, owned.package(of(request), number), new)


@router.delete(OWNER + "/links/{int:number}", auth=SEND, response={204: None}, operation_id="revoke_link")
def revoke_link(request: Call, owner: str, number: int) -> HttpResponse:
    """Take a link back: it leads nowhere any more."""
    links.revoke_link(of(request), number, by=request.auth.by)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _made(request: Call, to: Package | Report, new: NewLink) -> JsonResponse:
    made = links.make_link(of(request), to, days=new.days, by=request.auth.by, note=new.note, password=new.password)
    address = absolute(wiring.house().config, reverse("link", args=[made.token]))
    return JsonResponse({**schemas.link(made.link), "address": address}, status=HTTPStatus.CREATED)
