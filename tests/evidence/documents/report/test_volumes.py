"""Test that volumes of a report generated one by one equal those generated at once, and none is generated twice."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest

from evidence.documents.report.facts import CASES_PER_VOLUME, ReportFacts, Volume
from evidence.documents.report.volumes import ReportFile, ReportFolder, plan_volumes
from exhibit.errors import ServiceMissingError
from tests.assets.documents_sample import phrase, sample_report
from tests.assets.fonts import only_embedded_fonts
from tests.assets.pdf_text import text_of
from tests.assets.reports import render_report_csv, render_report_pdf, render_report_xlsx

HALVES = (Volume(1, 2, 1, 4), Volume(2, 2, 3, 4))


@pytest.mark.long
def test_volumes_are_consecutive_and_never_empty() -> None:
    assert plan_volumes(0) == (Volume(1, 1, 1, 0),)
    assert plan_volumes(CASES_PER_VOLUME) == (Volume(1, 1, 1, CASES_PER_VOLUME),)
    assert [volume.first for volume in plan_volumes(2 * CASES_PER_VOLUME + 1)] == [
        1,
        CASES_PER_VOLUME + 1,
        2 * CASES_PER_VOLUME + 1,
    ]


@pytest.fixture
def full_report() -> ReportFacts:
    return sample_report(4)[0]


def generate_files(folder: ReportFolder, whole: ReportFacts, volumes: Sequence[Volume] = HALVES) -> list[ReportFile]:
    pictures = sample_report(4)[1]
    with folder:
        head = folder.load_header(lambda: whole)
        for volume in volumes:
            cases = whole.cases[volume.first - 1 : volume.first + 1] if volume.of > 1 else whole.cases
            folder.add_volume(volume, replace(head, cases=cases), pictures)
        return folder.assemble_files(head, volumes, "report")


@pytest.mark.long
def test_combined_volumes_equal_whole_report(tmp_path: Path, full_report: ReportFacts) -> None:
    files = {file.name: file.path.read_bytes() for file in generate_files(ReportFolder(tmp_path, ["en"]), full_report)}
    assert list(files) == [
        "report.json",
        "report.csv",
        "report.xlsx",
        "report-volume-1.pdf",
        "report-volume-2.pdf",
    ]
    assert files["report.json"] == full_report.to_json()
    assert files["report.csv"] == render_report_csv(full_report)
    assert files["report.xlsx"] == render_report_xlsx(full_report)


@pytest.mark.long
def test_volume_states_its_number_and_attaches_own_data(tmp_path: Path, full_report: ReportFacts) -> None:
    files = {file.name: file.path.read_bytes() for file in generate_files(ReportFolder(tmp_path, ["en"]), full_report)}
    second = files["report-volume-2.pdf"]
    assert phrase("report.volume", number="2", of="2", first="3", last="4", all="4") in text_of(second)
    attached = pypdf.PdfReader(io.BytesIO(second)).attachments["report.json"][0]
    expected = replace(full_report, cases=full_report.cases[2:], volume=HALVES[1])
    assert attached == expected.to_json()


@pytest.mark.long
def test_single_volume_report_equals_plain_report(tmp_path: Path, full_report: ReportFacts) -> None:
    (pdf,) = [
        file
        for file in generate_files(ReportFolder(tmp_path, ["en"]), full_report, plan_volumes(4))
        if file.name.endswith(".pdf")
    ]
    assert pdf.name == "report.pdf"
    assert pdf.path.read_bytes() == render_report_pdf(full_report, sample_report(4)[1], "en")


@pytest.mark.long
def test_resumed_report_reuses_volumes_and_header(tmp_path: Path, full_report: ReportFacts) -> None:
    facts, pictures = sample_report(4)
    with ReportFolder(tmp_path, ["en"]) as first:
        head = first.load_header(lambda: full_report)
        assert head == replace(full_report, cases=())
        first.add_volume(HALVES[0], replace(head, cases=facts.cases[:2]), pictures)
        first.wait_for_pdfs()
    with ReportFolder(tmp_path, ["en"]) as second:
        assert second.load_header(lambda: replace(full_report, title="another")).title == full_report.title
        assert [second.has_volume(volume) for volume in HALVES] == [True, False]
        second.add_volume(HALVES[1], replace(head, cases=facts.cases[2:]), pictures)
        files = second.assemble_files(head, HALVES, "report")
    assert files[0].path.read_bytes() == full_report.to_json()


@pytest.mark.long
def test_volume_without_pdf_is_not_generated(tmp_path: Path) -> None:
    with ReportFolder(tmp_path, ["en"]) as folder:
        assert not folder.has_volume(HALVES[0])
        (tmp_path / "volume-1.cases").write_bytes(b"")
        assert not folder.has_volume(HALVES[0])


@pytest.mark.long
def test_language_without_font_is_skipped_unless_first(tmp_path: Path, full_report: ReportFacts) -> None:
    with only_embedded_fonts():
        files = generate_files(ReportFolder(tmp_path, ["en", "zh-Hans"]), full_report, plan_volumes(4))
        assert [file.name for file in files if file.name.endswith(".pdf")] == ["report.pdf"]
        with pytest.raises(ServiceMissingError):
            ReportFolder(tmp_path, ["zh-Hans", "en"])
