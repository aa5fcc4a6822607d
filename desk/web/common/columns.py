"""Mapping of table headings to columns, chosen by a person before an import, and other questions about a table."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from desk.texts.uploads import COLUMNS
from exhibit.digests import Digest
from exhibit.errors import WrongUseError, passes
from exhibit.files.delimited import ENCODINGS
from registry.cases.history import join_sentences
from registry.models import ColumnMapping, Owner
from registry.works.column_mappings import Columns, compute_mark
from registry.works.spreadsheets import EncodingError, HeadingsError, WrongRowsError

MAX_CARRIED = 2 * 1024 * 1024
"""Maximum bytes of a table that the page carries until its columns are chosen. Larger files must be chosen again."""
MAX_NAME = 300
ROWS_SHOWN = 100
"""Maximum number of unusable rows explained on a page."""


def columns_in(request: HttpRequest, owner: Owner, kind: ColumnMapping.Kind) -> Columns:
    """Return the columns chosen in the form, or the remembered ones."""
    return Columns(owner, kind, request.POST.getlist("column"), request.POST.get("headings", ""))


def table_in(request: HttpRequest, name: str) -> tuple[str, bytes] | None:
    """Return the name and bytes of the form's table: from an uploaded file, or carried by the page."""
    file = request.FILES.get(name)
    if file is not None:
        file.seek(0)
        return str(file.name), file.read()
    carried = request.POST.get("carried", "")
    if not carried or not passes(lambda text: b64decode(text, validate=True), carried):
        return None
    return request.POST.get("carried-name", "")[:MAX_NAME], b64decode(carried)


@dataclass(frozen=True, slots=True)
class TableAnswers:
    """A person's answers about one table: its encoding, and whether unusable rows are skipped."""

    encoding: str = ""  # Python codec name; empty if not chosen.
    skips: bool = False


def answers_in(request: HttpRequest, table: tuple[str, bytes] | None) -> TableAnswers:
    """Return the form's answers about its table; none if they were given for another table."""
    if table is None or request.POST.get("answers-of") != Digest.of(table[1]).hex:
        return TableAnswers()
    return TableAnswers(ENCODINGS.get(request.POST.get("encoding", ""), ""), "skip-rows" in request.POST)


def questions(error: WrongUseError, table: tuple[str, bytes] | None, request: HttpRequest) -> dict[str, Any]:
    """Return the template data of a question about a table: encoding, columns, or skipping of rows.

    Empty for an error that no answer resolves.
    """
    name, data = table or ("", b"")
    of, answers = Digest.of(data).hex, answers_in(request, table)
    names = {python: name for name, python in ENCODINGS.items()}
    values = {
        "answers_of": of,
        "chosen_encoding": names.get(answers.encoding, ""),
        "skips_rows": answers.skips,
        "carried": b64encode(data).decode() if len(data) <= MAX_CARRIED else "",
        "carried_name": name,
    }
    if isinstance(error, EncodingError) and error.candidates:
        return values | {"encodings": error.candidates}
    if isinstance(error, HeadingsError):
        return values | _column_values(error, request)
    if isinstance(error, WrongRowsError) and error.sound:
        return values | {"wrong_rows": error.rows[:ROWS_SHOWN], "wrong": len(error.rows), "sound": error.sound}
    return {}


def _column_values(error: HeadingsError, request: HttpRequest) -> dict[str, Any]:
    """Return a table's headings with columns as chosen, as remembered, or as guessed."""
    beginning, of = error.beginning, compute_mark(error.beginning.headings)
    fields = zip(*beginning.rows, strict=True) if beginning.rows else ((),) * len(beginning.headings)
    selected = request.POST.getlist("column")
    is_same_table = request.POST.get("headings") == of and len(selected) == len(beginning.headings)
    columns = selected if is_same_table else beginning.guesses
    return {
        "headings_mark": of,
        "choices": list(zip(beginning.headings, columns, fields, strict=True)),
        "column_options": [("", _("not used")), *((column, COLUMNS[column]) for column in beginning.columns)],
    }


def describe_mapping(columns: Columns) -> str:
    """Describe whose remembered column choice was used, and which headings are not; otherwise empty."""
    used = columns.used
    if used is None:
        return ""
    day = formats.date_format(timezone.localtime(used.at), "DATE_FORMAT")
    sentence = _("The table's columns are assigned as %(who)s chose on %(day)s.") % {"who": used.by, "day": day}
    headings = _(", ").join(heading for heading, column in used.columns if not column)
    return join_sentences([sentence, _("Columns not used: %(headings)s.") % {"headings": headings} if headings else ""])
