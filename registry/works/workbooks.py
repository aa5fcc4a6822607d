"""Rows of XLSX workbooks, read within limits and without trusting the file's claims about itself.

Programs write wrong dimensions, hide the first sheet, or use the strict variant of the format. Every row of the first
visible, non-empty sheet is read, and the other non-empty sheets are listed.
"""

import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import zip_longest
from time import thread_time
from typing import Any, NamedTuple, TypeVar

from django.utils.translation import gettext as _

from exhibit.errors import InvalidRequestError

MAX_LINES = 20_000
"""Maximum number of rows, without headings and empty rows. Lower than for CSV, as workbooks are slower to read."""
MAX_ROWS = 1 << 20  # rows of a sheet, including empty ones: the limit of spreadsheet programs
MAX_COLUMNS = 100
MAX_SECONDS = 20.0  # processor time per workbook, since empty cells take time too
MAX_UNPACKED = 256 * 1024 * 1024
ZIP_SIGNATURE = b"PK\x03\x04"
OLE_SIGNATURE = b"\xd0\xcf\x11\xe0"
_MAX_CELLS_READ = 256  # cells of a row that are read; cells beyond MAX_COLUMNS are reported
_MAX_MERGED = 100_000  # cells that take the value of the first cell of their merged area
_FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")
_ROW = re.compile(rb"<(?:\w+:)?row\s([^<>]*)")
_ROW_NUMBER = re.compile(rb"""(?:^|\s)r=["'](\d+)""")
_EMPTY_RESULT = re.compile(  # a cell whose formula has an empty text as its result
    rb"<(?:\w+:)?c\s([^<>]*)><(?:\w+:)?f(?:\s[^<>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)<(?:\w+:)?v(?:\s[^<>]*)?(?:/>|></)"
)
_CELL_NUMBER = re.compile(rb"""(?:^|\s)r=["']([A-Z]{1,3}\d{1,7})["']""")
_MERGED = re.compile(rb"""<(?:\w+:)?mergeCell\s+ref=["']([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})""")
_HEAD_BYTES = 1 << 16  # bytes of a part that contain a sheet's dimension
_UTF_16 = re.compile(rb"(\xff\xfe|\xfe\xff)|<\0|\0<")
_DIMENSION = re.compile(rb"(<(?:\w+:)?dimension)\b[^<>]*?(/?>)")
_RANGE = re.compile(rb"""\sref=["'](?:\$?[A-Za-z]{1,3}\$?\d{1,7}:?){1,2}["']""")
_ESCAPED_CHAR = re.compile("_x((?![Dd][89A-Fa-f])[0-9A-Fa-f]{4})_")  # a character (ECMA-376, part 1, 22.9.2.19)
_STRICT_NAMESPACE = b"http://purl.oclc.org/ooxml/"
_TRANSITIONAL_NAMESPACES = {
    b"spreadsheetml/main": b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    b"drawingml/main": b"http://schemas.openxmlformats.org/drawingml/2006/main",
    b"officeDocument/extendedProperties": b"http://schemas.openxmlformats.org/officeDocument/2006/extended-properties",
    b"officeDocument/": b"http://schemas.openxmlformats.org/officeDocument/2006/",
}
"""The namespaces of ISO/IEC 29500 Strict, with those of the variant that openpyxl reads."""
_OTHER_FORMATS = {
    "content.xml": "OpenDocument (ODS)",
    "Index/Document.iwa": "Apple Numbers",
    "Index.zip": "Apple Numbers",
    "xl/workbook.bin": "XLSB",
    "word/document.xml": "Word",
}
"""Members that identify the formats of other programs."""

T = TypeVar("T")
Cells = Sequence[str] | InvalidRequestError
"""The fields of a row, or the reason why the row is invalid."""


class Line(NamedTuple):
    """A row and its number in the sheet, from 1."""

    number: int
    cells: Cells


@dataclass(frozen=True, slots=True)
class OpenedSheet:
    """The sheet that is read, and the titles of other non-empty sheets."""

    title: str
    unread_sheets: tuple[str, ...]
    lines: Iterator[Line]


def open_sheet(name: str, data: bytes) -> OpenedSheet:
    """Open the first non-empty sheet. Visible sheets are preferred to hidden ones.

    Raises:
        InvalidRequestError: The file is not a workbook, is damaged, or exceeds the limits.
    """
    _check_package(name, data)
    data = _run_guarded(name, lambda: _make_readable(data))
    deadline = thread_time() + MAX_SECONDS
    workbook = _load_workbook(name, data, deadline, uses_computed_values=True)
    titles = [sheet.title for sheet in _run_guarded(name, lambda: _list_used_sheets(name, workbook, deadline))]
    if not titles:
        return OpenedSheet("", (), iter(()))
    return OpenedSheet(
        titles[0], tuple(titles[1:]), _iterate_guarded(name, _iterate_lines(name, data, titles[0], deadline))
    )


def make_too_long_error(name: str) -> InvalidRequestError:
    """Return the error for a workbook with too many lines."""
    sentence = _("%(name)s has more than %(most)d rows.") % {"name": name, "most": MAX_LINES}
    return InvalidRequestError(
        sentence,
        hint=_("Save the table as CSV UTF-8, which can have up to %(most)d rows, or split the table.") % _CSV_LIMITS,
    )


_CSV_LIMITS = {"most": 100_000}


def _list_used_sheets(name: str, book: Any, deadline: float) -> list[Any]:  # noqa: ANN401 - openpyxl has no types
    """Return the non-empty sheets, visible ones first."""
    sheets = sorted(book.worksheets, key=lambda sheet: sheet.sheet_state != "visible")
    return [
        sheet
        for sheet in sheets
        if any(any(value is not None for value in row) for row in _iterate_rows(name, sheet, deadline))
    ]


def _iterate_rows(name: str, sheet: Any, deadline: float) -> Iterator[Sequence[Any]]:  # noqa: ANN401 - openpyxl has no types
    sheet.reset_dimensions()  # the dimensions stated in the file may be wrong
    for count, values in enumerate(sheet.iter_rows(values_only=True, max_col=_MAX_CELLS_READ), 1):
        if count > MAX_ROWS or thread_time() > deadline:
            raise make_too_long_error(name)
        yield values


def _iterate_lines(name: str, data: bytes, title: str, deadline: float) -> Iterator[Line]:
    """Yield the non-empty rows, as they were computed when the workbook was last saved.

    Some programs do not store the results of formulas. Such a row is an error.
    """
    sheet = _load_workbook(name, data, deadline, uses_computed_values=True)[title]
    text = _read_part(data, sheet)
    _check_row_order(name, text)
    rows: Iterator[Sequence[Any]] = _iterate_rows(name, sheet, deadline)
    formula_rows: Iterator[Sequence[Any]] = iter(())
    if _FORMULA.search(text):
        formula_rows = _iterate_rows(
            name, _load_workbook(name, data, deadline, uses_computed_values=False)[title], deadline
        )
    merged_cells, empty_results, width = _find_merged_cells(text), _find_empty_results(text), 0
    values_above: dict[tuple[int, int], Any] = {}
    first_column = 0
    for number, (values, formulas) in enumerate(zip_longest(rows, formula_rows, fillvalue=()), 1):
        if number in merged_cells:
            values = _fill_merged(number, values, merged_cells[number], values_above)  # noqa: PLW2901 - the same row
        pairs = enumerate(zip(values, formulas, strict=False), 1)
        if any(
            pair[0] is None and pair[1] is not None and (number, position) not in empty_results
            for position, pair in pairs
        ):
            hint = _("Open the workbook in a spreadsheet program and save it again, or save it as CSV UTF-8.")
            yield Line(number, InvalidRequestError(_("The file does not contain the result of a formula."), hint=hint))
            continue
        if values.count(None) == len(values):
            continue
        cells = [_to_text(value) for value in values]
        if not width:  # a table may start in any column
            first_column = next((position for position, cell in enumerate(cells) if cell), 0)
        if any(cells[:first_column]):
            yield Line(number, InvalidRequestError(_("The row has a field to the left of the first heading.")))
            continue
        cells = cells[first_column:]
        last_filled = max((position for position, cell in enumerate(cells, 1) if cell), default=0)
        width = width or last_filled
        if last_filled > MAX_COLUMNS:
            sentence = _("The row has more than %(most)d columns.") % {"most": MAX_COLUMNS}
            yield Line(number, InvalidRequestError(sentence, hint=_("Remove columns that are not needed.")))
        else:
            yield Line(number, cells[: max(width, last_filled)])


def _find_empty_results(text: bytes) -> set[tuple[int, int]]:
    """Return row and column of each cell whose formula was computed and has an empty text as its result."""
    from openpyxl.utils.cell import coordinate_to_tuple  # noqa: PLC0415 - not every process reads workbooks

    cells = (_CELL_NUMBER.search(cell[1]) for cell in _EMPTY_RESULT.finditer(text) if b't="str"' in cell[1])
    return {coordinate_to_tuple(number[1].decode()) for number in cells if number is not None}


def _find_merged_cells(text: bytes) -> dict[int, list[tuple[int, int]]]:
    """Return, for each row, the columns of cells that are merged with a cell above, and the row of that cell."""
    from openpyxl.utils.cell import coordinate_to_tuple  # noqa: PLC0415 - not every process reads workbooks

    by_row: dict[int, list[tuple[int, int]]] = {}
    remaining_cells = _MAX_MERGED
    for area in _MERGED.findall(text):
        start, end = (coordinate_to_tuple(corner) for corner in area.decode().split(":"))
        (first, column), (last, _column) = start, end
        remaining_cells -= max(0, last - first)
        if remaining_cells < 0:
            break
        for number in range(first, last + 1) if last > first and 0 < column <= MAX_COLUMNS else ():
            by_row.setdefault(number, []).append((column - 1, first))
    return by_row


def _fill_merged(
    number: int,
    values: Sequence[Any],
    merged_cells: Sequence[tuple[int, int]],
    first_values: dict[tuple[int, int], Any],
) -> Sequence[Any]:
    """Return a row with merged cells filled from above.

    The first value of a merged area is stored in ``first_values``.
    """
    cells = list(values)
    for column, first in merged_cells:
        if number == first:
            first_values[column, first] = cells[column]
        elif cells[column] is None and values.count(None) < len(values):
            cells[column] = first_values.get((column, first))
    return tuple(cells)


def _check_row_order(name: str, text: bytes) -> None:
    """Raise ``InvalidRequestError`` if rows are not in order: openpyxl would skip some."""
    last_number = 0
    for row in _ROW.finditer(text):
        if (number_match := _ROW_NUMBER.search(row[1])) is None:
            last_number += 1
        elif (number := int(number_match[1][:12])) <= last_number:
            sentence = _("The rows of %(name)s are not in order: row %(number)d comes after row %(last)d.")
            hint = _("Open the workbook in a spreadsheet program and save it again, or save it as CSV UTF-8.")
            raise InvalidRequestError(sentence % {"name": name, "number": number, "last": last_number}, hint=hint)
        else:
            last_number = number


def _read_part(data: bytes, sheet: Any) -> bytes:  # noqa: ANN401 - openpyxl has no types
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return package.read(sheet._worksheet_path)  # noqa: SLF001 - openpyxl has no public name for it


def _make_readable(data: bytes) -> bytes:
    """Return a workbook that openpyxl and the patterns above can read. Parts are rewritten if necessary."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        parts = [info for info in package.infolist() if info.filename.endswith((".xml", ".rels"))]
        is_strict = any(_STRICT_NAMESPACE in package.read(info) for info in parts if info.filename.endswith(".rels"))
        if not is_strict and not any(_needs_rewrite(_read_head(package, info)) for info in parts):
            return data
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for info in package.infolist():
                content = package.read(info)
                archive.writestr(info.filename, _rewrite_part(content) if info in parts else content)
    return out.getvalue()


def _read_head(package: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with package.open(info) as part:
        return part.read(_HEAD_BYTES)


def _needs_rewrite(start: bytes) -> bool:
    """Return True for a part in UTF-16, and for a sheet whose dimension is not a range of cells."""
    dimension = _DIMENSION.search(start)
    return _UTF_16.match(start) is not None or (dimension is not None and not _RANGE.search(dimension[0]))


def _rewrite_part(content: bytes) -> bytes:
    """Return a part in UTF-8, with the namespaces that openpyxl knows and a dimension that it can read."""
    if (utf_16 := _UTF_16.match(content)) is not None:
        text = content.decode("utf-16" if utf_16[1] else "utf-16-le" if content[1] == 0 else "utf-16-be")
        content = re.sub(r"<\?xml[^<>]*\?>", "", text, count=1).encode()
    for strict_namespace, transitional_namespace in _TRANSITIONAL_NAMESPACES.items():
        content = content.replace(_STRICT_NAMESPACE + strict_namespace, transitional_namespace)
    dimension = _DIMENSION.search(content, 0, _HEAD_BYTES)
    if dimension is None or _RANGE.search(dimension[0]):
        return content
    return content[: dimension.start()] + dimension[1] + b' ref="A1"' + dimension[2] + content[dimension.end() :]


class _TimedBytes(io.BytesIO):
    """Bytes that can be read for a limited time: openpyxl may read all of a sheet before its first row."""

    def __init__(self, data: bytes, name: str, deadline: float) -> None:
        super().__init__(data)
        self.name, self.until = name, deadline

    def read(self, size: int | None = -1, /) -> bytes:
        if thread_time() > self.until:
            raise make_too_long_error(self.name)
        return super().read(size)


def _load_workbook(name: str, data: bytes, deadline: float, *, uses_computed_values: bool) -> Any:  # noqa: ANN401 - openpyxl has no types
    from openpyxl import load_workbook  # noqa: PLC0415 - not every process reads workbooks

    def load() -> Any:  # noqa: ANN401
        return load_workbook(
            _TimedBytes(data, name, deadline), read_only=True, data_only=uses_computed_values, keep_links=False
        )

    return _run_guarded(name, load)


def _run_guarded(name: str, function: Callable[[], T]) -> T:
    """Return the result of ``function``.

    Any error that openpyxl raises for a malformed file becomes an ``InvalidRequestError``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function()
    except InvalidRequestError:
        raise
    except Exception as error:  # openpyxl may raise any error for malformed files
        text = _("%(name)s cannot be read as a workbook.")
        raise InvalidRequestError(
            text % {"name": name}, hint=_("Save the workbook again as XLSX, or as CSV UTF-8.")
        ) from error


def _iterate_guarded(name: str, lines: Iterator[Line]) -> Iterator[Line]:
    while (line := _run_guarded(name, lambda: next(lines, None))) is not None:
        yield line


def _check_package(name: str, data: bytes) -> None:
    """Limit the unpacked size of a package before unpacking it, and recognise the formats of other programs."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            unpacked_size = sum(info.file_size for info in package.infolist())
            names = {info.filename for info in package.infolist()}
    except (zipfile.BadZipFile, RuntimeError, OSError, ValueError) as error:  # RuntimeError: newer ZIP version
        raise InvalidRequestError(_("%(name)s is damaged.") % {"name": name}) from error
    if unpacked_size > MAX_UNPACKED:
        raise InvalidRequestError(_("%(name)s is too large for a table.") % {"name": name})
    if not any(re.fullmatch(r"xl/workbook\d*\.xml", file_name, re.IGNORECASE) for file_name in names):
        format_file = next((format_name for member, format_name in _OTHER_FORMATS.items() if member in names), "")
        text = _("%(name)s is neither a CSV table nor an Excel workbook.")
        if format_file:
            text = _("%(name)s is in the format %(format)s, which is not supported.")
        raise InvalidRequestError(
            text % {"name": name, "format": format_file}, hint=_("Save the table as XLSX or CSV UTF-8.")
        )


def _to_text(value: object) -> str:
    """Return a cell's text; days as ISO 8601, whole numbers without a decimal point."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = _ESCAPED_CHAR.sub(lambda match: chr(int(match[1], 16)), value) if isinstance(value, str) else str(value)
    return text.replace("\r\n", "\n").replace("\0", "").strip()
