"""What the headings of an owner's tables mean: remembered for the next tables with the same ones."""

from ninja import Router

from desk.api.common.auth import WRITE, Call, of
from desk.api.common.idempotency import once
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import requests, works as schemas
from desk.schemas.base import Piece
from registry.models import ColumnMapping
from registry.works import column_mappings

router = Router(tags=["tables"])
MAPPINGS = "/owners/{slug:owner}/column-mappings"


@router.get(MAPPINGS, response=Piece[schemas.ColumnMapping])
def list_column_mappings(
    request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50
) -> Piece[schemas.ColumnMapping]:
    """The headings of tables for which columns were chosen, here or on the site."""
    return page(column_mappings.kept_by(of(request)), schemas.ColumnMapping, cursor, limit)


@router.post(MAPPINGS, response={201: schemas.ColumnMapping}, auth=WRITE)
@once
def choose_columns(request: Call, owner: str, new: requests.NewColumnMapping) -> schemas.ColumnMapping:
    """Say what the headings of a table mean. Tables with just these headings are read so, wherever they come in.

    It stands in the place of an earlier choice for them. Headings that say it by themselves need none: of them it isn't
    asked. Of 200 choices the oldest goes when another comes.
    """
    pairs, kind = [(one.heading, one.column) for one in new.columns], ColumnMapping.Kind(new.kind)
    return schemas.ColumnMapping.from_row(column_mappings.choose(of(request), kind, pairs, by=request.auth.by))


@router.delete(MAPPINGS + "/{int:number}", response={204: None}, auth=WRITE)
def forget_columns(request: Call, owner: str, number: int) -> None:
    """Forget what some headings mean. What was read by it stays as it is."""
    column_mappings.forget(of(request), number)
