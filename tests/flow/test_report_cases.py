"""A case in a report: what it shows of what can't be had any more."""

from registry.models import Case, Report
from tests.flow.sealed import asked_bundle
from workers.inline import Inline
from workers.report_cases import shown_case
from workers.steps.report import make_reports, request_report


def test_a_picture_that_was_damaged_on_the_disk_is_missing_and_fails_no_report(inline: Inline) -> None:
    bundle = asked_bundle(inline)
    case = Case.objects.get()
    registered = case.work.pictures.get()
    path = inline.house.blobs.path(registered.digest)  # type: ignore[attr-defined]  # a folder's
    path.chmod(0o600)
    path.write_bytes(b"damaged")
    bundle.delete()
    pictures = shown_case(inline.house, case, "en").pictures
    assert set(pictures) >= {"data/work/01.jpg", "data/matches/01/overlay.jpg"}
    assert pictures.get("data/work/01.jpg") is None
    assert pictures.get("data/matches/01/overlay.jpg") is None
    assert pictures.get("data/sightings/01/image.jpg") is not None
    report = request_report(case.owner, preparer="Ann")
    make_reports(inline.house, [report.pk])
    assert Report.objects.values_list("state", "error").get() == ("done", "")
