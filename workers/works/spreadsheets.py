"""Tables as people have them: CSV in the encodings and with the separators that programs write, and XLSX.

Read within limits: a table is refused by its size before it is unpacked. What can't be told for sure is refused with a
sentence that says what to save instead; nothing is guessed that could change a name silently.
"""

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from time import thread_time
from typing import Any, TypeVar

from django.utils.translation import gettext as _, ngettext

from exhibit.errors import WrongUseError
from exhibit.plain import plain

Row = TypeVar("Row")

MAX_BYTES = 32 * 1024 * 1024
MAX_LINES = 100_000  # lines of a CSV table, without its first one and without empty ones
MAX_SHEET_LINES = 20_000  # the same of a workbook, which takes ten times as long to read: whoever brings it waits
MAX_ROWS = 1 << 20  # rows of a sheet, empty ones too: as many as programs allow. A sheet may claim any number.
MAX_COLUMNS = 100
MAX_SECONDS = 20.0  # of the processor's time for one workbook: empty cells cost time too
MAX_UNPACKED = 256 * 1024 * 1024
SHOWN = 5  # lines that can't be used of which a sentence says why
_SEPARATORS = (",", ";", "\t")
_PACKED = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_FAILED = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"})
"""What a cell shows whose formula failed (ECMA-376, part 1, 18.17.2.7)."""
_FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")


def read_lines(
    name: str,
    data: bytes,
    columns: Mapping[str, int],
    *,
    needed: str,
    aliases: Mapping[str, str],
    read: Callable[[int, Mapping[str, str]], Row],
) -> list[Row]:
    """What ``read`` makes of each line of a table, given its number in the file; columns that are left out are empty.

    The first line may name the columns, or their aliases in lower case; each may have so many characters, and the
    needed one must be there and filled. Raises ``WrongUseError``, which names the lines that can't be used, and what
    is wrong with the first of them; for such a line ``read`` raises it too.
    """
    if len(data) > MAX_BYTES:
        raise WrongUseError(_("%(name)s is too large for a table.") % {"name": name})
    packed = data.startswith(_PACKED)
    rows = _of_xlsx(name, data) if packed else _of_csv(name, data, columns, aliases)
    given: list[str] | None = None
    made: list[Row] = []
    wrong: list[tuple[int, WrongUseError]] = []
    for line, cells in rows:
        if not any(cells):
            continue
        if given is None:
            given = _heads(name, cells, columns, needed, aliases)
            continue
        if len(made) + len(wrong) == (MAX_SHEET_LINES if packed else MAX_LINES):
            raise _too_long(name, sheet=packed)
        try:
            made.append(read(line, _filled(cells, given, columns, needed)))
        except WrongUseError as error:
            wrong.append((line, error))
    if given is None:
        _heads(name, [], columns, needed, aliases)
    if wrong:
        raise _unusable(name, wrong)
    return made


def uncomputed(text: str) -> str:
    """A text of others for a cell of a CSV table, so that no spreadsheet computes it."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def _filled(cells: Sequence[str], given: Sequence[str], columns: Mapping[str, int], needed: str) -> Mapping[str, str]:
    """The fields of a line by column; raises ``WrongUseError``."""
    if len(cells) != len(given):
        raise WrongUseError(_("it doesn't have %(count)d fields.") % {"count": len(given)})
    filled = dict.fromkeys(columns, "") | dict(zip(given, cells, strict=True))
    if not filled[needed]:
        raise WrongUseError(_("%(column)s is empty.") % {"column": needed})
    for column, text in filled.items():
        if len(text) > columns[column]:
            said = {"column": column, "most": columns[column]}
            raise WrongUseError(_("%(column)s has more than %(most)d characters.") % said)
        filled[column] = plain(text)
        if text in _FAILED:
            sentence = _("%(column)s is “%(given)s”: its formula failed.") % {"column": column, "given": text}
            raise WrongUseError(sentence, hint=_("Mend the formula, or write its result in its place."))
    return filled


def _unusable(name: str, wrong: Sequence[tuple[int, WrongUseError]]) -> WrongUseError:
    text = _("%(name)s, line %(line)d: %(problem)s")
    told = [text % {"name": name, "line": line, "problem": error.message} for line, error in wrong[:SHOWN]]
    if len(wrong) > SHOWN:
        more = len(wrong) - SHOWN
        text = ngettext("%(count)d more line can't be used.", "%(count)d more lines can't be used.", more)
        told.append(text % {"count": more})
    return WrongUseError(" ".join(told), hint=wrong[0][1].hint)


def _too_long(name: str, *, sheet: bool) -> WrongUseError:
    sentence = _("%(name)s has more than %(most)d lines.")
    sentence %= {"name": name, "most": MAX_SHEET_LINES if sheet else MAX_LINES}
    beside = _("Save it as CSV UTF-8, which may have %(most)d, or divide it.") % {"most": MAX_LINES}
    return WrongUseError(sentence, hint=beside if sheet else _("Divide it."))


def _heads(
    name: str, cells: Sequence[str], columns: Mapping[str, int], needed: str, aliases: Mapping[str, str]
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
    name: str, data: bytes, columns: Mapping[str, int], aliases: Mapping[str, str]
) -> Iterator[tuple[int, list[str]]]:
    text = decoded(name, data)
    skipped = 0
    if text.lower().startswith("sep=") and "\n" in text:  # Excel's own first line
        text, skipped = text.split("\n", 1)[1], 1
    head = text.split("\n", 1)[0]
    known = {*columns, *aliases}

    def fit(separator: str) -> int:
        return sum(_column(cell.strip('" \r'), aliases) in known for cell in head.split(separator))

    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=max(_SEPARATORS, key=fit))
    try:
        for cells in reader:
            yield reader.line_num + skipped, [cell.strip() for cell in cells]
    except csv.Error as error:
        text = _("%(name)s, line %(line)d: the quotation marks around a field don't fit together.")
        raise WrongUseError(text % {"name": name, "line": reader.line_num + skipped}) from error


def decoded(name: str, data: bytes) -> str:
    """The text of a table: UTF-8, UTF-16 or GBK (GB 18030), each told for sure; else raises ``WrongUseError``."""
    if data.startswith(_OLD_EXCEL):
        text = _("%(name)s is a workbook of an old Excel.")
        raise WrongUseError(text % {"name": name}, hint=_("Save it as XLSX, or as CSV UTF-8."))
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded_as(name, data, encoding)
    begin = data[:4096]
    if b"\0" in begin:  # half of each separator: where the zeros lie tells which half comes first
        first = begin[0::2].count(0) > begin[1::2].count(0)
        return _decoded_as(name, data, "utf-16-be" if first else "utf-16-le")
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
        codes = [sign.encode("gb18030") for sign in data.decode("gb18030") if ord(sign) > 0x7F]
    except UnicodeDecodeError:
        return False
    common = sum(len(code) == 2 and code[1] >= 0xA1 and (0xB0 <= code[0] <= 0xD7 or code[0] == 0xA3) for code in codes)
    marks = sum(len(code) == 2 and code[1] >= 0xA1 and code[0] in {0xA1, 0xA2} for code in codes)
    return bool(codes) and common > 0 and common + marks >= 0.8 * len(codes)


def _of_xlsx(name: str, data: bytes) -> Iterator[tuple[int, list[str]]]:
    """The first sheet of a workbook. With defusedxml in place openpyxl expands no entities."""
    _check_package(name, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            width = 0
            for line, values in _rows_of(name, data):
                if values.count(None) == len(values):
                    continue
                beyond = values[width:]
                known = values[:width] if width and beyond.count(None) == len(beyond) else values
                cells = [_cell(value) for value in known]
                width = width or max((place for place, cell in enumerate(cells, 1) if cell), default=0)
                yield line, cells[:width] if not any(cells[width:]) else cells
    except WrongUseError:
        raise
    except Exception as error:  # a reader that is fed hostile bytes may raise anything
        text = _("%(name)s can't be read as a workbook.")
        raise WrongUseError(text % {"name": name}, hint=_("Save it as XLSX again, or as CSV UTF-8.")) from error


class _Timed(io.BytesIO):
    """Bytes that are given out for a limited time: openpyxl may read all of a sheet before its first row."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name, self.until = name, thread_time() + MAX_SECONDS

    def read(self, size: int | None = -1, /) -> bytes:
        if thread_time() > self.until:
            raise _too_long(self.name, sheet=True)
        return super().read(size)


def _rows_of(name: str, data: bytes) -> Iterator[tuple[int, Sequence[Any]]]:
    """The rows of the first sheet with their numbers, as they were computed when the workbook was saved last.

    A program that computes nothing leaves the results of formulas out: such a file is refused.
    """
    from openpyxl import load_workbook  # noqa: PLC0415 - not every process reads workbooks

    def rows(*, computed: bool) -> Iterator[Sequence[Any]]:
        file = _Timed(data, name)
        book = load_workbook(file, read_only=True, data_only=computed, keep_links=False)
        for line, values in enumerate(book.worksheets[0].iter_rows(values_only=True, max_col=MAX_COLUMNS), 1):
            if line > MAX_ROWS or thread_time() > file.until:
                raise _too_long(name, sheet=True)
            yield values

    if not _has_formulas(data):
        yield from enumerate(rows(computed=True), 1)
        return
    for line, (values, written) in enumerate(zip(rows(computed=True), rows(computed=False), strict=True), 1):
        if any(value is None and given is not None for value, given in zip(values, written, strict=True)):
            text = _("%(name)s, line %(line)d: a formula's result isn't in the file.")
            hint = _("Open it in a spreadsheet program and save it again, or save it as CSV UTF-8.")
            raise WrongUseError(text % {"name": name, "line": line}, hint=hint)
        yield line, values


def _has_formulas(data: bytes) -> bool:
    """Whether some sheet holds a formula; what it unpacks to has been limited before."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        sheets = [name for name in package.namelist() if name.startswith("xl/worksheets/")]
        return any(_FORMULA.search(package.read(sheet)) for sheet in sheets)


def _check_package(name: str, data: bytes) -> None:
    """What it unpacks to is limited before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            unpacked = sum(info.file_size for info in package.infolist())
            names = {info.filename for info in package.infolist()}
    except (zipfile.BadZipFile, RuntimeError, OSError, ValueError) as error:  # RuntimeError: a later version
        raise WrongUseError(_("%(name)s is damaged.") % {"name": name}) from error
    if "xl/workbook.xml" not in names:
        text = _("%(name)s is neither a CSV table nor an Excel workbook.")
        raise WrongUseError(text % {"name": name}, hint=_("Save it as XLSX, or as CSV UTF-8."))
    if unpacked > MAX_UNPACKED:
        raise WrongUseError(_("%(name)s is too large for a table.") % {"name": name})


def _cell(value: object) -> str:
    """What a cell shows; days as ISO 8601, whole numbers without a point."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).replace("\0", "").strip()
