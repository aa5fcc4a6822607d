"""Remembered column mappings of an owner's tables."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from desk.texts.uploads import COLUMNS
from desk.web.common.pages import decider_post, member_page, page_of
from registry.models import Owner
from registry.works import column_mappings


@member_page("web/columns.html")
def list_columns(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the headings for which members chose columns, newest first."""
    page = page_of(request, column_mappings.list_mappings(owner), size=10)
    rows = [(row, [(heading, COLUMNS.get(column)) for heading, column in row.columns]) for row in page]
    return {"page": page, "rows": rows}


@decider_post(back="columns")
def forget(request: HttpRequest, owner: Owner, mapping: int) -> str:
    """Forget a column mapping, so that the next table with these headings is asked about again."""
    column_mappings.delete_mapping(owner, mapping)
    return _("The column mapping was removed. You will be asked about the next table with these headings.")
