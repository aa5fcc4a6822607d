"""Test the XLSX report with another program: real numbers and times, and no formulas."""

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import openpyxl
import pytest
from hypothesis import given, strategies as st
from openpyxl.cell.cell import MergedCell
from openpyxl.worksheet.worksheet import Worksheet

from evidence.documents.report.columns import COLUMNS, build_rows
from evidence.documents.report.facts import ReportFacts
from evidence.documents.report.xlsx import build_xlsx_rows, write_xlsx
from tests.assets.documents_sample import sample_report
from tests.assets.reports import render_report_csv, render_report_xlsx

NAMES = [column.name for column in COLUMNS]


def open_sheet(data: bytes) -> Worksheet:
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    assert isinstance(sheet, Worksheet)
    return sheet


def build_report_with_context(context: str) -> ReportFacts:
    report, _ = sample_report(1)
    case = report.cases[0]
    sighting = replace(case.facts.sightings[0], context=context)
    return replace(report, cases=(replace(case, facts=replace(case.facts, sightings=(sighting,))),))


def read_column(sheet: Worksheet, name: str) -> Sequence[object]:
    place = NAMES.index(name) + 1
    return [sheet.cell(row, place).value for row in range(2, sheet.max_row + 1)]


def test_xlsx_contains_columns_and_rows_of_csv() -> None:
    report, _ = sample_report(3)
    sheet = open_sheet(render_report_xlsx(report))
    assert [cell.value for cell in sheet[1]] == NAMES
    assert sheet.max_row == 4
    assert read_column(sheet, "party") == ["prints-and-more.example"] * 3


def test_times_and_numbers_have_native_cell_types() -> None:
    report, _ = sample_report(2)
    sheet = open_sheet(render_report_xlsx(report))
    assert read_column(sheet, "first_seen_utc")[0] == datetime(2026, 11, 18, 11, 46, 55)  # noqa: DTZ001 - a cell has no zone
    assert read_column(sheet, "case") == [1, 2]
    assert read_column(sheet, "aligned_share_of_registered")[0] == pytest.approx(0.9421)
    assert read_column(sheet, "work_number")[0] == "2026-014"
    cell = sheet.cell(2, NAMES.index("first_seen_utc") + 1)
    assert not isinstance(cell, MergedCell)
    assert cell.is_date
    assert cell.number_format == "yyyy-mm-dd hh:mm:ss"


def test_empty_value_is_an_empty_cell() -> None:
    report, _ = sample_report(1)
    case = replace(report.cases[0], seal=None)
    assert read_column(open_sheet(render_report_xlsx(replace(report, cases=(case,)))), "seal_sha256") == [None]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")', "＝1+1", "\t=1"])
def test_formula_like_text_stays_text(text: str) -> None:
    data = render_report_xlsx(build_report_with_context(text))
    cell = open_sheet(data).cell(2, NAMES.index("context") + 1)
    assert cell.value == text.replace("\t", " ")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert b"<f" not in archive.read("xl/worksheets/sheet1.xml")


@pytest.mark.long
@given(st.text(max_size=80))
def test_no_text_breaks_xlsx(text: str) -> None:
    value = read_column(open_sheet(render_report_xlsx(build_report_with_context(text))), "context")[0]
    assert isinstance(value, str) or not text


def test_long_text_is_truncated_to_cell_limit() -> None:
    (value,) = read_column(open_sheet(render_report_xlsx(build_report_with_context("x" * 40_000))), "context")
    assert len(str(value)) == 32_767


def test_excess_rows_continue_on_second_sheet() -> None:
    report, _ = sample_report(3)
    parts = [build_xlsx_rows(build_rows(report.cases)), build_xlsx_rows(build_rows(report.cases[:2]))]
    out = io.BytesIO()
    write_xlsx(out, parts, max_rows=4)
    book = openpyxl.load_workbook(io.BytesIO(out.getvalue()))
    assert [sheet.title for sheet in book] == ["sightings", "sightings 2"]
    assert [sheet.max_row for sheet in book] == [4, 3]


def test_empty_report_has_a_header_row() -> None:
    out = io.BytesIO()
    write_xlsx(out, [build_xlsx_rows([])])
    assert open_sheet(out.getvalue()).max_row == 1


def test_escape_like_text_is_preserved() -> None:
    with zipfile.ZipFile(
        io.BytesIO(render_report_xlsx(build_report_with_context("img_x202E_gpj.exe and _x_")))
    ) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "img_x005F_x202E_gpj.exe and _x_" in sheet
    assert "\u202e" not in str(
        read_column(open_sheet(render_report_xlsx(build_report_with_context("img_x202E_gpj.exe"))), "context")
    )


def test_numbers_are_never_rounded_up() -> None:
    report, _ = sample_report(1)
    [case] = report.cases
    [match] = case.facts.matches
    verification = replace(match.verification, dense=0.29, overlap_work=0.99999, overlap_picture=0.999999)
    facts = replace(case.facts, matches=(replace(match, verification=verification),))
    changed_report = replace(report, cases=(replace(case, facts=facts),))
    sheet = open_sheet(render_report_xlsx(changed_report))
    names = ("dense_share", "aligned_share_of_registered", "aligned_share_of_found")
    assert [read_column(sheet, name)[0] for name in names] == [0.29, 0.9999, 0.9999]
    [line] = csv.DictReader(render_report_csv(changed_report).decode("utf-8-sig").splitlines())
    assert [line[name] for name in names] == ["0.2900", "0.9999", "0.9999"]
