"""Image searches and marketplaces: which there are, and the owner's own keys for them."""

from http import HTTPStatus

from django.http import HttpResponse, JsonResponse
from ninja import Router

from desk.api import given
from desk.api.actors import MANAGE, Call, of
from desk.schemas import watches as schemas
from registry import searching
from workers import wiring
from workers.search_services import service_of, services
from workers.searching import keep_key

router = Router(tags=["watches"])
SEARCHES = "/owners/{slug:owner}/searches"
KEY = SEARCHES + "/{slug:service}/key"


@router.get(SEARCHES, response=schemas.Searches, operation_id="list_searches")
def list_searches(request: Call, owner: str) -> JsonResponse:
    """The searches that a watch can ask, all at once, and for which of them there is a key; never the key itself."""
    found = schemas.searches(services(wiring.house().config), of(request))
    return JsonResponse({"items": found})


@router.put(KEY, auth=MANAGE, response=schemas.Search, operation_id="keep_search_key")
def keep_search_key(request: Call, owner: str, service: str, new: given.NewSearchKey) -> JsonResponse:
    """Keep a key for a search, encrypted, in place of an earlier one. It is never shown again."""
    house = wiring.house()
    keep_key(house, of(request), service, new.key, by=request.auth.by)
    (kept,) = schemas.searches({service: service_of(house.config, service)}, of(request))
    return JsonResponse(kept)


@router.delete(KEY, auth=MANAGE, response={204: None}, operation_id="forget_search_key")
def forget_search_key(request: Call, owner: str, service: str) -> HttpResponse:
    """Forget the key for a search; a watch that asks it says so from its next run on."""
    searching.drop_key(of(request), service, by=request.auth.by)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)
