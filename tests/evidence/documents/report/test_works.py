"""Test the section on all requested works: no claim beyond what was checked, and equal in volumes and in one file."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from evidence.documents.report import volumes
from evidence.documents.report.facts import ReportFacts, ReportScope, SearchTotals, WorkResult
from evidence.documents.report.volumes import ReportFolder, plan_volumes
from tests.assets.documents_sample import part, phrase, sample_report
from tests.assets.fonts import needs_chinese
from tests.assets.pdf_text import text_of
from tests.assets.reports import render_report_pdf

JUNE = datetime(2026, 6, 1, 12, tzinfo=UTC)
VISITED_FACTS = SearchTotals(10_000, 212, 530, 5, 40, 3, 2, 31, 120, 7, JUNE, None)


def build_work_account(number: int, **fields: object) -> WorkResult:
    plain = WorkResult(number, f"Work {number}", "Ann", JUNE, (), 1, 0, (), 0, 0, None, None)
    return replace(plain, **fields)  # type: ignore[arg-type]


WORKS = (
    build_work_account(3, cases=(1, 2), places=4, first_seen=JUNE, last_seen=JUNE),
    build_work_account(1),
    build_work_account(2, unsafe=("flat",)),
    build_work_account(4, waiting=1),
    build_work_account(5, unlisted=2, unsafe=("flat",)),
    build_work_account(6, title="=1+1"),
)


def build_report(cases: int = 2) -> ReportFacts:
    return replace(sample_report(cases)[0], looked=VISITED_FACTS, works=WORKS, scope=ReportScope(every_work=True))


@pytest.mark.long
def test_work_without_matches_is_reported_as_not_found() -> None:
    assert [work.standing for work in WORKS] == [
        "found", "not-found", "unsafe", "waiting", "unlisted", "not-found",
    ]  # fmt: skip
    text = text_of(render_report_pdf(build_report(), sample_report(2)[1], "en"))
    assert phrase("works.summary", works="10,000", found="212", places="530", without="9,788") in text
    assert "exact and nearly exact copies are found): 40." in text
    assert phrase("works.says") in text
    assert phrase("work_standing.unsafe") in text
    assert phrase("work_standing.waiting") in text
    assert phrase("work_standing.unlisted") in text
    assert phrase("works.holds_until", time="2026-06-01 12:00:00 UTC") in text
    assert "hosts with pictures: 31." in text
    assert phrase("works.uncompared", uncompared="120", unreadable="7") in text
    assert phrase("report.scope_every_work") in text
    assert "not used anywhere" not in text


@pytest.mark.long
@needs_chinese
def test_works_are_listed_on_request_also_in_chinese() -> None:
    facts, pictures = sample_report(2)
    chinese = text_of(render_report_pdf(build_report(), pictures, "zh-Hans"))
    assert part("heading.works", "zh-Hans") in chinese
    assert "在所查看的范围内未找到" in chinese
    assert part("heading.works") not in text_of(render_report_pdf(facts, pictures, "en"))
    assert json.loads(facts.to_json())["looked"] is None


@pytest.mark.long
def test_work_volumes_are_combined_in_each_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volumes, "WORKS_PER_VOLUME", 3)
    whole, pictures = build_report(), sample_report(2)[1]
    both = plan_volumes(2, len(WORKS))
    assert [volume.of for volume in both] == [2, 2]
    with ReportFolder(tmp_path, ["en"]) as folder:
        head = folder.load_header(lambda: whole)
        assert head.works == ()
        for volume in both:
            cases = whole.cases if volume.number == 1 else ()
            works = WORKS[3 * volume.number - 3 : 3 * volume.number]
            folder.add_volume(volume, replace(head, cases=cases, works=works), pictures)
        files = {file.name: file.path.read_bytes() for file in folder.assemble_files(head, both, "report")}
    assert files["report.json"] == whole.to_json()
    assert [work["number"] for work in json.loads(files["report.json"])["works"]] == [3, 1, 2, 4, 5, 6]
    rows = list(csv.DictReader(io.StringIO(files["report-works.csv"].decode("utf-8-sig"))))
    assert [row["standing"] for row in rows] == [work.standing for work in WORKS]
    assert (rows[0]["cases"], rows[0]["places"], rows[2]["unsafe"]) == ("1, 2", "4", "flat")
    assert rows[5]["work_title"] == "'=1+1"
    book = openpyxl.load_workbook(io.BytesIO(files["report.xlsx"]))
    assert book.sheetnames == ["sightings", "works"]
    assert [row[0] for row in book["works"].values] == ["work_number", 3, 1, 2, 4, 5, 6]
    second = text_of(files["report-volume-2.pdf"])
    assert phrase("report.volume_works", number="2", of="2") in second
    assert "No case falls" not in second


def test_report_without_works_is_generated_completely(tmp_path: Path) -> None:
    whole = replace(build_report(), works=(), cases=())
    with ReportFolder(tmp_path, []) as folder:
        head = folder.load_header(lambda: whole)
        (only,) = plan_volumes(0, 0)
        folder.add_volume(only, head, {})
        files = {file.name: file.path.read_bytes() for file in folder.assemble_files(head, [only], "report", ["json"])}
    assert files["report.json"] == whole.to_json()
