"""Test requesting, repeating and removing a report: numbers increase and are never reused."""

import pytest
from django.utils import translation

from exhibit.errors import InvalidRequestError
from registry.models import LogOpening, Owner, Report
from registry.reports.requests import (
    clear_folder,
    format_title,
    get_chosen_title,
    make_default_title,
    remove_report,
    repeat_report,
    request_report,
)
from registry.reports.scope import ReportRequest, parse_request
from tests.assets.rows import owner
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def test_reports_are_numbered_and_titled(studio: Owner) -> None:
    first, second = request_report(studio, preparer="Ann"), request_report(studio, preparer="Ann", title="Autumn")
    assert [(report.number, report.parameters["title"]) for report in (first, second)] == [
        (1, "Report 1 for Studio"),
        (2, "Autumn"),
    ]
    with pytest.raises(InvalidRequestError):
        request_report(studio, preparer="Ann", request=ReportRequest(formats=()))
    assert Report.objects.count() == 2


def test_failed_report_is_retried_and_repeating_a_finished_report_makes_a_new_report(studio: Owner) -> None:
    options = ReportRequest(formats=("csv",))
    first = request_report(studio, preparer="Ann", request=options)
    Report.objects.update(state="failed", progress={"begun": 1})
    second_request = repeat_report(Report.objects.get(), by="Bob")
    assert (second_request.pk, second_request.state, second_request.progress) == (first.pk, "queued", {})
    Report.objects.update(state="done")
    second_report = repeat_report(Report.objects.get(), by="Bob")
    assert (second_report.number, second_report.parameters["preparer"]) == (2, "Bob")
    assert second_report.parameters["title"] == "Report 2 for Studio"
    assert parse_request(second_report.parameters) == options


def test_removed_report_deletes_its_bytes_and_number_is_not_reused(inline: SyncRunner, studio: Owner) -> None:
    report = request_report(studio, preparer="Ann")
    digest = inline.services.blobs.put(b"a table")
    file = {"name": "a.csv", "media_type": "text/csv", "digest": digest.hex, "size": 7}
    Report.objects.update(files=[file], state="done")
    folder = inline.services.config.data_dir / "reports" / str(report.pk)
    folder.mkdir(parents=True)
    remove_report(inline.services, report, by="Ann")
    assert (digest in inline.services.blobs, folder.exists()) == (False, False)
    clear_folder(inline.services, report)  # repeating changes nothing
    assert LogOpening.objects.get(content__what="report removed").content["what"] == "report removed"
    assert request_report(studio, preparer="Ann").number == 2


def test_default_title_is_shown_in_the_reader_language() -> None:
    title = make_default_title(3, "Studio")
    assert (get_chosen_title(title, 3, "Studio"), get_chosen_title("Autumn", 3, "Studio")) == ("", "Autumn")
    assert format_title(title, 3, "Studio") == title
    with translation.override("zh-hans"):
        assert format_title(title, 3, "Studio") != title
        assert format_title("Autumn", 3, "Studio") == "Autumn"
