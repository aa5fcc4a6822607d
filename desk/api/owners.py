"""The owners whom a caller may act for."""

from django.http import JsonResponse
from ninja import Router

from desk.api.actors import Call, of
from desk.api.paging import Cursor, Limit, page
from desk.schemas import owners as schemas
from desk.schemas.base import Piece
from registry import owned
from registry.models import Owner

router = Router(tags=["owners"])


@router.get("/owners", response=Piece[schemas.Owner], operation_id="list_owners")
def list_owners(request: Call, cursor: Cursor = "", limit: Limit = 50) -> JsonResponse:
    """The owners whom the caller may act for: a token's one, or all of a signed-in member."""
    actor = request.auth
    rows = owned.owners_of(actor.user) if actor.reach is None else Owner.objects.filter(pk=actor.reach.pk)
    return page(rows, lambda found: [schemas.owner(row) for row in found], cursor, limit, key="pk")


@router.get("/owners/{slug:owner}", response=schemas.Owner, operation_id="get_owner")
def get_owner(request: Call, owner: str) -> JsonResponse:
    """One owner."""
    return JsonResponse(schemas.owner(of(request)))
