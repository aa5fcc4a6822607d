"""Questions about an imported table: its encoding, the meaning of its headings, and its unusable rows."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from desk.texts.uploads import COLUMN_LABELS
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, is_accepted
from exhibit.files.delimited import ENCODINGS
from registry.cases.history import join_sentences
from registry.models import ColumnMapping, Owner
from registry.works.column_mappings import Columns, compute_headings_digest
from registry.works.spreadsheets import EncodingError, HeadingsError, InvalidRowsError

MAX_CARRIED_BYTES = 2 * 1024 * 1024
"""Maximum bytes of a table that a hidden field carries until its columns are chosen. Larger files are chosen again."""
MAX_NAME = 300
MAX_SHOWN_ROWS = 100
"""Maximum number of unusable rows explained on a page."""


def read_columns(request: HttpRequest, owner: Owner, kind: ColumnMapping.Kind) -> Columns:
    """Return the column mapping chosen in the form, or the remembered one."""
    return Columns(owner, kind, request.POST.getlist("column"), request.POST.get("headings", ""))


def read_table(request: HttpRequest, name: str) -> tuple[str, bytes] | None:
    """Return the name and bytes of the form's table, from the uploaded file or from a hidden field; None if missing."""
    file = request.FILES.get(name)
    if file is not None:
        file.seek(0)
        return str(file.name), file.read()
    encoded_table = request.POST.get("carried", "")
    if not encoded_table or not is_accepted(lambda text: b64decode(text, validate=True), encoded_table):
        return None
    return request.POST.get("carried-name", "")[:MAX_NAME], b64decode(encoded_table)


@dataclass(frozen=True, slots=True)
class TableAnswers:
    """A member's answers about one table: its encoding, and whether unusable rows are skipped."""

    encoding: str = ""  # Python codec name; empty if no encoding was chosen.
    skips_invalid: bool = False


def read_table_answers(request: HttpRequest, table: tuple[str, bytes] | None) -> TableAnswers:
    """Return the form's answers about its table; defaults if they were given for another table."""
    if table is None or request.POST.get("answers-of") != Digest.from_bytes(table[1]).hex:
        return TableAnswers()
    return TableAnswers(ENCODINGS.get(request.POST.get("encoding", ""), ""), "skip-rows" in request.POST)


def build_table_questions(
    error: InvalidRequestError, table: tuple[str, bytes] | None, request: HttpRequest
) -> dict[str, Any]:
    """Return the template data of a question about a table: encoding, columns, or skipping of rows.

    The result is empty if no answer can resolve the error.
    """
    name, data = table or ("", b"")
    digest, answers = Digest.from_bytes(data).hex, read_table_answers(request, table)
    names = {codec: name for name, codec in ENCODINGS.items()}
    values = {
        "answers_of": digest,
        "chosen_encoding": names.get(answers.encoding, ""),
        "skips_rows": answers.skips_invalid,
        "carried": b64encode(data).decode() if len(data) <= MAX_CARRIED_BYTES else "",
        "carried_name": name,
    }
    if isinstance(error, EncodingError) and error.candidates:
        return values | {"encodings": error.candidates}
    if isinstance(error, HeadingsError):
        return values | _build_column_values(error, request)
    if isinstance(error, InvalidRowsError) and error.valid_count:
        return values | {
            "wrong_rows": error.rows[:MAX_SHOWN_ROWS],
            "wrong": len(error.rows),
            "sound": error.valid_count,
        }
    return {}


def _build_column_values(error: HeadingsError, request: HttpRequest) -> dict[str, Any]:
    """Return a table's headings with the chosen columns, otherwise the remembered or guessed ones."""
    table_start, headings_digest = error.table_start, compute_headings_digest(error.table_start.headings)
    fields = zip(*table_start.rows, strict=True) if table_start.rows else ((),) * len(table_start.headings)
    selected_columns = request.POST.getlist("column")
    is_same_table = request.POST.get("headings") == headings_digest and len(selected_columns) == len(
        table_start.headings
    )
    columns = selected_columns if is_same_table else table_start.guesses
    return {
        "headings_mark": headings_digest,
        "choices": list(zip(table_start.headings, columns, fields, strict=True)),
        "column_options": [("", _("not used")), *((column, COLUMN_LABELS[column]) for column in table_start.columns)],
    }


def describe_mapping(columns: Columns) -> str:
    """Describe the remembered column mapping that was used, and the unused headings; empty if none was used."""
    mapping = columns.used_mapping
    if mapping is None:
        return ""
    day = formats.date_format(timezone.localtime(mapping.at), "DATE_FORMAT")
    sentence = _("The columns of the table are mapped as %(who)s specified on %(day)s.") % {
        "who": mapping.by,
        "day": day,
    }
    headings = _(", ").join(heading for heading, column in mapping.columns if not column)
    return join_sentences([sentence, _("Columns not used: %(headings)s.") % {"headings": headings} if headings else ""])
