"""Tables of works: the declarations in a user's table, one row per file."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from django.utils.translation import gettext as _

from exhibit.errors import InvalidRequestError, is_accepted
from exhibit.plain import to_one_line
from exhibit.types import DeclaredWork
from registry.works.headings import list_aliases
from registry.works.spreadsheets import MAX_BYTES, ColumnChooser, TableInterpretation, choose_no_columns, read_table

WORK_COLUMNS = {
    "file": 300, "title": 500, "author": 300, "holder": 300, "credit": 300, "created": 40, "first_publication": 40,
    "rights": 10_000, "registrations": 10_000,
}  # fmt: skip
"""Columns, with the maximum number of characters of a field."""
REQUIRED = "file"
_DECLARATION_FIELDS = {**{column: column for column in WORK_COLUMNS if column != "file"}, "rights": "rights_statement"}
"""Columns, with the field of the declaration that each one fills."""

WORK_ALIASES = list_aliases(WORK_COLUMNS)
"""Alternative headings of the columns, in lower case."""

_DATES = (
    re.compile(r"(\d{4})(?:([-/.:])(\d{1,2})(?:\2(\d{1,2}))?)?"),  # with colons, as in EXIF
    re.compile(r"(\d{4})()(\d{2})(\d{2})"),
    re.compile(r"(\d{4})年(?:()(\d{1,2})月(?:(\d{1,2})日)?)?"),
)
_UNKNOWN_DATE = re.compile(r"[0 ]*:[0 ]*:[0 :]*")
_DATE_ENDING_IN_YEAR = re.compile(r"(\d{1,2})([-/.])\s?(\d{1,2})\2\s?(\d{4})")
DAY_ORDERS = ("day-month", "month-day")
"""The orders that the user can choose for days like 01/02/2026."""
_TIME_OF_DAY = re.compile(
    r"(?<=\d)[ T]\d{1,2}:\d{2}(:\d{2}([.,]\d{1,9})?)? ?([AP]M|Z|[+-]\d{2}:?\d{2})?$", re.IGNORECASE
)


def read_table_bytes(path: Path) -> bytes:
    """Read the bytes of a table, up to one more than the maximum. Raises ``InvalidRequestError``."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        text = _("%(name)s cannot be read: %(problem)s.")
        raise InvalidRequestError(text % {"name": path, "problem": error.strerror}) from error


class WorksTable(dict[str, DeclaredWork]):
    """The declarations in a table, by file name, and the table's interpretation."""

    def __init__(
        self, name: str, works: Iterable[tuple[str, DeclaredWork]], interpretation: TableInterpretation
    ) -> None:
        super().__init__(works)
        self.name, self.interpretation = name, interpretation


def parse_works_table(
    name: str,
    data: bytes,
    choose_columns: ColumnChooser = choose_no_columns,
    *,
    is_ignored: Callable[[str], bool] = lambda _heading: False,
    encoding: str = "",
    skips_invalid: bool = False,
) -> WorksTable:
    """Read a table of works, CSV or XLSX; ``name`` is the name of the file.

    Raises:
        EncodingError: The encoding is uncertain, and the user has not chosen one.
        HeadingsError: The headings cannot be interpreted.
        InvalidRowsError: Rows are invalid, and ``skips_invalid`` is not set or no row is left.
        InvalidRequestError: As raised by :func:`registry.works.spreadsheets.read_table`.
    """
    rows: dict[str, int] = {}

    def parse_row(line: int, row: Mapping[str, str]) -> tuple[str, DeclaredWork]:
        file = normalise_name(row["file"])
        if (earlier_line := rows.setdefault(file, line)) != line:
            raise InvalidRequestError(_("%(file)s is already in row %(line)d.") % {"file": file, "line": earlier_line})
        dates = {column: parse_date(row[column]) for column in ("first_publication", "created")}
        return file, parse_declaration({**row, **dates, "registrations": _parse_registrations(row["registrations"])})

    table = read_table(
        name, data, WORK_COLUMNS, required_column=REQUIRED, aliases=WORK_ALIASES, convert=parse_row,
        is_ignored=is_ignored, choose_columns=choose_columns,
        encoding=encoding,
    )  # fmt: skip
    interpretation = table.check_rows(skips_invalid=skips_invalid)
    return WorksTable(name, (row for _line, row in table.rows), interpretation)


def parse_declaration(line: Mapping[str, Any]) -> DeclaredWork:
    """Return the declaration in a row, given by column."""
    fields = {name: line[column] for column, name in _DECLARATION_FIELDS.items() if column in line}
    return DeclaredWork(**{**fields, "registrations": tuple(line["registrations"])})


def to_row(file: str, declaration: DeclaredWork) -> dict[str, Any]:
    """Return the table row with a file's declaration, as plain data for :func:`parse_declaration`."""
    values = declaration.to_columns()
    return {"file": file, **{column: values[name] for column, name in _DECLARATION_FIELDS.items()}}


def normalise_name(name: str) -> str:
    """Normalise a file name: composed, printable characters, slashes as separators; long names lose their start."""
    composed_name = unicodedata.normalize("NFC", name).replace("\\", "/")  # macOS decomposes them
    printable_name = "".join(char for char in composed_name if char.isprintable())
    return printable_name.strip("/ ")[-WORK_COLUMNS["file"] :] or "?"


def list_missing_files(table_files: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return a table's files that are not among these names, with or without folders."""
    return sorted(
        set(table_files) - {normalise_name(variant) for name in names for variant in (name, PurePosixPath(name).name)}
    )


def find_declaration(declarations: Mapping[str, DeclaredWork], name: str) -> DeclaredWork | None:
    """Return the declaration for a file, by its path in the uploaded folder or by its name without folders."""
    return declarations.get(normalise_name(name)) or declarations.get(normalise_name(PurePosixPath(name).name))


def list_differences(line: DeclaredWork, declaration: DeclaredWork) -> list[str]:
    """Return the columns in which a row differs from a declaration. Empty fields are ignored."""
    line_values, declared_values = line.to_columns(), declaration.to_columns()
    pairs = {
        column: (line_values[name], declared_values[name])
        for column, name in _DECLARATION_FIELDS.items()
        if line_values[name]
    }
    pairs = {
        column: (to_one_line(first), to_one_line(second)) if isinstance(first, str) else (first, second)
        for column, (first, second) in pairs.items()
    }
    return [column for column, (new_value, old_value) in pairs.items() if new_value != old_value]


def parse_registration(text: str) -> dict[str, str] | None:
    """Parse an official registration, ``office|number|date`` with an optional date; ``None`` if invalid."""
    fields = [field.strip() for field in text.split("|")]
    if len(fields) not in (2, 3) or not all(fields[:2]):
        return None
    return {"office": fields[0], "number": fields[1], "date": fields[2] if len(fields) == 3 else ""}


def to_iso_date(text: str, order: str = "") -> str:
    """Convert a date (a year, a month or a day) to ISO 8601. Return an empty string if it is invalid.

    Dates can start with the year (``2024-05-31``, ``2024/5/31``, ``2024.5.31``, ``2024年5月``), or end with it, as days
    do. With dots, the day comes first (``31.5.2024``). With other separators, a number above 12 or ``order`` (one of
    :data:`DAY_ORDERS`) decides; without either, 01/02/2026 is invalid. The time of day is dropped.
    """
    date_text = _TIME_OF_DAY.sub("", text)
    if (date_match := _DATE_ENDING_IN_YEAR.fullmatch(date_text)) is not None:
        return _to_iso_day(
            date_match[4], *_order_month_and_day(int(date_match[1]), int(date_match[3]), date_match[2], order)
        )
    match = next((match for pattern in _DATES if (match := pattern.fullmatch(date_text))), None)
    if match is None:
        return ""
    year, separator, month, day = match.groups()
    if day is None and (date_text != text or separator in {".", ":"}):  # spreadsheets turn 2024.10 into 2024.1
        return ""
    iso = "-".join([year, *(part.zfill(2) for part in (month, day) if part)])
    return iso if is_accepted(date.fromisoformat, (iso + "-01-01")[:10]) else ""


def _order_month_and_day(first: int, second: int, separator: str, order: str) -> tuple[int, int]:
    """Return month and day from the two numbers before a year; zeros if their order is unknown."""
    if separator == "." or order == "day-month":
        return second, first
    if order == "month-day" or second > 12:
        return first, second
    return (second, first) if first > 12 or first == second else (0, 0)


def _to_iso_day(year: str, month: int, day: int) -> str:
    iso = f"{year}-{month:02}-{day:02}"
    return iso if is_accepted(date.fromisoformat, iso) else ""


def _check_day_order(text: str) -> None:
    """Raise ``InvalidRequestError`` for an ambiguous day; the message contains both readings."""
    readings = {to_iso_date(text, order) for order in DAY_ORDERS} - {""}
    if len(readings) > 1 and not to_iso_date(text):
        first, second = sorted(readings, reverse=True)
        values = {"given": text, "first": first, "second": second}
        sentence = _("“%(given)s” could be %(first)s or %(second)s.") % values
        raise InvalidRequestError(
            sentence, hint=_("Write %(first)s, or specify whether the day or the month comes first.") % values
        )


def parse_date(text: str) -> str:
    """Parse a date in the formats of :func:`to_iso_date`. Raise ``InvalidRequestError`` if it is invalid.

    The result is empty for an empty text and for an unknown EXIF date (zeros or blanks between colons).
    """
    iso = to_iso_date(text)
    if text and not iso and not _UNKNOWN_DATE.fullmatch(text):
        _check_day_order(text)
        raise InvalidRequestError(
            _("“%(given)s” is not a date.") % {"given": text}, hint=_("Use the format 2024-05-31 or 2024.")
        )
    return iso


def split_parts(text: str) -> tuple[str, ...]:
    """Return the parts of a field separated by ``;``."""
    return tuple(filter(None, (part.strip() for part in text.split(";"))))


def _parse_registrations(text: str) -> Iterator[dict[str, str]]:
    for part in split_parts(text):
        registration = parse_registration(part)
        if registration is None:
            message = _("“%(given)s” is not a valid registration.") % {"given": part[:100]}
            raise InvalidRequestError(message, hint=_("Use the format office|number|date."))
        yield registration


def parse_day(text: str, order: str = "") -> date | None:
    """Parse a day in the formats of :func:`to_iso_date`; ``None`` if empty.

    Raises ``InvalidRequestError`` if invalid.
    """
    iso = to_iso_date(text, order)
    if text and len(iso) != len("2024-05-31"):
        if not order:
            _check_day_order(text)
        raise InvalidRequestError(
            _("“%(given)s” is not a date.") % {"given": text[:40]}, hint=_("Use the format 2024-05-31.")
        )
    return date.fromisoformat(iso) if iso else None
