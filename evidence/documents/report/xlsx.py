"""The report as XLSX (ECMA-376): the rows of the CSV with real numbers and times.

Texts are inline strings, which a spreadsheet never computes, whatever they start with. The file has no formulas, macros
or links. Rows are written once and never read back, so a report of any size needs the memory of one volume.
"""

import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import IO, BinaryIO
from xml.sax.saxutils import escape

from evidence.documents.phrases.wording import floored
from evidence.documents.report.columns import COLUMNS, WORK_COLUMNS, Column, Value
from evidence.documents.typeset.compiler import showable

MAX_ROWS = 1_048_576  # the format's limit of rows in one sheet; further rows go to another sheet
MAX_CHARACTERS = 32_767  # limit of characters in one cell
EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
"""Day 0 of the serial dates (ECMA-376 part 1, 18.17.4.1, for dates from 1900-03-01)."""
DAY = 86_400
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""Text that a spreadsheet would read as a character code (ECMA-376 part 1, 22.9.2.19, ``ST_Xstring``)."""
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

_FORMATS = ("General", "yyyy-mm-dd hh:mm:ss", "0.0000", "0.000000")
_TIME, _HEAD = 1, len(_FORMATS)
_STYLE_OF_DIGITS = {0: 0, 4: 2, 6: 3}


def xlsx_rows(rows: Iterable[list[Value]], columns: Sequence[Column] = COLUMNS) -> bytes:
    """Return rows as sheet XML, after a line with their number."""
    row_elements = [f"<row>{''.join(map(_cell, row, columns))}</row>" for row in rows]
    return f"{len(row_elements)}\n{''.join(row_elements)}".encode()


def write_xlsx(
    out: BinaryIO, parts: Iterable[bytes], most_rows: int = MAX_ROWS, works: Iterable[bytes] | None = None
) -> None:
    """Write the workbook from parts made by :func:`xlsx_rows`, starting a new sheet when one is full.

    No part may exceed a sheet, whose rows include the header. ``works`` are the rows of a report that lists each work.
    """
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        names = _write_sheets(archive, "sightings", COLUMNS, parts, most_rows - 1, 0)
        if works is not None:
            names += _write_sheets(archive, "works", WORK_COLUMNS, works, most_rows - 1, len(names))
        for name, text in _frame(names).items():
            archive.writestr(_member(name), text)


def _write_sheets(
    archive: zipfile.ZipFile, name: str, columns: Sequence[Column], parts: Iterable[bytes], most: int, before: int
) -> list[str]:
    """Write sheets after ``before`` others; returns their names, at least one."""
    names, remaining = [name], most
    sheet = _begin(archive, before + 1, columns)
    for part in parts:
        count, _, rows = part.partition(b"\n")
        if int(count) > remaining:
            _end(sheet)
            names.append(f"{name} {len(names) + 1}")
            remaining = most
            sheet = _begin(archive, before + len(names), columns)
        sheet.write(rows)
        remaining -= int(count)
    _end(sheet)
    return names


def _begin(archive: zipfile.ZipFile, number: int, columns: Sequence[Column]) -> IO[bytes]:
    sheet = archive.open(_member(f"xl/worksheets/sheet{number}.xml"), "w", force_zip64=True)
    pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    numbered = enumerate(columns, 1)
    widths = "".join(f'<col min="{n}" max="{n}" width="{column.width}" customWidth="1"/>' for n, column in numbered)
    head = "".join(_text(column.name, _HEAD) for column in columns)
    sheet.write(
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>'
        f"<cols>{widths}</cols><sheetData><row>{head}</row>".encode()
    )
    return sheet


def _end(sheet: IO[bytes]) -> None:
    sheet.write(b"</sheetData></worksheet>")
    sheet.close()


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, ZIP_DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info


def _cell(value: Value, column: Column) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, datetime):
        return f'<c s="{_TIME}"><v>{_serial(value)}</v></c>'
    if isinstance(value, str):
        return _text(value, 0)
    if isinstance(value, float):
        value = floored(value, column.digits)
    style = _STYLE_OF_DIGITS[column.digits]
    return f'<c s="{style}"><v>{value!r}</v></c>' if style else f"<c><v>{value!r}</v></c>"


def _text(value: str, style: int) -> str:
    visible_text = _NOT_XML.sub("\ufffd", showable(value, frozenset()))[:MAX_CHARACTERS]
    visible_text = _ESCAPE.sub("_x005F_", visible_text)
    styled = f' s="{style}"' if style else ""
    return f'<c t="inlineStr"{styled}><is><t xml:space="preserve">{escape(visible_text)}</t></is></c>'


def _serial(moment: datetime) -> str:
    """Return the days since the epoch of spreadsheets, in UTC."""
    since = moment.astimezone(UTC) - EPOCH
    return f"{since.days + (since.seconds + since.microseconds / 1e6) / DAY:.9f}"


def _frame(names: Sequence[str]) -> dict[str, str]:
    """Return the package parts other than the sheets."""
    numbers = range(1, len(names) + 1)
    overrides = "".join(
        f'<Override PartName="/xl/{name}.xml" ContentType="{_CONTENT}.{kind}+xml"/>'
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
    book = f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{sheet_elements}</sheets></workbook>'
    return {
        "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
        "_rels/.rels": _relations([("rId1", "officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": _XML + book,
        "xl/_rels/workbook.xml.rels": _relations(targets),
        "xl/styles.xml": _styles(),
    }


def _relations(targets: Iterable[tuple[str, str, str]]) -> str:
    lines = "".join(
        f'<Relationship Id="{name}" Type="{_RELATIONS}/{kind}" Target="{path}"/>' for name, kind, path in targets
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{lines}</Relationships>'


def _styles() -> str:
    formats = "".join(f'<numFmt numFmtId="{164 + n}" formatCode="{code}"/>' for n, code in enumerate(_FORMATS) if n)
    plain = '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    kinds = "".join(
        f'<xf numFmtId="{164 + place}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        for place in range(1, len(_FORMATS))
    )
    bold = '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    font = '<sz val="10"/><name val="Arial"/>'
    return (
        f'{_XML}<styleSheet xmlns="{_MAIN}"><numFmts count="{len(_FORMATS) - 1}">{formats}</numFmts>'
        f'<fonts count="2"><font>{font}</font><font><b/>{font}</font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill>'
        '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        f'<cellXfs count="{len(_FORMATS) + 1}">{plain}{kinds}{bold}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )
