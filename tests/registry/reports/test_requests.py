"""Test requesting, repeating and removing a report: numbers increase and are never reused."""

import pytest
from django.utils import translation

from exhibit.errors import WrongUseError
from registry.models import LogOpening, Owner, Report
from registry.reports.requests import (
    ask_again,
    clear_folder,
    numbered_title,
    remove_report,
    request_report,
    title_given,
    title_in_words,
)
from registry.reports.scope import Wanted, wanted_of
from tests.assets.rows import owner
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def test_each_report_has_the_next_number_and_a_title(studio: Owner) -> None:
    first, second = request_report(studio, preparer="Ann"), request_report(studio, preparer="Ann", title="Autumn")
    assert [(one.number, one.parameters["title"]) for one in (first, second)] == [
        (1, "Report 1 for Studio"),
        (2, "Autumn"),
    ]
    with pytest.raises(WrongUseError):
        request_report(studio, preparer="Ann", wanted=Wanted(formats=()))
    assert Report.objects.count() == 2


def test_one_that_failed_is_tried_again_and_another_is_asked_for_as_a_new_one(studio: Owner) -> None:
    wanted = Wanted(formats=("csv",))
    first = request_report(studio, preparer="Ann", wanted=wanted)
    Report.objects.update(state="failed", progress={"begun": 1})
    again = ask_again(Report.objects.get(), by="Bob")
    assert (again.pk, again.state, again.progress) == (first.pk, "todo", {})
    Report.objects.update(state="done")
    another = ask_again(Report.objects.get(), by="Bob")
    assert (another.number, another.parameters["preparer"]) == (2, "Bob")
    assert another.parameters["title"] == "Report 2 for Studio"
    assert wanted_of(another.parameters) == wanted


def test_a_removed_report_is_gone_with_its_bytes_and_its_number_stays_taken(inline: SyncRunner, studio: Owner) -> None:
    report = request_report(studio, preparer="Ann")
    digest = inline.services.blobs.put(b"a table")
    file = {"name": "a.csv", "media_type": "text/csv", "digest": digest.hex, "size": 7}
    Report.objects.update(files=[file], state="done")
    begun = inline.services.config.data_dir / "reports" / str(report.pk)
    begun.mkdir(parents=True)
    remove_report(inline.services, report, by="Ann")
    assert (digest in inline.services.blobs, begun.exists()) == (False, False)
    clear_folder(inline.services, report)  # repeating changes nothing
    assert LogOpening.objects.get(content__what="report removed").content["what"] == "report removed"
    assert request_report(studio, preparer="Ann").number == 2


def test_a_title_that_nobody_gave_is_read_in_the_readers_language() -> None:
    kept = numbered_title(3, "Studio")
    assert (title_given(kept, 3, "Studio"), title_given("Autumn", 3, "Studio")) == ("", "Autumn")
    assert title_in_words(kept, 3, "Studio") == kept
    with translation.override("zh-hans"):
        assert title_in_words(kept, 3, "Studio") != kept
        assert title_in_words("Autumn", 3, "Studio") == "Autumn"
