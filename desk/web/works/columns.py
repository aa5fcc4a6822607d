"""Remembered column mappings of an owner's tables."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from desk.texts.uploads import COLUMN_LABELS
from desk.web.common.pages import decider_post, get_page, member_page
from registry.models import Owner
from registry.works import column_mappings


@member_page("web/columns.html")
def list_columns(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the headings for which members chose columns, newest first."""
    page = get_page(request, column_mappings.list_mappings(owner), size=10)
    rows = [(row, [(heading, COLUMN_LABELS.get(column)) for heading, column in row.columns]) for row in page]
    return {"page": page, "rows": rows}


@decider_post(back="columns")
def forget_mapping(request: HttpRequest, owner: Owner, mapping: int) -> str:
    """Delete a column mapping, so that the member is asked again about the next table with these headings."""
    column_mappings.delete_mapping(owner, mapping)
    return _(
        "The column mapping was removed. For the next table with these headings, Exhibit will ask you "
        "to assign the columns again."
    )
