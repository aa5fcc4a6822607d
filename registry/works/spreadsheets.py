"""Tables as people have them: CSV in the encodings and with the separators that programs write, and XLSX.

Read within limits: a table is refused by its size before it is unpacked. What can't be told for sure is refused with a
sentence that says what to save instead; nothing is guessed that could change a name silently.
"""

import io
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Generic, TypeVar

from django.utils.translation import gettext as _, ngettext

from exhibit.errors import RefusedError, WrongUseError
from exhibit.files.delimited import Candidate, Delimited, Problem, candidates_of, encoding_of
from exhibit.plain import plain
from registry.works import workbooks
from registry.works.headings import without_marks
from registry.works.workbooks import MAX_COLUMNS, Cells

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
    likely: bool = False  # its encoding is the likeliest one, not a certain one, and nobody chose it
    sheet: str = ""  # which sheet of a workbook was read
    unread_sheets: tuple[str, ...] = ()  # those that hold something and were not read
    skipped: tuple[tuple[int, str], ...] = ()  # lines that can't be used, and why


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


class EncodingError(WrongUseError):
    """The encoding of a table can't be determined: a person has to choose it."""

    def __init__(self, message: str, *, hint: str, candidates: Sequence[Candidate]) -> None:
        super().__init__(message, hint=hint)
        self.candidates = tuple(candidates)


class WrongRowsError(WrongUseError):
    """Rows of a table can't be used; the others can be, if a person wants that."""

    def __init__(self, name: str, rows: Sequence[tuple[int, WrongUseError]], sound: int) -> None:
        text = _("%(name)s, line %(line)d: %(problem)s")
        lines = [text % {"name": name, "line": line, "problem": error.message} for line, error in rows[:SHOWN]]
        if more := rows[SHOWN:]:
            text = ngettext("%(count)d more line can't be used.", "%(count)d more lines can't be used.", len(more))
            numbers = ", ".join(str(line) for line, _error in more[:MAX_NUMBERS])
            beyond = ", …" if len(more) > MAX_NUMBERS else ""
            lines.append(f"{text % {'count': len(more)}} ({numbers}{beyond})")
        super().__init__("\n".join(lines), hint=rows[0][1].hint)
        self.rows = tuple((line, error.message) for line, error in rows)
        self.sound = sound


Chosen = Callable[[Sequence[str]], Sequence[str] | None]
"""Says which columns a person chose for some headings, in their order, empty for none; ``None`` where nobody did."""


def as_named(_headings: Sequence[str]) -> None:
    """Nobody chose: each heading names its column."""


MAX_BYTES = 32 * 1024 * 1024
MAX_LINES = 100_000  # lines of a CSV table, without its first one and without empty ones
MAX_HEADING = 300  # characters of a heading that a person may choose a column for
SAMPLES, MAX_SAMPLE = 3, 200  # lines that show what a column holds, and characters of each field
LIKELY = "cp1252"
"""The encoding that is likely at most: others of one byte a character can give likely words, too."""
SHOWN = 100  # lines that can't be used of which a sentence says why
MAX_NUMBERS = 1_000  # further ones that are named by their numbers
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"
_FAILED = re.compile(r"#[A-ZÄÖÜÉ0-9/_]{2,20}[!?]|#N/?[AV]|#GETTING_DATA|Err:\d{3}")
"""What a cell shows whose formula failed (ECMA-376, part 1, 18.17.2.7), in the languages of programs."""
_TEXT_OF_OTHERS = ((b"<!doctype html", "HTML"), (b"<html", "HTML"), (b"<table", "HTML"), (b"<?xml", "XML"),
                   (b"{\\rtf", "RTF"), (b"%pdf-", "PDF"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReadTable(Generic[Row]):
    """The rows of a table with their numbers, how it was understood, and the rows that can't be used."""

    name: str
    rows: list[tuple[int, Row]]
    understood: Understood
    wrong: list[tuple[int, WrongUseError]]

    def checked(self, *, skips: bool) -> Understood:
        """How the table was understood, with the rows that were skipped.

        Args:
            skips: Skip rows that can't be used. Without it they are an error.

        Raises:
            WrongRowsError: Rows can't be used, and none is to be skipped or none is left.
            WrongUseError: The table has no rows.
        """
        wrong = sorted(self.wrong, key=lambda row: row[0])
        if wrong and not (skips and self.rows):
            raise WrongRowsError(self.name, wrong, len(self.rows))
        if not self.rows:
            sentence = _("%(name)s has no rows below its headings.") % {"name": self.name}
            hint = _("Look whether the table was saved whole, and whether its rows are in the first sheet.")
            raise WrongUseError(sentence, hint=hint)
        return replace(self.understood, skipped=tuple((line, error.message) for line, error in wrong))


def read_lines(
    name: str,
    data: bytes,
    columns: Mapping[str, int],
    *,
    needed: str,
    aliases: Mapping[str, str],
    read: Callable[[int, Mapping[str, str]], Row],
) -> list[Row]:
    """What ``read`` makes of each line of a table, as :func:`read_table` reads it; every line has to be sound."""
    table = read_table(name, data, columns, needed=needed, aliases=aliases, read=read)
    table.checked(skips=False)
    return [row for _line, row in table.rows]


def read_table(  # noqa: PLR0913 - each is named at the call, and four of them are seldom given
    name: str,
    data: bytes,
    columns: Mapping[str, int],
    *,
    needed: str,
    aliases: Mapping[str, str],
    read: Callable[[int, Mapping[str, str]], Row],
    left_out: Callable[[str], bool] = lambda _heading: False,
    chosen: Chosen = as_named,
    encoding: str = "",
    takes_likely: bool = False,
) -> ReadTable[Row]:
    """Read a table, CSV or XLSX, and collect the rows that can't be used.

    Args:
        name: The name of the file, for errors.
        data: Its bytes.
        columns: The columns there are, and how many characters a field of each may have. Those that the table leaves
            out are empty.
        needed: The column that must be there and filled.
        aliases: Other names of columns, in lower case.
        read: Makes something of a line, given its number in the file; raises ``WrongUseError`` for one that can't be
            used.
        left_out: Whether the column below a heading isn't used.
        chosen: Which columns a person chose where the headings don't say it all by themselves.
        encoding: As Python names it; empty to determine it.
        takes_likely: Read a table that is likely in Windows-1252 as such: nobody takes its rows before seeing them.

    Raises:
        EncodingError: The encoding can't be determined.
        HeadingsError: The headings can't be understood.
        WrongUseError: It is no table, or is beyond the limits.
    """
    if len(data) > MAX_BYTES:
        raise WrongUseError(_("%(name)s is too large for a table.") % {"name": name})
    sheet = workbooks.open_sheet(name, data) if data.startswith(workbooks.PACKED) else None
    csv = _opened(name, data, {*columns, *aliases}, aliases, encoding) if sheet is None else None
    if csv is not None and csv.encoding == LIKELY and not (encoding or takes_likely):
        raise unknown_encoding(name, data)
    rows: Iterator[tuple[int, Cells]] = (
        _of_csv(csv) if csv is not None else sheet.lines if sheet is not None else iter(())
    )
    lines = ((line, cells) for line, cells in rows if isinstance(cells, WrongUseError) or any(cells))
    first, headings = next(lines, (0, ()))
    if isinstance(headings, WrongUseError):
        raise WrongRowsError(name, [(first, headings)], 0)
    try:
        given = _heads(name, headings, columns, needed, aliases, left_out, chosen)
    except WrongUseError as error:
        raise _not_understood(error, headings, columns, aliases, lines) from None
    most = MAX_LINES if sheet is None else workbooks.MAX_LINES
    examples: dict[int, str] = {}
    made: list[tuple[int, Row]] = []
    wrong: list[tuple[int, WrongUseError]] = []
    for count, (line, cells) in enumerate(lines):
        if count == most:
            raise _too_long(name) if sheet is None else workbooks.too_long(name)
        try:
            made.append((line, read(line, _filled(cells, given, columns, needed))))
        except WrongUseError as problem:
            wrong.append((line, problem))
        else:
            _add_examples(examples, cells)
    shown = enumerate(zip(headings, given, strict=True))
    described = tuple(Heading(text, column, examples.get(place, "")) for place, (text, column) in shown)
    if sheet is not None:
        understood = Understood("", "", described, sheet=sheet.title, unread_sheets=sheet.unread)
    else:
        assert csv is not None
        understood = Understood(csv.encoding, csv.separator, described, likely=csv.encoding == LIKELY and not encoding)
    return ReadTable(name, made, understood, wrong)


def _add_examples(examples: dict[int, str], cells: Cells) -> None:
    """Keep the first field of each column that isn't empty."""
    if not isinstance(cells, WrongUseError) and len(examples) < len(cells):
        for place, cell in enumerate(cells):
            if cell:
                examples.setdefault(place, plain(cell))


def may_be_chosen(headings: Sequence[str]) -> bool:
    """Whether there are headings, and few and short enough that a person may choose what they mean."""
    return 0 < len(headings) <= MAX_COLUMNS and max(map(len, headings)) <= MAX_HEADING


def column_of(cell: str, aliases: Mapping[str, str]) -> str:
    """What a heading names by its words: a column, where it or one of the aliases is known."""
    composed = unicodedata.normalize("NFC", cell).replace("’", "'").lower()
    words = re.sub(r"[\s_-]+", "_", composed.strip(" \t\r\n:：*.#\ufeff\u200b"))
    return aliases.get(words) or aliases.get(words.replace(".", "")) or aliases.get(without_marks(words), words)


def _filled(cells: Cells, given: Sequence[str], columns: Mapping[str, int], needed: str) -> Mapping[str, str]:
    """The fields of a line by column; raises ``WrongUseError``."""
    if isinstance(cells, WrongUseError):
        raise cells
    if len(cells) != len(given):
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
        if _UNREADABLE in text:
            sentence = _("%(column)s has characters that an earlier program could not read: “%(given)s”.")
            hint = _("Correct the text in the program it comes from, and save the table again as CSV UTF-8 or XLSX.")
            raise WrongUseError(sentence % {"column": column, "given": filled[column][:MAX_SAMPLE]}, hint=hint)
        if _FAILED.fullmatch(text):
            sentence = _("%(column)s is “%(given)s”: its formula failed.") % {"column": column, "given": text}
            raise WrongUseError(sentence, hint=_("Mend the formula, or write its result in its place."))
    return filled


_PROBLEMS: Mapping[Problem, Callable[[], str]] = {
    Problem.QUOTES: lambda: _("the quotation marks around a field don't fit together."),
    Problem.ENCODING: lambda: _("it isn't in the encoding of the other lines."),
    Problem.NOT_TEXT: lambda: _("it has zero bytes, which no text has."),
    Problem.TOO_LONG: lambda: _("it is too long."),
}


def _too_long(name: str) -> WrongUseError:
    sentence = _("%(name)s has more than %(most)d lines.") % {"name": name, "most": MAX_LINES}
    return WrongUseError(sentence, hint=_("Divide it."))


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
        if column not in columns and (by_person is None or column) and not left_out(cell)
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
    lines: Iterator[tuple[int, Cells]],
) -> WrongUseError:
    """The error with the beginning of the table, unless that is no table whose columns a person could choose."""
    if not may_be_chosen(headings):
        return error
    named = [column_of(heading, aliases) for heading in headings]
    guesses = tuple(column if column in columns and named.count(column) == 1 else "" for column in named)
    rows = []
    for _line, cells in islice(lines, SAMPLES):
        if not isinstance(cells, WrongUseError):
            rows.append(tuple(plain(cell)[:MAX_SAMPLE] for cell in (*cells, *[""] * len(headings)))[: len(headings)])
    beginning = Beginning(tuple(headings), guesses, tuple(columns), tuple(rows))
    return HeadingsError(error.message, hint=error.hint, beginning=beginning)


def _opened(name: str, data: bytes, known: Collection[str], aliases: Mapping[str, str], encoding: str) -> Delimited:
    """A table as text; raises ``WrongUseError``."""
    _check_format(name, data)

    def begins(heads: Sequence[str], cells: Sequence[str]) -> bool:
        return bool(cells[0]) and " " not in cells[0].strip() and heads[0] != ""

    def is_known(head: str) -> bool:
        return column_of(head, aliases) in known

    try:
        table = Delimited(io.BytesIO(data), known=is_known, begins=begins, sample=MAX_BYTES, encoding=encoding)
    except RefusedError as error:
        if not (encoding or encoding_of(data)):
            raise unknown_encoding(name, data) from error
        line = data[:10].lower().startswith(b"sep=") + 1
        raise WrongRowsError(name, [(line, WrongUseError(_PROBLEMS[Problem.QUOTES]()))], 0) from error
    if not table.encoding:
        raise unknown_encoding(name, data)
    return table


def _check_format(name: str, data: bytes) -> None:
    """Raise ``WrongUseError`` for the formats of other programs."""
    hint = _("Save it as XLSX, or as CSV UTF-8.")
    if data.startswith(workbooks.OLE):
        text = _("%(name)s is a workbook of an old Excel.")
        if "EncryptedPackage".encode("utf-16-le") in data:
            text, hint = _("%(name)s is protected by a password."), _("Save it without one.")
        raise WrongUseError(text % {"name": name}, hint=hint)
    begin = data[:1000].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if other := next((said for sign, said in _TEXT_OF_OTHERS if begin.startswith(sign)), ""):
        text = _("%(name)s is a file in the format %(format)s, which isn't read.")
        raise WrongUseError(text % {"name": name, "format": other}, hint=hint)


def _of_csv(table: Delimited) -> Iterator[tuple[int, Cells]]:
    if table.heads:
        yield table.first_line, table.heads
    for line, cells, problem, _text in table:
        if problem is None or problem is Problem.FIELDS:
            yield line, [cell.strip() for cell in cells]
        else:
            yield line, WrongUseError(_PROBLEMS[problem]())


def unknown_encoding(name: str, data: bytes) -> EncodingError:
    """The error for a table whose encoding can't be determined, with the encodings that it may be in."""
    text = _("The encoding of %(name)s can't be told for sure: it is none of UTF-8, UTF-16 and GBK.")
    candidates = candidates_of(data)
    hint = _("Save it as CSV UTF-8, or as XLSX.")
    if candidates:
        names = ", ".join(candidate.encoding for candidate in candidates)
        hint = _("Choose its encoding (%(names)s), or save it as CSV UTF-8.") % {"names": names}
    return EncodingError(text % {"name": name}, hint=hint, candidates=candidates)
