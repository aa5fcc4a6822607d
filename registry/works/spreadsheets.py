"""User-supplied tables: CSV in the usual encodings and with the usual separators, and XLSX.

A table's size is limited and is checked before it is unpacked. Ambiguous input is rejected with a hint on how to save
the table, since a wrong guess could change a name without anyone noticing.
"""

import io
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Generic, TypeVar

from django.utils.translation import gettext as _, ngettext

from exhibit.errors import InvalidRequestError, RefusedError
from exhibit.files.delimited import DelimitedTable, EncodingCandidate, RowProblem, detect_encoding, find_encodings
from exhibit.plain import remove_control_chars
from registry.works import workbooks
from registry.works.headings import strip_diacritics
from registry.works.workbooks import MAX_COLUMNS, Cells

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a table, and its interpretation."""

    text: str  # as written
    column: str  # the column; empty if the heading is unknown and ignored
    example: str  # the first non-empty field below it


@dataclass(frozen=True, slots=True)
class TableInterpretation:
    """Interpretation of a table."""

    encoding: str  # ``utf-8``, ``cp1252`` and such; empty for a workbook
    separator: str  # field separator; empty for a workbook
    headings: tuple[Heading, ...]
    is_likely: bool = False  # True if the encoding is likely but not certain, and the user did not choose it
    sheet: str = ""  # the sheet of the workbook that was read
    unread_sheets: tuple[str, ...] = ()  # non-empty sheets that were not read
    skipped: tuple[tuple[int, str], ...] = ()  # numbers of skipped rows, with the reason


@dataclass(frozen=True, slots=True)
class TableStart:
    """The first rows of a table with unknown headings, from which the user can assign the columns."""

    headings: tuple[str, ...]
    guesses: tuple[str, ...]  # the column that each heading certainly means, or empty
    columns: tuple[str, ...]  # all columns that exist
    rows: tuple[tuple[str, ...], ...]  # the fields of the first rows below


class HeadingsError(InvalidRequestError):
    """A table's headings cannot be interpreted; the user has to choose columns."""

    def __init__(self, message: str, *, hint: str, table_start: TableStart) -> None:
        super().__init__(message, hint=hint)
        self.table_start = table_start


class EncodingError(InvalidRequestError):
    """The encoding of a table cannot be determined; the user has to choose it."""

    def __init__(self, message: str, *, hint: str, candidates: Sequence[EncodingCandidate]) -> None:
        super().__init__(message, hint=hint)
        self.candidates = tuple(candidates)


class InvalidRowsError(InvalidRequestError):
    """Some rows of a table are invalid; the others can be used if the user agrees."""

    def __init__(self, name: str, rows: Sequence[tuple[int, InvalidRequestError]], valid_count: int) -> None:
        text = _("%(name)s, row %(line)d: %(problem)s")
        lines = [
            text % {"name": name, "line": line, "problem": error.message} for line, error in rows[:MAX_DESCRIBED_ERRORS]
        ]
        if further_rows := rows[MAX_DESCRIBED_ERRORS:]:
            text = ngettext(
                "%(count)d more row cannot be used.", "%(count)d more rows cannot be used.", len(further_rows)
            )
            numbers = ", ".join(str(line) for line, _error in further_rows[:MAX_LISTED_LINES])
            ellipsis = ", …" if len(further_rows) > MAX_LISTED_LINES else ""
            lines.append(f"{text % {'count': len(further_rows)}} ({numbers}{ellipsis})")
        super().__init__("\n".join(lines), hint=rows[0][1].hint)
        self.rows = tuple((line, error.message) for line, error in rows)
        self.valid_count = valid_count


ColumnChooser = Callable[[Sequence[str]], Sequence[str] | None]
"""Function that returns the columns that the user chose for headings, in order (empty for none), or ``None``."""


def choose_no_columns(_headings: Sequence[str]) -> None:
    """Return None: no columns were chosen, so each heading must name its column."""


MAX_BYTES = 32 * 1024 * 1024
MAX_LINES = 100_000  # rows of a CSV table, without the headings and empty rows
MAX_HEADING_LENGTH = 300  # characters of a heading for which the user may choose a column
MAX_SAMPLE_ROWS, MAX_SAMPLE_LENGTH = 3, 200  # rows that show a column's content, and characters of each field
LIKELY_ENCODING = "cp1252"
"""Encoding that is never certain, because other single-byte encodings can also produce plausible words."""
MAX_DESCRIBED_ERRORS = 100  # invalid rows whose problem is described
MAX_LISTED_LINES = 1_000  # further invalid rows whose number is listed
_UNREADABLE_CHAR = "\N{REPLACEMENT CHARACTER}"
_FAILED_FORMULA = re.compile(r"#[A-ZÄÖÜÉ0-9/_]{2,20}[!?]|#N/?[AV]|#GETTING_DATA|Err:\d{3}")
"""Text of a cell whose formula failed (ECMA-376, part 1, 18.17.2.7), in the languages of spreadsheet programs."""
_OTHER_FORMATS = ((b"<!doctype html", "HTML"), (b"<html", "HTML"), (b"<table", "HTML"), (b"<?xml", "XML"),
                   (b"{\\rtf", "RTF"), (b"%pdf-", "PDF"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class ParsedTable(Generic[Row]):
    """The rows of a table with their numbers, the table's interpretation, and its invalid rows."""

    name: str
    rows: list[tuple[int, Row]]
    interpretation: TableInterpretation
    errors: list[tuple[int, InvalidRequestError]]

    def check_rows(self, *, skips_invalid: bool) -> TableInterpretation:
        """Return the table's interpretation with the skipped rows, or raise an error for invalid rows.

        Args:
            skips_invalid: Skip invalid rows. Otherwise they are an error.

        Raises:
            InvalidRowsError: Rows are invalid, and ``skips_invalid`` is not set or no row is left.
            InvalidRequestError: The table has no rows.
        """
        errors = sorted(self.errors, key=lambda row: row[0])
        if errors and not (skips_invalid and self.rows):
            raise InvalidRowsError(self.name, errors, len(self.rows))
        if not self.rows:
            sentence = _("%(name)s has no rows below the headings.") % {"name": self.name}
            hint = _("Check that the table was saved completely and that its rows are in the first sheet.")
            raise InvalidRequestError(sentence, hint=hint)
        return replace(self.interpretation, skipped=tuple((line, error.message) for line, error in errors))


def read_lines(
    name: str,
    data: bytes,
    columns: Mapping[str, int],
    *,
    required_column: str,
    aliases: Mapping[str, str],
    convert: Callable[[int, Mapping[str, str]], Row],
) -> list[Row]:
    """Return the result of ``convert`` for each row of a table. The arguments are those of :func:`read_table`.

    Every row must be valid.
    """
    table = read_table(name, data, columns, required_column=required_column, aliases=aliases, convert=convert)
    table.check_rows(skips_invalid=False)
    return [row for _line, row in table.rows]


def read_table(  # noqa: PLR0913 - keyword-only; most are rarely used
    name: str,
    data: bytes,
    columns: Mapping[str, int],
    *,
    required_column: str,
    aliases: Mapping[str, str],
    convert: Callable[[int, Mapping[str, str]], Row],
    is_ignored: Callable[[str], bool] = lambda _heading: False,
    choose_columns: ColumnChooser = choose_no_columns,
    encoding: str = "",
    accepts_likely: bool = False,
) -> ParsedTable[Row]:
    """Read a table, CSV or XLSX, and collect its invalid rows.

    Args:
        name: The name of the file, for errors.
        data: Its bytes.
        columns: The maximum number of characters in a field, by column. Columns missing from the table are empty.
        required_column: The column that must exist and be filled.
        aliases: Alternative names of columns, in lower case.
        convert: Converts a row, given its number in the file; raises ``InvalidRequestError`` for an invalid one.
        is_ignored: Returns True for the heading of a column to ignore.
        choose_columns: Returns the columns that the user chose, for headings that are not clear.
        encoding: Python's name of the encoding; detected if empty.
        accepts_likely: Accept Windows-1252 if it is the likely encoding. Set this only if the rows are previewed.

    Raises:
        EncodingError: The encoding cannot be determined.
        HeadingsError: The headings cannot be interpreted.
        InvalidRequestError: The file is not a table, or exceeds the limits.
    """
    if len(data) > MAX_BYTES:
        raise InvalidRequestError(_("%(name)s is too large for a table.") % {"name": name})
    sheet = workbooks.open_sheet(name, data) if data.startswith(workbooks.ZIP_SIGNATURE) else None
    csv = _decode_csv(name, data, {*columns, *aliases}, aliases, encoding) if sheet is None else None
    if csv is not None and csv.encoding == LIKELY_ENCODING and not (encoding or accepts_likely):
        raise make_encoding_error(name, data)
    rows: Iterator[tuple[int, Cells]] = (
        _iterate_csv_rows(csv) if csv is not None else sheet.lines if sheet is not None else iter(())
    )
    lines = ((line, cells) for line, cells in rows if isinstance(cells, InvalidRequestError) or any(cells))
    first, headings = next(lines, (0, ()))
    if isinstance(headings, InvalidRequestError):
        raise InvalidRowsError(name, [(first, headings)], 0)
    try:
        assigned_columns = _assign_columns(
            name, headings, columns, required_column, aliases, is_ignored, choose_columns
        )
    except InvalidRequestError as error:
        raise _add_table_start(error, headings, columns, aliases, lines) from None
    max_lines = MAX_LINES if sheet is None else workbooks.MAX_LINES
    examples: dict[int, str] = {}
    valid_rows: list[tuple[int, Row]] = []
    errors: list[tuple[int, InvalidRequestError]] = []
    for count, (line, cells) in enumerate(lines):
        if count == max_lines:
            raise _make_too_long_error(name) if sheet is None else workbooks.make_too_long_error(name)
        try:
            valid_rows.append((line, convert(line, _parse_row(cells, assigned_columns, columns, required_column))))
        except InvalidRequestError as problem:
            errors.append((line, problem))
        else:
            _add_examples(examples, cells)
    numbered_headings = enumerate(zip(headings, assigned_columns, strict=True))
    heading_facts = tuple(
        Heading(text, column, examples.get(position, "")) for position, (text, column) in numbered_headings
    )
    if sheet is not None:
        interpretation = TableInterpretation(
            "", "", heading_facts, sheet=sheet.title, unread_sheets=sheet.unread_sheets
        )
    else:
        assert csv is not None
        interpretation = TableInterpretation(
            csv.encoding, csv.separator, heading_facts, is_likely=csv.encoding == LIKELY_ENCODING and not encoding
        )
    return ParsedTable(name, valid_rows, interpretation, errors)


def _add_examples(examples: dict[int, str], cells: Cells) -> None:
    """Add the first non-empty field of each column."""
    if not isinstance(cells, InvalidRequestError) and len(examples) < len(cells):
        for position, cell in enumerate(cells):
            if cell:
                examples.setdefault(position, remove_control_chars(cell))


def can_be_assigned(headings: Sequence[str]) -> bool:
    """Return True if there are headings, and they are few and short enough for the user to assign columns."""
    return 0 < len(headings) <= MAX_COLUMNS and max(map(len, headings)) <= MAX_HEADING_LENGTH


def get_column(cell: str, aliases: Mapping[str, str]) -> str:
    """Return the column that a heading names, directly or by an alias; otherwise its normalized text."""
    composed_text = unicodedata.normalize("NFC", cell).replace("’", "'").lower()
    normalized_text = re.sub(r"[\s_-]+", "_", composed_text.strip(" \t\r\n:：*.#\ufeff\u200b"))
    return (
        aliases.get(normalized_text)
        or aliases.get(normalized_text.replace(".", ""))
        or aliases.get(strip_diacritics(normalized_text), normalized_text)
    )


def _parse_row(
    cells: Cells, row_columns: Sequence[str], columns: Mapping[str, int], required: str
) -> Mapping[str, str]:
    """Return the fields of a row by column. Raises ``InvalidRequestError``."""
    if isinstance(cells, InvalidRequestError):
        raise cells
    if len(cells) != len(row_columns):
        raise InvalidRequestError(_("The row does not have %(count)d fields.") % {"count": len(row_columns)})
    fields = dict.fromkeys(columns, "")
    fields |= {column: cell for column, cell in zip(row_columns, cells, strict=True) if column}
    if not fields[required]:
        raise InvalidRequestError(_("%(column)s is empty.") % {"column": required})
    for column, text in fields.items():
        if len(text) > columns[column]:
            values = {"column": column, "most": columns[column]}
            raise InvalidRequestError(_("%(column)s has more than %(most)d characters.") % values)
        fields[column] = remove_control_chars(text)
        if _UNREADABLE_CHAR in text:
            sentence = _(
                "%(column)s contains replacement characters where another program could not read the text: “%(given)s”."
            )
            hint = _("Correct the text in the original program, and save the table again as CSV UTF-8 or XLSX.")
            raise InvalidRequestError(
                sentence % {"column": column, "given": fields[column][:MAX_SAMPLE_LENGTH]}, hint=hint
            )
        if _FAILED_FORMULA.fullmatch(text):
            sentence = _("%(column)s contains “%(given)s” because its formula failed.") % {
                "column": column,
                "given": text,
            }
            raise InvalidRequestError(sentence, hint=_("Correct the formula, or replace it with its result."))
    return fields


_PROBLEMS: Mapping[RowProblem, Callable[[], str]] = {
    RowProblem.QUOTES: lambda: _("The quotation marks around a field are unbalanced."),
    RowProblem.ENCODING: lambda: _("The row has a different encoding from the other rows."),
    RowProblem.NOT_TEXT: lambda: _("The row contains null bytes, which are not valid in text."),
    RowProblem.TOO_LONG: lambda: _("The row is too long."),
}


def _make_too_long_error(name: str) -> InvalidRequestError:
    sentence = _("%(name)s has more than %(most)d rows.") % {"name": name, "most": MAX_LINES}
    return InvalidRequestError(sentence, hint=_("Split the table."))


def _assign_columns(
    name: str,
    cells: Sequence[str],
    columns: Mapping[str, int],
    required: str,
    aliases: Mapping[str, str],
    is_ignored: Callable[[str], bool],
    choose_columns: ColumnChooser,
) -> list[str]:
    """Return the column of each heading, empty for an ignored one. Raises ``InvalidRequestError``."""
    names = [get_column(cell, aliases) for cell in cells]
    is_clear = columns.keys() >= set(names) and required in names and len(set(names)) == len(names)
    chosen_columns = None if is_clear else choose_columns(cells)
    names = names if chosen_columns is None else list(chosen_columns)
    assigned_columns = ["" if is_ignored(cell) else column for cell, column in zip(cells, names, strict=True)]
    hint = _("The first row can contain these column names: %(columns)s") % {"columns": ", ".join(columns)}
    unknown_headings = [
        cell
        for cell, column in zip(cells, assigned_columns, strict=True)
        if column not in columns and (chosen_columns is None or column) and not is_ignored(cell)
    ]
    assigned_columns = [column if column in columns else "" for column in assigned_columns]
    if unknown_headings:
        text = _("%(name)s has an unknown column “%(column)s”.")
        raise InvalidRequestError(text % {"name": name, "column": unknown_headings[0][:100]}, hint=hint)
    if required not in assigned_columns:
        text = _("%(name)s has no column “%(column)s”.")
        raise InvalidRequestError(text % {"name": name, "column": required}, hint=hint)
    duplicate_column = next(
        (column for column in assigned_columns if column and assigned_columns.count(column) > 1), None
    )
    if duplicate_column is not None:
        text = _("%(name)s has the column “%(column)s” twice.")
        raise InvalidRequestError(text % {"name": name, "column": duplicate_column}, hint=hint)
    return assigned_columns


def _add_table_start(
    error: InvalidRequestError,
    headings: Sequence[str],
    columns: Mapping[str, int],
    aliases: Mapping[str, str],
    lines: Iterator[tuple[int, Cells]],
) -> InvalidRequestError:
    """Return the error with the first rows of the table, if the user can choose its columns."""
    if not can_be_assigned(headings):
        return error
    names = [get_column(heading, aliases) for heading in headings]
    guesses = tuple(column if column in columns and names.count(column) == 1 else "" for column in names)
    rows = []
    for _line, cells in islice(lines, MAX_SAMPLE_ROWS):
        if not isinstance(cells, InvalidRequestError):
            rows.append(
                tuple(remove_control_chars(cell)[:MAX_SAMPLE_LENGTH] for cell in (*cells, *[""] * len(headings)))[
                    : len(headings)
                ]
            )
    table_start = TableStart(tuple(headings), guesses, tuple(columns), tuple(rows))
    return HeadingsError(error.message, hint=error.hint, table_start=table_start)


def _decode_csv(
    name: str, data: bytes, known_columns: Collection[str], aliases: Mapping[str, str], encoding: str
) -> DelimitedTable:
    """Decode a CSV table. Raises ``InvalidRequestError``."""
    _check_format(name, data)

    def starts_with_name(headings: Sequence[str], cells: Sequence[str]) -> bool:
        return bool(cells[0]) and " " not in cells[0].strip() and headings[0] != ""

    def is_known_heading(heading: str) -> bool:
        return get_column(heading, aliases) in known_columns

    try:
        table = DelimitedTable(
            io.BytesIO(data),
            is_heading=is_known_heading,
            starts_row=starts_with_name,
            sample_bytes=MAX_BYTES,
            encoding=encoding,
        )
    except RefusedError as error:
        if not (encoding or detect_encoding(data)):
            raise make_encoding_error(name, data) from error
        line = data[:10].lower().startswith(b"sep=") + 1
        raise InvalidRowsError(name, [(line, InvalidRequestError(_PROBLEMS[RowProblem.QUOTES]()))], 0) from error
    if not table.encoding:
        raise make_encoding_error(name, data)
    return table


def _check_format(name: str, data: bytes) -> None:
    """Raise ``InvalidRequestError`` for file formats other than CSV."""
    hint = _("Save the table as XLSX or CSV UTF-8.")
    if data.startswith(workbooks.OLE_SIGNATURE):
        text = _("%(name)s is a workbook from an old version of Excel.")
        if "EncryptedPackage".encode("utf-16-le") in data:
            text, hint = _("%(name)s is protected by a password."), _("Save the workbook without a password.")
        raise InvalidRequestError(text % {"name": name}, hint=hint)
    first_bytes = data[:1000].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if other_format := next(
        (format_name for signature, format_name in _OTHER_FORMATS if first_bytes.startswith(signature)), ""
    ):
        text = _("%(name)s is in the format %(format)s, which is not supported.")
        raise InvalidRequestError(text % {"name": name, "format": other_format}, hint=hint)


def _iterate_csv_rows(table: DelimitedTable) -> Iterator[tuple[int, Cells]]:
    if table.headings:
        yield table.first_line, table.headings
    for line, cells, problem, _text in table:
        if problem is None or problem is RowProblem.FIELDS:
            yield line, [cell.strip() for cell in cells]
        else:
            yield line, InvalidRequestError(_PROBLEMS[problem]())


def make_encoding_error(name: str, data: bytes) -> EncodingError:
    """Return the error for a table whose encoding cannot be determined, with the possible encodings."""
    text = _("The encoding of %(name)s cannot be determined with certainty: it is not UTF-8, UTF-16 or GBK.")
    candidates = find_encodings(data)
    hint = _("Save the table as CSV UTF-8 or XLSX.")
    if candidates:
        names = ", ".join(candidate.encoding for candidate in candidates)
        hint = _("Choose the encoding of the table (%(names)s), or save the table as CSV UTF-8.") % {"names": names}
    return EncodingError(text % {"name": name}, hint=hint, candidates=candidates)
