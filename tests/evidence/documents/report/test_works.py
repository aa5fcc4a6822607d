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
from evidence.documents.report.facts import LookedFacts, ReportFacts, ReportScope, WorkAccount
from evidence.documents.report.volumes import ReportFolder, volumes_of
from tests.assets.documents_sample import part, sample_report, say
from tests.assets.fonts import needs_chinese
from tests.assets.pdf_text import text_of
from tests.assets.reports import render_report_pdf

JUNE = datetime(2026, 6, 1, 12, tzinfo=UTC)
LOOKED = LookedFacts(10_000, 212, 530, 5, 40, 3, 2, 31, 120, 7, JUNE, None)


def account(number: int, **fields: object) -> WorkAccount:
    plain = WorkAccount(number, f"Work {number}", "Ann", JUNE, (), 1, 0, (), 0, 0, None, None)
    return replace(plain, **fields)  # type: ignore[arg-type]


WORKS = (
    account(3, cases=(1, 2), places=4, first_seen=JUNE, last_seen=JUNE),
    account(1),
    account(2, unsafe=("flat",)),
    account(4, waiting=1),
    account(5, unlisted=2, unsafe=("flat",)),
    account(6, title="=1+1"),
)


def report(cases: int = 2) -> ReportFacts:
    return replace(sample_report(cases)[0], looked=LOOKED, works=WORKS, scope=ReportScope(every_work=True))


@pytest.mark.long
def test_a_work_without_finds_was_not_found_in_what_was_looked_at() -> None:
    assert [work.standing for work in WORKS] == [
        "found", "not-found", "unsafe", "waiting", "unlisted", "not-found",
    ]  # fmt: skip
    text = text_of(render_report_pdf(report(), sample_report(2)[1], "en"))
    assert say("works.summary", works="10,000", found="212", places="530", without="9,788") in text
    assert "exact and nearly exact copies are found: 40." in text
    assert say("works.says") in text
    assert say("work_standing.unsafe") in text
    assert say("work_standing.waiting") in text
    assert say("work_standing.unlisted") in text
    assert say("works.holds_until", time="2026-06-01 12:00:00 UTC") in text
    assert "hosts with pictures: 31." in text
    assert say("works.uncompared", uncompared="120", unreadable="7") in text
    assert say("report.scope_every_work") in text
    assert "not used anywhere" not in text


@pytest.mark.long
@needs_chinese
def test_it_is_told_in_chinese_and_not_at_all_unless_it_was_asked_for() -> None:
    facts, pictures = sample_report(2)
    chinese = text_of(render_report_pdf(report(), pictures, "zh-Hans"))
    assert part("heading.works", "zh-Hans") in chinese
    assert "在所查看的范围内未找到" in chinese
    assert part("heading.works") not in text_of(render_report_pdf(facts, pictures, "en"))
    assert json.loads(facts.to_json())["looked"] is None


@pytest.mark.long
def test_works_in_volumes_are_put_together_in_each_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volumes, "WORKS_IN_A_VOLUME", 3)
    whole, pictures = report(), sample_report(2)[1]
    both = volumes_of(2, len(WORKS))
    assert [volume.of for volume in both] == [2, 2]
    with ReportFolder(tmp_path, ["en"]) as folder:
        head = folder.head(lambda: whole)
        assert head.works == ()
        for volume in both:
            cases = whole.cases if volume.number == 1 else ()
            works = WORKS[3 * volume.number - 3 : 3 * volume.number]
            folder.add(volume, replace(head, cases=cases, works=works), pictures)
        made = {file.name: file.path.read_bytes() for file in folder.put_together(head, both, "report")}
    assert made["report.json"] == whole.to_json()
    assert [work["number"] for work in json.loads(made["report.json"])["works"]] == [3, 1, 2, 4, 5, 6]
    rows = list(csv.DictReader(io.StringIO(made["report-works.csv"].decode("utf-8-sig"))))
    assert [row["standing"] for row in rows] == [work.standing for work in WORKS]
    assert (rows[0]["cases"], rows[0]["places"], rows[2]["unsafe"]) == ("1, 2", "4", "flat")
    assert rows[5]["work_title"] == "'=1+1"
    book = openpyxl.load_workbook(io.BytesIO(made["report.xlsx"]))
    assert book.sheetnames == ["sightings", "works"]
    assert [row[0] for row in book["works"].values] == ["work_number", 3, 1, 2, 4, 5, 6]
    second = text_of(made["report-volume-2.pdf"])
    assert say("report.volume_works", number="2", of="2") in second
    assert "No case falls" not in second


def test_a_report_of_no_works_is_whole(tmp_path: Path) -> None:
    whole = replace(report(), works=(), cases=())
    with ReportFolder(tmp_path, []) as folder:
        head = folder.head(lambda: whole)
        (only,) = volumes_of(0, 0)
        folder.add(only, head, {})
        made = {file.name: file.path.read_bytes() for file in folder.put_together(head, [only], "report", ["json"])}
    assert made["report.json"] == whole.to_json()
