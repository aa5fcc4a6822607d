"""Test a report with more cases than one volume holds: generated in parts, and continued after an interruption."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.documents.report import volumes
from evidence.documents.report.volumes import ReportFile
from exhibit.clock import now
from exhibit.digests import Digest
from registry.db.fields import StoredFile
from registry.db.steps import MAX_ATTEMPTS
from registry.models import Case, Owner, Report
from registry.reports import make_report as step
from registry.reports.make_report import make_reports
from registry.reports.requests import request_report
from registry.services.services import Services
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

CASES_PER_VOLUME = 3
CASE_COUNT = CASES_PER_VOLUME + 2


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """An owner with cases for two volumes of the size used here."""
    for module in (volumes, step):
        monkeypatch.setattr(module, "CASES_PER_VOLUME", CASES_PER_VOLUME)
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    new_owner = owner("studio")
    work = register(inline.services, new_owner, photograph(1)).work
    Case.objects.bulk_create(
        Case(owner=new_owner, work=work, number=number, party=f"shop-{number}.example", opened_at=now())
        for number in range(1, CASE_COUNT + 1)
    )
    return new_owner


def list_numbers(inline: SyncRunner, report: Report) -> list[str]:
    """Return the case numbers in the report's JSON."""
    (file,) = [row for row in report.files if row["name"].endswith(".json")]
    plain = json.loads(inline.services.blobs.get(Digest.from_hex(file["digest"])))
    return [case["facts"]["number"] for case in plain["cases"]]


@pytest.mark.long
def test_large_report_is_split_into_volumes_with_complete_data(inline: SyncRunner, studio: Owner) -> None:
    report = request_report(studio, preparer="Ann")
    make_reports(inline.services, [report.pk])
    report.refresh_from_db()
    assert (report.state, report.error) == ("done", "")
    assert [file["name"].removeprefix("studio-report-1") for file in report.files] == [
        ".json",
        ".csv",
        ".xlsx",
        "-volume-1.pdf",
        "-volume-2.pdf",
    ]
    assert list_numbers(inline, report) == [str(number) for number in range(1, CASE_COUNT + 1)]
    assert not (inline.services.config.data_dir / "reports" / str(report.pk)).exists()


@pytest.mark.long
def test_interrupted_report_resumes_with_next_volume(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "MAX_WORK_SECONDS", 0.0)
    report = request_report(studio, preparer="Ann")
    make_reports(inline.services, [report.pk])
    report.refresh_from_db()
    assert (report.state, report.files, report.progress["begun"]) == ("queued", [], 1)
    folder = inline.services.config.data_dir / "reports" / str(report.pk)
    assert sorted(path.suffix for path in folder.rglob("volume-1.*")) == [".cases", ".csv", ".made", ".pdf", ".rows"]
    assert not list(folder.rglob("volume-2.*"))
    Case.objects.filter(number=CASE_COUNT).update(decision=Case.Decision.DISMISSED)
    make_reports(inline.services, [report.pk])
    report.refresh_from_db()
    assert (report.state, report.progress["begun"]) == ("done", 2)
    assert len(list_numbers(inline, report)) == CASE_COUNT  # as of the report's start


@pytest.mark.long
def test_purge_restarts_a_running_report(inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    report = request_report(studio, preparer="Ann")
    original = step._store_file

    def purge_at_end(services: Services, file: ReportFile) -> StoredFile:
        monkeypatch.setattr(step, "_store_file", original)
        Report.objects.filter(pk=report.pk).update(progress={})  # as a purge does
        return original(services, file)

    monkeypatch.setattr(step, "_store_file", purge_at_end)
    make_reports(inline.services, [report.pk])
    report.refresh_from_db()
    assert (report.state, report.files, report.progress) == ("queued", [], {})
    make_reports(inline.services, [report.pk])
    report.refresh_from_db()
    assert (report.state, len(report.files)) == ("done", 5)


@pytest.mark.long
def test_outdated_volumes_of_a_restarted_report_are_not_used(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(step, "MAX_WORK_SECONDS", 0.0)
    other = SyncRunner(replace(inline.services.config, data_dir=tmp_path / "elsewhere"))
    other.services.__dict__["blobs"] = inline.services.blobs  # as in a bucket
    report = request_report(studio, preparer="Ann")
    make_reports(inline.services, [report.pk])
    Report.objects.filter(pk=report.pk).update(progress={})  # as a purge does, on the other machine
    Case.objects.filter(number=1).delete()
    for machine in (other, inline, inline):
        report.refresh_from_db()
        assert report.state == "queued"
        make_reports(machine.services, [report.pk])
    report.refresh_from_db()
    assert (report.state, list_numbers(inline, report)) == ("done", ["2", "3", "4", "5"])


def test_report_fails_after_max_attempts(inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    report = request_report(studio, preparer="Ann")

    def kill(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(step, "load_case_content", kill)
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(SystemExit):
            make_reports(inline.services, [report.pk])
        Report.objects.filter(pk=report.pk).update(claimed_at=now() - timedelta(days=1))
    make_reports(inline.services, [report.pk])
    report.refresh_from_db()
    assert report.state == "failed"
