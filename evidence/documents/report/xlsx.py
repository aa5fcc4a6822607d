"""The report as XLSX (ECMA-376): the rows of the CSV with real numbers and times.

Texts are inline strings, which spreadsheets never evaluate as formulas. The file contains no formulas, macros or links.
Rows are written once and never read back, so a report of any size needs only the memory for one volume.
"""

import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import IO, BinaryIO
from xml.sax.saxutils import escape

from evidence.documents.phrases.wording import truncate_decimals
from evidence.documents.report.columns import COLUMNS, WORK_COLUMNS, Column, Value
from evidence.documents.typeset.compiler import escape_hidden_characters

MAX_ROWS = 1_048_576  # maximum number of rows in one sheet, set by the format; further rows go to another sheet
MAX_CHARACTERS = 32_767  # maximum number of characters in one cell
EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
"""Day 0 of the serial dates (ECMA-376 part 1, 18.17.4.1, for dates from 1900-03-01)."""
SECONDS_PER_DAY = 86_400
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


_INVALID_XML_CHAR = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPE_SEQUENCE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""Text that a spreadsheet would read as a character code (ECMA-376 part 1, 22.9.2.19, ``ST_Xstring``)."""
_MAIN_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS_NAMESPACE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE_NAMESPACE = "http://schemas.openxmlformats.org/package/2006"
_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

_FORMATS = ("General", "yyyy-mm-dd hh:mm:ss", "0.0000", "0.000000")
_TIME_STYLE, _HEADER_STYLE = 1, len(_FORMATS)
_STYLE_BY_DIGITS = {0: 0, 4: 2, 6: 3}


def build_xlsx_rows(rows: Iterable[list[Value]], columns: Sequence[Column] = COLUMNS) -> bytes:
    """Return rows as sheet XML, preceded by a line with the number of rows."""
    row_elements = [f"<row>{''.join(map(_format_cell, row, columns))}</row>" for row in rows]
    return f"{len(row_elements)}\n{''.join(row_elements)}".encode()


def write_xlsx(
    out: BinaryIO, parts: Iterable[bytes], max_rows: int = MAX_ROWS, works: Iterable[bytes] | None = None
) -> None:
    """Write the workbook from results of :func:`build_xlsx_rows`, starting a new sheet when one is full.

    No part may have more rows than a sheet, which includes the header row. ``works`` contains the rows of the works if
    the report lists each work.
    """
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        names = _write_sheets(archive, "sightings", COLUMNS, parts, max_rows - 1, 0)
        if works is not None:
            names += _write_sheets(archive, "works", WORK_COLUMNS, works, max_rows - 1, len(names))
        for name, text in _build_package_parts(names).items():
            archive.writestr(_create_zip_info(name), text)


def _write_sheets(
    archive: zipfile.ZipFile,
    name: str,
    columns: Sequence[Column],
    parts: Iterable[bytes],
    max_rows: int,
    sheet_offset: int,
) -> list[str]:
    """Write sheets after ``sheet_offset`` existing sheets; returns the names of the new sheets, at least one."""
    names, remaining = [name], max_rows
    sheet = _open_sheet(archive, sheet_offset + 1, columns)
    for part in parts:
        count, _, rows = part.partition(b"\n")
        if int(count) > remaining:
            _close_sheet(sheet)
            names.append(f"{name} {len(names) + 1}")
            remaining = max_rows
            sheet = _open_sheet(archive, sheet_offset + len(names), columns)
        sheet.write(rows)
        remaining -= int(count)
    _close_sheet(sheet)
    return names


def _open_sheet(archive: zipfile.ZipFile, number: int, columns: Sequence[Column]) -> IO[bytes]:
    sheet = archive.open(_create_zip_info(f"xl/worksheets/sheet{number}.xml"), "w", force_zip64=True)
    pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    numbered_columns = enumerate(columns, 1)
    widths = "".join(
        f'<col min="{n}" max="{n}" width="{column.width}" customWidth="1"/>' for n, column in numbered_columns
    )
    header_cells = "".join(_format_text(column.name, _HEADER_STYLE) for column in columns)
    sheet.write(
        f'{_XML_DECLARATION}<worksheet xmlns="{_MAIN_NAMESPACE}">'
        f'<sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>'
        f"<cols>{widths}</cols><sheetData><row>{header_cells}</row>".encode()
    )
    return sheet


def _close_sheet(sheet: IO[bytes]) -> None:
    sheet.write(b"</sheetData></worksheet>")
    sheet.close()


def _create_zip_info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, ZIP_DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info


def _format_cell(value: Value, column: Column) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, datetime):
        return f'<c s="{_TIME_STYLE}"><v>{_to_serial_date(value)}</v></c>'
    if isinstance(value, str):
        return _format_text(value, 0)
    if isinstance(value, float):
        value = truncate_decimals(value, column.digits)
    style = _STYLE_BY_DIGITS[column.digits]
    return f'<c s="{style}"><v>{value!r}</v></c>' if style else f"<c><v>{value!r}</v></c>"


def _format_text(value: str, style: int) -> str:
    visible_text = _INVALID_XML_CHAR.sub("\ufffd", escape_hidden_characters(value, frozenset()))[:MAX_CHARACTERS]
    visible_text = _ESCAPE_SEQUENCE.sub("_x005F_", visible_text)
    style_attribute = f' s="{style}"' if style else ""
    return f'<c t="inlineStr"{style_attribute}><is><t xml:space="preserve">{escape(visible_text)}</t></is></c>'


def _to_serial_date(value: datetime) -> str:
    """Return the time as days since the epoch of spreadsheets, in UTC."""
    elapsed = value.astimezone(UTC) - EPOCH
    return f"{elapsed.days + (elapsed.seconds + elapsed.microseconds / 1e6) / SECONDS_PER_DAY:.9f}"


def _build_package_parts(names: Sequence[str]) -> dict[str, str]:
    """Return all package parts except the sheets, by path."""
    numbers = range(1, len(names) + 1)
    overrides = "".join(
        f'<Override PartName="/xl/{name}.xml" ContentType="{_CONTENT_TYPE}.{kind}+xml"/>'
        for name, kind in (
            ("workbook", "sheet.main"),
            ("styles", "styles"),
            *((f"worksheets/sheet{number}", "worksheet") for number in numbers),
        )
    )
    sheet_elements = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="rId{number}"/>' for number, name in enumerate(names, 1)
    )
    targets = [*((f"rId{number}", "worksheet", f"worksheets/sheet{number}.xml") for number in numbers)]
    targets.append((f"rId{len(names) + 1}", "styles", "styles.xml"))
    namespaces = f'xmlns="{_MAIN_NAMESPACE}" xmlns:r="{_RELATIONS_NAMESPACE}"'
    book = f"<workbook {namespaces}><sheets>{sheet_elements}</sheets></workbook>"
    return {
        "[Content_Types].xml": f'{_XML_DECLARATION}<Types xmlns="{_PACKAGE_NAMESPACE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
        "_rels/.rels": _build_relations([("rId1", "officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": _XML_DECLARATION + book,
        "xl/_rels/workbook.xml.rels": _build_relations(targets),
        "xl/styles.xml": _build_styles(),
    }


def _build_relations(targets: Iterable[tuple[str, str, str]]) -> str:
    lines = "".join(
        f'<Relationship Id="{name}" Type="{_RELATIONS_NAMESPACE}/{kind}" Target="{path}"/>'
        for name, kind, path in targets
    )
    return f'{_XML_DECLARATION}<Relationships xmlns="{_PACKAGE_NAMESPACE}/relationships">{lines}</Relationships>'


def _build_styles() -> str:
    formats = "".join(f'<numFmt numFmtId="{164 + n}" formatCode="{code}"/>' for n, code in enumerate(_FORMATS) if n)
    plain = '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    number_styles = "".join(
        f'<xf numFmtId="{164 + position}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        for position in range(1, len(_FORMATS))
    )
    bold = '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    font = '<sz val="10"/><name val="Arial"/>'
    return (
        f'{_XML_DECLARATION}<styleSheet xmlns="{_MAIN_NAMESPACE}">'
        f'<numFmts count="{len(_FORMATS) - 1}">{formats}</numFmts>'
        f'<fonts count="2"><font>{font}</font><font><b/>{font}</font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill>'
        '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        f'<cellXfs count="{len(_FORMATS) + 1}">{plain}{number_styles}{bold}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )
