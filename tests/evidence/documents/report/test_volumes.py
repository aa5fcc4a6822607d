"""Test that volumes of a report generated one by one equal those generated at once, and none is generated twice."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest

from evidence.documents.report.facts import IN_A_VOLUME, ReportFacts, Volume
from evidence.documents.report.volumes import MadeFile, ReportFolder, volumes_of
from exhibit.errors import ServiceMissingError
from tests.assets.documents_sample import phrase, sample_report
from tests.assets.fonts import only_embedded_fonts
from tests.assets.pdf_text import text_of
from tests.assets.reports import render_report_csv, render_report_pdf, render_report_xlsx

HALVES = (Volume(1, 2, 1, 4), Volume(2, 2, 3, 4))


@pytest.mark.long
def test_volumes_follow_one_another_and_there_is_always_one() -> None:
    assert volumes_of(0) == (Volume(1, 1, 1, 0),)
    assert volumes_of(IN_A_VOLUME) == (Volume(1, 1, 1, IN_A_VOLUME),)
    assert [volume.first for volume in volumes_of(2 * IN_A_VOLUME + 1)] == [1, IN_A_VOLUME + 1, 2 * IN_A_VOLUME + 1]


@pytest.fixture
def whole() -> ReportFacts:
    return sample_report(4)[0]


def generate_files(folder: ReportFolder, whole: ReportFacts, volumes: Sequence[Volume] = HALVES) -> list[MadeFile]:
    pictures = sample_report(4)[1]
    with folder:
        head = folder.head(lambda: whole)
        for volume in volumes:
            cases = whole.cases[volume.first - 1 : volume.first + 1] if volume.of > 1 else whole.cases
            folder.add(volume, replace(head, cases=cases), pictures)
        return folder.put_together(head, volumes, "report")


@pytest.mark.long
def test_the_parts_put_together_are_the_whole(tmp_path: Path, whole: ReportFacts) -> None:
    files = {file.name: file.path.read_bytes() for file in generate_files(ReportFolder(tmp_path, ["en"]), whole)}
    assert list(files) == [
        "report.json",
        "report.csv",
        "report.xlsx",
        "report-volume-1.pdf",
        "report-volume-2.pdf",
    ]
    assert files["report.json"] == whole.to_json()
    assert files["report.csv"] == render_report_csv(whole)
    assert files["report.xlsx"] == render_report_xlsx(whole)


@pytest.mark.long
def test_a_volume_says_which_it_is_and_carries_its_own_data(tmp_path: Path, whole: ReportFacts) -> None:
    files = {file.name: file.path.read_bytes() for file in generate_files(ReportFolder(tmp_path, ["en"]), whole)}
    second = files["report-volume-2.pdf"]
    assert phrase("report.volume", number="2", of="2", first="3", last="4", all="4") in text_of(second)
    attached = pypdf.PdfReader(io.BytesIO(second)).attachments["report.json"][0]
    expected = replace(whole, cases=whole.cases[2:], volume=HALVES[1])
    assert attached == expected.to_json()


@pytest.mark.long
def test_a_report_of_one_volume_is_the_report_itself(tmp_path: Path, whole: ReportFacts) -> None:
    (pdf,) = [
        file
        for file in generate_files(ReportFolder(tmp_path, ["en"]), whole, volumes_of(4))
        if file.name.endswith(".pdf")
    ]
    assert pdf.name == "report.pdf"
    assert pdf.path.read_bytes() == render_report_pdf(whole, sample_report(4)[1], "en")


@pytest.mark.long
def test_a_continued_run_finds_the_generated_volumes_and_how_they_were_started(
    tmp_path: Path, whole: ReportFacts
) -> None:
    facts, pictures = sample_report(4)
    with ReportFolder(tmp_path, ["en"]) as first:
        head = first.head(lambda: whole)
        assert head == replace(whole, cases=())
        first.add(HALVES[0], replace(head, cases=facts.cases[:2]), pictures)
        first.wait()
    with ReportFolder(tmp_path, ["en"]) as second:
        assert second.head(lambda: replace(whole, title="another")).title == whole.title
        assert [second.is_made(volume) for volume in HALVES] == [True, False]
        second.add(HALVES[1], replace(head, cases=facts.cases[2:]), pictures)
        files = second.put_together(head, HALVES, "report")
    assert files[0].path.read_bytes() == whole.to_json()


@pytest.mark.long
def test_a_volume_whose_pdf_is_missing_counts_as_not_made(tmp_path: Path) -> None:
    with ReportFolder(tmp_path, ["en"]) as folder:
        assert not folder.is_made(HALVES[0])
        (tmp_path / "volume-1.cases").write_bytes(b"")
        assert not folder.is_made(HALVES[0])


@pytest.mark.long
def test_a_language_without_a_font_is_left_out_unless_it_is_the_first(tmp_path: Path, whole: ReportFacts) -> None:
    with only_embedded_fonts():
        files = generate_files(ReportFolder(tmp_path, ["en", "zh-Hans"]), whole, volumes_of(4))
        assert [file.name for file in files if file.name.endswith(".pdf")] == ["report.pdf"]
        with pytest.raises(ServiceMissingError):
            ReportFolder(tmp_path, ["zh-Hans", "en"])
