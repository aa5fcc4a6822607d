"""Which column each heading of a table names, as a person chooses it on a page before the table counts."""

from base64 import b64decode, b64encode
from typing import Any

from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from desk.texts.uploads import COLUMNS
from exhibit.errors import passes
from registry.cases.history import joined
from registry.models import ColumnMapping, Owner
from registry.works.column_mappings import Columns, mark
from registry.works.spreadsheets import HeadingsError

MAX_KEPT = 2 * 1024 * 1024
"""Bytes of a table that a page carries until its columns are chosen; of a larger one the file is chosen again."""
MAX_NAME = 300


def columns_in(request: HttpRequest, owner: Owner, kind: ColumnMapping.Kind) -> Columns:
    """What a form chose for the headings of its table, or else what is remembered."""
    return Columns(owner, kind, request.POST.getlist("column"), request.POST.get("headings", ""))


def table_in(request: HttpRequest, name: str) -> tuple[str, bytes] | None:
    """Name and bytes of the table that a form brings: in a file of this name, or as the page has carried it."""
    file = request.FILES.get(name)
    if file is not None:
        return str(file.name), file.read()
    carried = request.POST.get("carried", "")
    if not carried or not passes(lambda text: b64decode(text, validate=True), carried):
        return None
    return request.POST.get("carried-name", "")[:MAX_NAME], b64decode(carried)


def to_choose(error: HeadingsError, table: tuple[str, bytes] | None) -> dict[str, Any]:
    """What a page shows of a table whose headings can't be understood by themselves."""
    beginning = error.beginning
    name, data = table or ("", b"")
    fields = zip(*beginning.rows, strict=True) if beginning.rows else ((),) * len(beginning.headings)
    return {
        "headings_mark": mark(beginning.headings),
        "choices": list(zip(beginning.headings, beginning.guesses, fields, strict=True)),
        "column_options": [("", _("not used")), *((column, COLUMNS[column]) for column in beginning.columns)],
        "carried": b64encode(data).decode() if len(data) <= MAX_KEPT else "",
        "carried_name": name,
    }


def by_whom(columns: Columns) -> str:
    """That a table's columns were taken as a member chose them, and which of them aren't used; else nothing."""
    used = columns.used
    if used is None:
        return ""
    day = formats.date_format(timezone.localtime(used.at), "DATE_FORMAT")
    said = _("The table’s columns are those that %(who)s chose on %(day)s.") % {"who": used.by, "day": day}
    headings = _(", ").join(heading for heading, column in used.columns if not column)
    return joined([said, _("Not used: %(headings)s.") % {"headings": headings} if headings else ""])
