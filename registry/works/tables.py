"""Tables that people bring of their works: what they declare of each."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from django.utils.translation import gettext as _

from exhibit.errors import WrongUseError, passes
from exhibit.plain import one_line
from exhibit.types import DeclaredWork
from registry.works.headings import aliases_of
from registry.works.spreadsheets import MAX_BYTES, Chosen, Understood, as_named, read_table

WORK_COLUMNS = {
    "file": 300, "title": 500, "author": 300, "holder": 300, "credit": 300, "created": 40, "first_publication": 40,
    "rights": 10_000, "registrations": 10_000,
}  # fmt: skip
"""Columns, and how many characters a field may have."""
NEEDED = "file"
_DECLARED = {**{column: column for column in WORK_COLUMNS if column != "file"}, "rights": "rights_statement"}
"""The columns, and what each is of a declared work."""

WORK_ALIASES = aliases_of(WORK_COLUMNS)
"""Other names of columns, in lower case."""

_DATES = (
    re.compile(r"(\d{4})(?:([-/.:])(\d{1,2})(?:\2(\d{1,2}))?)?"),  # with colons as EXIF has it
    re.compile(r"(\d{4})()(\d{2})(\d{2})"),
    re.compile(r"(\d{4})年(?:()(\d{1,2})月(?:(\d{1,2})日)?)?"),
)
_UNKNOWN = re.compile(r"[0 ]*:[0 ]*:[0 :]*")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])\s?(\d{1,2})\2\s?(\d{4})")
ORDERS = ("day-month", "month-day")
"""What a person says of days like 01/02/2026: what comes first."""
_CLOCK = re.compile(r"(?<=\d)[ T]\d{1,2}:\d{2}(:\d{2}([.,]\d{1,9})?)? ?([AP]M|Z|[+-]\d{2}:?\d{2})?$", re.IGNORECASE)


def table_bytes(path: Path) -> bytes:
    """The bytes of a table in a file, one more than a table may have at most; raises ``WrongUseError``."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        text = _("%(name)s can't be read: %(problem)s.")
        raise WrongUseError(text % {"name": path, "problem": error.strerror}) from error


class WorksTable(dict[str, DeclaredWork]):
    """What a table declares of each file, by the file's name, and how the table was understood."""

    def __init__(self, name: str, works: Iterable[tuple[str, DeclaredWork]], understood: Understood) -> None:
        super().__init__(works)
        self.name, self.understood = name, understood


def read_works(
    name: str,
    data: bytes,
    chosen: Chosen = as_named,
    *,
    left_out: Callable[[str], bool] = lambda _heading: False,
    encoding: str = "",
    skips: bool = False,
) -> WorksTable:
    """Read a table of works, CSV or XLSX, by the name of the file.

    Raises:
        EncodingError: The encoding isn't certain, and none was chosen.
        HeadingsError: The headings can't be understood.
        WrongRowsError: Rows can't be used, and ``skips`` isn't set or no row is left.
        WrongUseError: As :func:`registry.works.spreadsheets.read_table` raises it.
    """
    lines: dict[str, int] = {}

    def read(line: int, row: Mapping[str, str]) -> tuple[str, DeclaredWork]:
        file = plain_name(row["file"])
        if (earlier := lines.setdefault(file, line)) != line:
            raise WrongUseError(_("%(file)s stands in line %(line)d already.") % {"file": file, "line": earlier})
        dates = {column: checked_date(row[column]) for column in ("first_publication", "created")}
        return file, declared_in({**row, **dates, "registrations": _registrations(row["registrations"])})

    table = read_table(
        name, data, WORK_COLUMNS, needed=NEEDED, aliases=WORK_ALIASES, read=read, left_out=left_out, chosen=chosen,
        encoding=encoding,
    )  # fmt: skip
    understood = table.checked(skips=skips)
    return WorksTable(name, (row for _line, row in table.rows), understood)


def declared_in(line: Mapping[str, Any]) -> DeclaredWork:
    """What a line declares, by the names of the columns."""
    said = {name: line[column] for column, name in _DECLARED.items() if column in line}
    return DeclaredWork(**{**said, "registrations": tuple(line["registrations"])})


def line_of(file: str, declared: DeclaredWork) -> dict[str, Any]:
    """The line that declares it of a file, as plain data; :func:`declared_in` reads it."""
    said = declared.columns()
    return {"file": file, **{column: said[name] for column, name in _DECLARED.items()}}


def plain_name(name: str) -> str:
    """The name of a file as it is compared and kept: composed characters, slashes, no control characters; its end."""
    composed = unicodedata.normalize("NFC", name).replace("\\", "/")  # file systems of one maker decompose them
    printable = "".join(character for character in composed if character.isprintable())
    return printable.strip("/ ")[-WORK_COLUMNS["file"] :] or "?"


def lines_without(declared: Iterable[str], names: Iterable[str]) -> list[str]:
    """Files of a table that aren't among these names, whether it names them with their folders or without."""
    return sorted(set(declared) - {plain_name(one) for name in names for one in (name, PurePosixPath(name).name)})


def line_about(declared: Mapping[str, DeclaredWork], name: str) -> DeclaredWork | None:
    """What a table declares of a file, by its path below the folder or its own name."""
    return declared.get(plain_name(name)) or declared.get(plain_name(PurePosixPath(name).name))


def differing(line: DeclaredWork, declared: DeclaredWork) -> list[str]:
    """Columns in which a line says something else than what is declared; an empty field says nothing."""
    said, before = line.columns(), declared.columns()
    pairs = {column: (said[name], before[name]) for column, name in _DECLARED.items() if said[name]}
    pairs = {column: (one_line(a), one_line(b)) if isinstance(a, str) else (a, b) for column, (a, b) in pairs.items()}
    return [column for column, (new, old) in pairs.items() if new != old]


def registration(text: str) -> dict[str, str] | None:
    """An official registration as ``office|number|date``, whose date may be left out; ``None`` when it isn't one."""
    fields = [field.strip() for field in text.split("|")]
    if len(fields) not in (2, 3) or not all(fields[:2]):
        return None
    return {"office": fields[0], "number": fields[1], "date": fields[2] if len(fields) == 3 else ""}


def as_date(text: str, order: str = "") -> str:
    """A date as ISO 8601, or as much of one as is known: a year, a month or a day. Empty when it isn't one.

    Read are forms that begin with the year (``2024-05-31``, ``2024/5/31``, ``2024.5.31``, ``2024年5月``) and days that
    end with it: with points the day comes first (``31.5.2024``); with other signs that is told by a number above 12,
    or by ``order``, one of :data:`ORDERS`, and 01/02/2026 is no date without it. A time of the day is left out.
    """
    plain = _CLOCK.sub("", text)
    if (last := _YEAR_LAST.fullmatch(plain)) is not None:
        return _day(last[4], *_in_order(int(last[1]), int(last[3]), last[2], order))
    found = next((found for pattern in _DATES if (found := pattern.fullmatch(plain))), None)
    if found is None:
        return ""
    year, separator, month, day = found.groups()
    if day is None and (plain != text or separator in {".", ":"}):  # 2024.1 is what spreadsheets make of 2024.10
        return ""
    iso = "-".join([year, *(part.zfill(2) for part in (month, day) if part)])
    return iso if passes(date.fromisoformat, (iso + "-01-01")[:10]) else ""


def _in_order(first: int, second: int, separator: str, order: str) -> tuple[int, int]:
    """Month and day of the two numbers before a year; zeros where it isn't said which is which."""
    if separator == "." or order == "day-month":
        return second, first
    if order == "month-day" or second > 12:
        return first, second
    return (second, first) if first > 12 or first == second else (0, 0)


def _day(year: str, month: int, day: int) -> str:
    iso = f"{year}-{month:02}-{day:02}"
    return iso if passes(date.fromisoformat, iso) else ""


def _check_order(text: str) -> None:
    """Say of what may be two days that it may; raises ``WrongUseError``."""
    readings = {as_date(text, order) for order in ORDERS} - {""}
    if len(readings) > 1 and not as_date(text):
        first, second = sorted(readings, reverse=True)
        said = {"given": text, "first": first, "second": second}
        sentence = _("“%(given)s” may be %(first)s or %(second)s.") % said
        raise WrongUseError(sentence, hint=_("Write %(first)s, or say which comes first, the day or the month.") % said)


def checked_date(text: str) -> str:
    """A date as :func:`as_date` reads it; raises ``WrongUseError`` for what isn't one.

    An empty one stays empty, and so does one that EXIF states as unknown, with zeros or blanks between its colons.
    """
    read = as_date(text)
    if text and not read and not _UNKNOWN.fullmatch(text):
        _check_order(text)
        raise WrongUseError(_("“%(given)s” isn't a date.") % {"given": text}, hint=_("Write 2024-05-31 or 2024."))
    return read


def parts_of(text: str) -> tuple[str, ...]:
    """The parts of a field that are divided by ``;``."""
    return tuple(filter(None, (part.strip() for part in text.split(";"))))


def _registrations(text: str) -> Iterator[dict[str, str]]:
    for part in parts_of(text):
        found = registration(part)
        if found is None:
            said = _("“%(given)s” isn't a registration.") % {"given": part[:100]}
            raise WrongUseError(said, hint=_("Write office|number|date."))
        yield found


def day(text: str, order: str = "") -> date | None:
    """A day as :func:`as_date` reads it; nothing for an empty one; raises ``WrongUseError`` for what isn't one."""
    read = as_date(text, order)
    if text and len(read) != len("2024-05-31"):
        if not order:
            _check_order(text)
        raise WrongUseError(_("“%(given)s” isn't a day.") % {"given": text[:40]}, hint=_("Write 2024-05-31."))
    return date.fromisoformat(read) if read else None
