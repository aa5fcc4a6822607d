"""Tables as people have them: CSV in the encodings and with the separators that programs write, and XLSX.

Read within limits: a table is refused by its size before it is unpacked. What can't be told for sure is refused with a
sentence that says what to save instead; nothing is guessed that could change a name silently.
"""

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time

from django.utils.translation import gettext as _

from exhibit.errors import WrongUseError

MOST_BYTES = 32 * 1024 * 1024
MOST_LINES = 100_000
MOST_COLUMNS = 100
LONGEST_CELL = 10_000
MOST_UNPACKED = 256 * 1024 * 1024
SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx")

_SEPARATORS = (",", ";", "\t")
_PACKED = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def read_lines(
    name: str, data: bytes, columns: Sequence[str], *, needed: str, aliases: Mapping[str, str]
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Each line of a table with its number in the file; columns that are left out are empty.

    Args:
        name: of the file, for sentences.
        data: its bytes.
        columns: the names that its first line may hold.
        needed: the column that must be there and filled in each line.
        aliases: other names of columns, in lower case.

    Raises:
        WrongUseError: names the line and what is wrong with it.
    """
    if len(data) > MOST_BYTES:
        raise WrongUseError(_("%(name)s is too large for a table.") % {"name": name})
    rows = _of_xlsx(name, data) if data.startswith(_PACKED) else _of_csv(name, data, columns, aliases)
    given: list[str] | None = None
    for line, cells in rows:
        if given is None:
            given = _heads(name, cells, columns, needed, aliases)
            continue
        if not any(cells):
            continue
        if line > MOST_LINES:
            raise WrongUseError(
                _("%(name)s has more than %(most)d lines.") % {"name": name, "most": MOST_LINES},
                hint=_("Divide it."),
            )
        if len(cells) != len(given):
            text = _("%(name)s, line %(line)d: it doesn't have %(count)d fields.")
            raise WrongUseError(text % {"name": name, "line": line, "count": len(given)})
        filled = dict.fromkeys(columns, "") | dict(zip(given, cells, strict=True))
        if not filled[needed]:
            text = _("%(name)s, line %(line)d: %(column)s is empty.")
            raise WrongUseError(text % {"name": name, "line": line, "column": needed})
        yield line, filled
    if given is None:
        _heads(name, [], columns, needed, aliases)


def _heads(
    name: str, cells: Sequence[str], columns: Sequence[str], needed: str, aliases: Mapping[str, str]
) -> list[str]:
    given = [_column(cell, aliases) for cell in cells]
    hint = _("Its first line may name: %(columns)s") % {"columns": ", ".join(columns)}
    unknown = [cell for cell, column in zip(cells, given, strict=True) if column not in columns]
    if unknown:
        text = _("%(name)s has a column “%(column)s” that isn't known.")
        raise WrongUseError(text % {"name": name, "column": unknown[0][:100]}, hint=hint)
    if needed not in given:
        text = _("%(name)s has no column “%(column)s”.")
        raise WrongUseError(text % {"name": name, "column": needed}, hint=hint)
    twice = next((column for column in given if given.count(column) > 1), None)
    if twice is not None:
        text = _("%(name)s has the column “%(column)s” twice.")
        raise WrongUseError(text % {"name": name, "column": twice}, hint=hint)
    return given


def _column(cell: str, aliases: Mapping[str, str]) -> str:
    plain = re.sub(r"[\s_-]+", "_", cell.strip().lower())
    return aliases.get(plain, plain)


def _of_csv(
    name: str, data: bytes, columns: Sequence[str], aliases: Mapping[str, str]
) -> Iterator[tuple[int, list[str]]]:
    text = decoded(name, data)
    if text.lower().startswith("sep=") and "\n" in text:  # Excel's own first line
        text = text.split("\n", 1)[1]
    head = text.split("\n", 1)[0]
    known = {*columns, *aliases}

    def fit(separator: str) -> int:
        return sum(_column(cell.strip('" \r'), aliases) in known for cell in head.split(separator))

    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=max(_SEPARATORS, key=fit))
    try:
        for cells in reader:
            yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        text = _("%(name)s, line %(line)d: %(problem)s.")
        raise WrongUseError(text % {"name": name, "line": reader.line_num, "problem": str(error)}) from error


def decoded(name: str, data: bytes) -> str:
    """The text of a table: UTF-8, UTF-16 or GBK (GB 18030), each told for sure.

    Raises:
        WrongUseError: it is another program's file, or its encoding can't be told.
    """
    if data.startswith(_OLD_EXCEL):
        text = _("%(name)s is a workbook of an old Excel.")
        raise WrongUseError(text % {"name": name}, hint=_("Save it as XLSX, or as CSV UTF-8."))
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded_as(name, data, encoding)
    if b"\0" in data[:4096]:
        big = data[:1] == b"\0"
        return _decoded_as(name, data, "utf-16-be" if big else "utf-16-le")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        if _looks_like_gbk(data):
            return _decoded_as(name, data, "gb18030")
        raise _unknown(name) from None


def _decoded_as(name: str, data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _unknown(name) from error
    if "\0" in text:
        raise _unknown(name)
    return text


def _unknown(name: str) -> WrongUseError:
    text = _("The encoding of %(name)s can't be told for sure: it is none of UTF-8, UTF-16 and GBK.")
    return WrongUseError(text % {"name": name}, hint=_("Save it as CSV UTF-8, or as XLSX."))


def _looks_like_gbk(data: bytes) -> bool:
    """Whether nearly all characters beyond ASCII are common Chinese ones, as no text in another encoding has them."""
    try:
        beyond = [one for one in data.decode("gb18030") if ord(one) > 0x7F]
    except UnicodeDecodeError:
        return False
    codes = [one.encode("gb18030") for one in beyond]
    common = sum(len(code) == 2 and code[1] >= 0xA1 and (0xB0 <= code[0] <= 0xD7 or code[0] == 0xA3) for code in codes)
    marks = sum(len(code) == 2 and code[1] >= 0xA1 and code[0] in {0xA1, 0xA2} for code in codes)
    return bool(codes) and common > 0 and common + marks >= 0.8 * len(codes)


def _of_xlsx(name: str, data: bytes) -> Iterator[tuple[int, list[str]]]:
    """The first sheet of a workbook. With defusedxml in place openpyxl expands no entities."""
    from openpyxl import load_workbook  # noqa: PLC0415 - not every process reads workbooks

    _check_package(name, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            sheet = book.worksheets[0]
            width = 0
            for line, row in enumerate(sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS), 1):
                cells = [_cell(value) for value in row]
                if not width:
                    width = len(cells) - next((n for n, cell in enumerate(reversed(cells)) if cell), len(cells))
                cells += [""] * (width - len(cells))
                yield line, cells[:width] if not any(cells[width:]) else cells
            book.close()
    except WrongUseError:
        raise
    except Exception as error:  # a reader that is fed hostile bytes may raise anything
        text = _("%(name)s can't be read as a workbook.")
        raise WrongUseError(text % {"name": name}, hint=_("Save it as XLSX again, or as CSV UTF-8.")) from error


def _check_package(name: str, data: bytes) -> None:
    """What it unpacks to is limited before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            unpacked = sum(one.file_size for one in package.infolist())
            names = {one.filename for one in package.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise WrongUseError(_("%(name)s is damaged.") % {"name": name}) from error
    if "xl/workbook.xml" not in names:
        text = _("%(name)s is neither a CSV table nor an Excel workbook.")
        raise WrongUseError(text % {"name": name}, hint=_("Save it as XLSX, or as CSV UTF-8."))
    if unpacked > MOST_UNPACKED:
        raise WrongUseError(_("%(name)s is too large for a table.") % {"name": name})


def _cell(value: object) -> str:
    """What a cell shows; days as ISO 8601, whole numbers without a point."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).replace("\0", "").strip()[:LONGEST_CELL]
