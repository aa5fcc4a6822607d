"""The report as CSV after RFC 4180, for spreadsheets: a header, and one line for each sighting of each case.

Commas, CRLF, quotes doubled; UTF-8 with a byte order mark, without which common spreadsheets garble Chinese titles. A
text that a spreadsheet would compute gets an apostrophe in front; line breaks become spaces, other controls their code
points.
"""

import csv
import io
from collections.abc import Iterable
from datetime import datetime

from evidence.documents.phrases.wording import floored
from evidence.documents.report.facts import ReportCase
from evidence.documents.report.rows import COLUMNS, Column, Value, case_rows
from evidence.documents.typeset.compiler import showable
from exhibit.clock import rfc3339

FORMULA_SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What makes a spreadsheet compute a cell instead of showing it (OWASP, CSV Injection); full-width forms too."""


def csv_head() -> bytes:
    """The byte order mark and the header line."""
    return _written([[column.name for column in COLUMNS]]).encode("utf-8-sig")


def csv_lines(cases: Iterable[ReportCase]) -> bytes:
    """The lines of some cases: a report is the head and the lines of its volumes, one after the other."""
    return _written(
        [_shown(value, column) for value, column in zip(row, COLUMNS, strict=True)]
        for case in cases
        for row in case_rows(case)
    ).encode()


def safe_cell(text: str) -> str:
    """A text that a spreadsheet shows and never computes."""
    shown: str = showable(text, frozenset())
    return f"'{shown}" if text.startswith(("\t", "\r", "\n")) or shown.lstrip().startswith(FORMULA_SIGNS) else shown


def _written(lines: Iterable[list[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(lines)
    return out.getvalue()


def _shown(value: Value, column: Column) -> str:
    if isinstance(value, float):
        return f"{floored(value, column.digits):.{column.digits}f}"
    if isinstance(value, datetime):
        return rfc3339(value)
    return "" if value is None else safe_cell(value) if isinstance(value, str) else str(value)
