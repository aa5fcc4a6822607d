"""Column mappings: meanings of table headings, reused for later tables with the same headings."""

from ninja import Router

from desk.api.common.auth import WRITE, Call, of
from desk.api.common.idempotency import once
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import requests, works as schemas
from desk.schemas.base import Page
from registry.models import ColumnMapping
from registry.works import column_mappings

router = Router(tags=["tables"])
MAPPINGS = "/owners/{slug:owner}/column-mappings"


@router.get(MAPPINGS, response=Page[schemas.ColumnMapping])
def list_column_mappings(
    request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.ColumnMapping]:
    """List saved column mappings."""
    return page(column_mappings.list_mappings(of(request)), schemas.ColumnMapping, cursor, limit)


@router.post(MAPPINGS, response={201: schemas.ColumnMapping}, auth=WRITE)
@once
def save_column_mapping(request: Call, owner: str, new: requests.NewColumnMapping) -> schemas.ColumnMapping:
    """Save a column mapping for tables with these headings, in imports over the API and on the site.

    It replaces an earlier mapping for the same headings. Headings with a known meaning need no mapping. At most 200
    mappings are stored; the oldest one is deleted first.
    """
    pairs, kind = [(one.heading, one.column) for one in new.columns], ColumnMapping.Kind(new.kind)
    return schemas.ColumnMapping.from_row(column_mappings.remember_choice(of(request), kind, pairs, by=request.auth.by))


@router.delete(MAPPINGS + "/{int:number}", response={204: None}, auth=WRITE)
def delete_column_mapping(request: Call, owner: str, number: int) -> None:
    """Delete a column mapping. Data that was imported with it is unchanged."""
    column_mappings.delete_mapping(of(request), number)
