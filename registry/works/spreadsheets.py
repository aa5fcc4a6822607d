"""Tables as people have them: CSV in the encodings and with the separators that programs write, and XLSX.

Read within limits: a table is refused by its size before it is unpacked. What can't be told for sure is refused with a
sentence that says what to save instead; nothing is guessed that could change a name silently.
"""

import io
import re
import warnings
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from time import thread_time
from typing import Any, TypeVar

from django.utils.translation import gettext as _, ngettext

from exhibit.errors import RefusedError, WrongUseError
from exhibit.files.delimited import Delimited, Problem, encoding_of
from exhibit.plain import plain

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a table, and how it was understood."""

    text: str  # as it stands there
    column: str  # what it names; empty where it isn't known and the column isn't used
    example: str  # the first field below it that isn't empty


@dataclass(frozen=True, slots=True)
class Understood:
    """How a table was understood."""

    encoding: str  # ``utf-8``, ``cp1252`` and such; empty for a workbook
    separator: str  # what parts the fields; empty for a workbook
    headings: tuple[Heading, ...]

    @property
    def likely(self) -> bool:
        """Whether its letters may be others: its encoding is the likeliest one, not a certain one."""
        return self.encoding == LIKELY


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first lines of a table whose headings aren't all known: a person can say what each column is."""

    headings: tuple[str, ...]
    guesses: tuple[str, ...]  # the column that each heading surely names, or empty
    columns: tuple[str, ...]  # which there are
    rows: tuple[tuple[str, ...], ...]  # the fields of the first lines below


class HeadingsError(WrongUseError):
    """A table's headings can't be understood by themselves."""

    def __init__(self, message: str, *, hint: str, beginning: Beginning) -> None:
        super().__init__(message, hint=hint)
        self.beginning = beginning


Chosen = Callable[[Sequence[str]], Sequence[str] | None]
"""Says which columns a person chose for some headings, in their order, empty for none; ``None`` where nobody did."""


def as_named(_headings: Sequence[str]) -> None:
    """Nobody chose: each heading names its column."""


MAX_BYTES = 32 * 1024 * 1024
MAX_LINES = 100_000  # lines of a CSV table, without its first one and without empty ones
MAX_SHEET_LINES = 20_000  # the same of a workbook, which takes ten times as long to read: whoever brings it waits
MAX_ROWS = 1 << 20  # rows of a sheet, empty ones too: as many as programs allow. A sheet may claim any number.
MAX_COLUMNS = 100
MAX_HEADING = 300  # characters of a heading that a person may choose a column for
SAMPLES, MAX_SAMPLE = 3, 200  # lines that show what a column holds, and characters of each field
MAX_SECONDS = 20.0  # of the processor's time for one workbook: empty cells cost time too
MAX_UNPACKED = 256 * 1024 * 1024
LIKELY = "cp1252"
"""The encoding that is likely at most: others of one byte a character can give likely words, too."""
SHOWN = 5  # lines that can't be used of which a sentence says why
_PACKED = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
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
    chosen: Chosen = as_named,
) -> list[Row]:
    """What ``read`` makes of each line of a table, given its number in the file; columns that are left out are empty.

    The first line may name the columns, or their aliases in lower case; each may have so many characters, and the
    needed one must be there and filled; or, where they don't say it all by themselves, a person has chosen what each
    heading means (:data:`Chosen`). Raises
    ``HeadingsError`` for headings that can't be understood, and ``WrongUseError``, which names the lines that can't be
    used, and what is wrong with the first of them; for such a line ``read`` raises it too.
    """
    made, understood = read_table(name, data, columns, needed=needed, aliases=aliases, read=read, chosen=chosen)
    if understood.likely:
        raise _unknown(name)
    return made


def read_table(  # noqa: PLR0913 - each is named at the call, and two of them are seldom given
    name: str,
    data: bytes,
    columns: Mapping[str, int],
    *,
    needed: str,
    aliases: Mapping[str, str],
    read: Callable[[int, Mapping[str, str]], Row],
    left_out: Callable[[str], bool] = lambda _heading: False,
    chosen: Chosen = as_named,
) -> tuple[list[Row], Understood]:
    """The same as :func:`read_lines`, with how the table was understood, for whoever is shown that before it counts.

    So a table in Windows-1252 is taken, and columns are ``left_out``, known or not, where it says so of a heading.
    """
    if len(data) > MAX_BYTES:
        raise WrongUseError(_("%(name)s is too large for a table.") % {"name": name})
    packed = data.startswith(_PACKED)
    csv = None if packed else _opened(name, data, {*columns, *aliases}, aliases)
    rows = _of_xlsx(name, data) if csv is None else _of_csv(csv)
    lines = ((line, cells) for line, cells in rows if isinstance(cells, Problem) or any(cells))
    _line, headings = next(lines, (0, ()))
    assert not isinstance(headings, Problem)
    try:
        given = _heads(name, headings, columns, needed, aliases, left_out, chosen)
    except WrongUseError as error:
        raise _not_understood(error, headings, columns, aliases, lines) from None
    examples: dict[int, str] = {}
    made: list[Row] = []
    wrong: list[tuple[int, WrongUseError]] = []
    for count, (line, cells) in enumerate(lines):
        if count == (MAX_SHEET_LINES if packed else MAX_LINES):
            raise _too_long(name, sheet=packed)
        try:
            filled = _filled(cells, given, columns, needed)
            made.append(read(line, filled))
        except WrongUseError as error:
            wrong.append((line, error))
        else:
            for place in range(len(given)) if len(examples) < len(given) else ():
                if cells[place]:
                    examples.setdefault(place, plain(str(cells[place])))
    if wrong:
        raise _unusable(name, wrong)
    shown = zip(headings, given, strict=True)
    told = tuple(Heading(text, column, examples.get(place, "")) for place, (text, column) in enumerate(shown))
    return made, Understood("" if csv is None else csv.encoding, "" if csv is None else csv.separator, told)


def may_be_chosen(headings: Sequence[str]) -> bool:
    """Whether there are headings, and few and short enough that a person may choose what they mean."""
    return 0 < len(headings) <= MAX_COLUMNS and max(map(len, headings)) <= MAX_HEADING


def uncomputed(text: str) -> str:
    """A text of others for a cell of a CSV table, so that no spreadsheet computes it."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def column_of(cell: str, aliases: Mapping[str, str]) -> str:
    """What a heading names by its words: a column, where it or one of the aliases is known."""
    words = re.sub(r"[\s_-]+", "_", cell.strip(" \t\r\n:：*").lower())
    return aliases.get(words, words)


def _filled(
    cells: Sequence[str] | Problem, given: Sequence[str], columns: Mapping[str, int], needed: str
) -> Mapping[str, str]:
    """The fields of a line by column; raises ``WrongUseError``."""
    if isinstance(cells, Problem) and cells is not Problem.FIELDS:
        raise WrongUseError(_PROBLEMS[cells]())
    if cells is Problem.FIELDS or len(cells) != len(given):
        raise WrongUseError(_("it doesn't have %(count)d fields.") % {"count": len(given)})
    filled = dict.fromkeys(columns, "")
    filled |= {column: cell for column, cell in zip(given, cells, strict=True) if column}
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


_PROBLEMS: Mapping[Problem, Callable[[], str]] = {
    Problem.QUOTES: lambda: _("the quotation marks around a field don't fit together."),
    Problem.ENCODING: lambda: _("it isn't in the encoding of the other lines."),
    Problem.NOT_TEXT: lambda: _("it has zero bytes, which no text has."),
    Problem.TOO_LONG: lambda: _("it is too long."),
}


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
    name: str,
    cells: Sequence[str],
    columns: Mapping[str, int],
    needed: str,
    aliases: Mapping[str, str],
    left_out: Callable[[str], bool],
    chosen: Chosen,
) -> list[str]:
    """The column of each heading, empty for one that is left out; raises ``WrongUseError``."""
    named = [column_of(cell, aliases) for cell in cells]
    is_clear = columns.keys() >= set(named) and needed in named and len(set(named)) == len(named)
    by_person = None if is_clear else chosen(cells)
    named = named if by_person is None else list(by_person)
    given = ["" if left_out(cell) else column for cell, column in zip(cells, named, strict=True)]
    hint = _("Its first line may name: %(columns)s") % {"columns": ", ".join(columns)}
    unknown = [
        cell
        for cell, column in zip(cells, given, strict=True)
        if column not in columns and by_person is None and not left_out(cell)
    ]
    given = [column if column in columns else "" for column in given]
    if unknown:
        text = _("%(name)s has a column “%(column)s” that isn't known.")
        raise WrongUseError(text % {"name": name, "column": unknown[0][:100]}, hint=hint)
    if needed not in given:
        text = _("%(name)s has no column “%(column)s”.")
        raise WrongUseError(text % {"name": name, "column": needed}, hint=hint)
    twice = next((column for column in given if column and given.count(column) > 1), None)
    if twice is not None:
        text = _("%(name)s has the column “%(column)s” twice.")
        raise WrongUseError(text % {"name": name, "column": twice}, hint=hint)
    return given


def _not_understood(
    error: WrongUseError,
    headings: Sequence[str],
    columns: Mapping[str, int],
    aliases: Mapping[str, str],
    lines: Iterator[tuple[int, Sequence[str] | Problem]],
) -> WrongUseError:
    """The error with the beginning of the table, unless that is no table whose columns a person could choose."""
    if not may_be_chosen(headings):
        return error
    named = [column_of(heading, aliases) for heading in headings]
    guesses = tuple(column if column in columns and named.count(column) == 1 else "" for column in named)
    rows = []
    for _line, cells in islice(lines, SAMPLES):
        if not isinstance(cells, Problem):
            rows.append(tuple(plain(cell)[:MAX_SAMPLE] for cell in (*cells, *[""] * len(headings)))[: len(headings)])
    beginning = Beginning(tuple(headings), guesses, tuple(columns), tuple(rows))
    return HeadingsError(error.message, hint=error.hint, beginning=beginning)


def _opened(name: str, data: bytes, known: Collection[str], aliases: Mapping[str, str]) -> Delimited:
    """A table as text, whose encoding is told for sure or at least likely; else raises ``WrongUseError``."""
    if data.startswith(_OLD_EXCEL):
        text = _("%(name)s is a workbook of an old Excel.")
        raise WrongUseError(text % {"name": name}, hint=_("Save it as XLSX, or as CSV UTF-8."))

    def begins(heads: Sequence[str], cells: Sequence[str]) -> bool:
        return bool(cells[0]) and " " not in cells[0].strip() and heads[0] != ""

    try:
        table = Delimited(
            io.BytesIO(data), known=lambda head: column_of(head, aliases) in known, begins=begins, sample=MAX_BYTES
        )
    except RefusedError as error:
        if not encoding_of(data):
            raise _unknown(name) from error
        line = data[:10].lower().startswith(b"sep=") + 1
        raise _unusable(name, [(line, WrongUseError(_PROBLEMS[Problem.QUOTES]()))]) from error
    if not table.encoding:
        raise _unknown(name)
    return table


def _of_csv(table: Delimited) -> Iterator[tuple[int, Sequence[str] | Problem]]:
    if table.heads:
        yield table.first_line, table.heads
    for line, cells, problem, _text in table:
        yield line, problem or [cell.strip() for cell in cells]


def _unknown(name: str) -> WrongUseError:
    text = _("The encoding of %(name)s can't be told for sure: it is none of UTF-8, UTF-16 and GBK.")
    return WrongUseError(text % {"name": name}, hint=_("Save it as CSV UTF-8, or as XLSX."))


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
