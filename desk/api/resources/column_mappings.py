"""Column mappings: meanings of table headings, reused for later tables with the same headings."""

from ninja import Router

from desk.api.common.auth import WRITE, Call, get_request_owner
from desk.api.common.idempotency import make_idempotent
from desk.api.common.pagination import Cursor, Limit, get_page
from desk.schemas import requests, works as schemas
from desk.schemas.base import Page
from registry.models import ColumnMapping
from registry.works import column_mappings

router = Router(tags=["column mappings"])
MAPPINGS = "/owners/{slug:owner}/column-mappings"


@router.get(MAPPINGS, response=Page[schemas.ColumnMapping])
def list_column_mappings(
    request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.ColumnMapping]:
    """List saved column mappings."""
    return get_page(column_mappings.list_mappings(get_request_owner(request)), schemas.ColumnMapping, cursor, limit)


@router.post(MAPPINGS, response={201: schemas.ColumnMapping}, auth=WRITE)
@make_idempotent
def save_column_mapping(request: Call, owner: str, new: requests.NewColumnMapping) -> schemas.ColumnMapping:
    """Save a column mapping for tables with these headings. It applies to imports in the API and in the web interface.

    It replaces an earlier mapping for the same headings. Headings with a known meaning do not need a mapping. At most
    200 mappings are stored; beyond that, the oldest mapping is deleted.
    """
    pairs, kind = [(column.heading, column.column) for column in new.columns], ColumnMapping.Kind(new.kind)
    return schemas.ColumnMapping.from_row(
        column_mappings.remember_choice(get_request_owner(request), kind, pairs, by=request.auth.by)
    )


@router.delete(MAPPINGS + "/{int:number}", response={204: None}, auth=WRITE)
def delete_column_mapping(request: Call, owner: str, number: int) -> None:
    """Delete a column mapping. Data that was imported with it is unchanged."""
    column_mappings.delete_mapping(get_request_owner(request), number)
