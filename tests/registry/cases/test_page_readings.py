"""Test that the sandboxed helper process reads each captured page once, and that requests use the result."""

import time

from registry.bundles.capture import capture_sightings
from registry.cases.page_readings import MAX_BYTES, NOT_STORED, read_pages, request_reading
from registry.models import Capture, Case, Owner, PageReading
from registry.notices.claim_check import check_cases
from tests.assets.notice_drafts import read_captured_pages
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases
from tests.registry.notices.test_claim_check import store_page
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]

CREDITED_PAGE = '<img src="/image-0.jpg" alt="by Pexels"> <a href="mailto:Legal@shop.example">write</a>'


def test_page_statements_are_stored_for_case_check(studio: Owner, inline: SyncRunner) -> None:
    store_page(inline, CREDITED_PAGE)
    row = PageReading.objects.get(capture__case__number=1)
    assert [statement["name"] for statement in row.statements] == ["Pexels"]
    assert row.addresses == ["legal@shop.example"]
    (checked,) = check_cases([studio.cases.get(number=1)]).values()
    assert (checked.pages, checked.pending) == (1, 0)
    assert {point.kind for point in checked.points} == {"reseller"}


def test_unreadable_page_is_refused_once_and_check_continues(studio: Owner, inline: SyncRunner) -> None:
    tag = "<b" + "".join(f" a{number}=1" for number in range(2_000)) + ">"
    store_page(inline, CREDITED_PAGE + tag)
    row = PageReading.objects.get(capture__case__number=1)
    assert row.state == "done"
    assert row.refusal
    assert row.statements == row.addresses == []
    (checked,) = check_cases([studio.cases.get(number=1)]).values()
    assert (checked.pages, checked.pending) == (0, 0)


def test_case_check_with_large_page_is_fast(studio: Owner, inline: SyncRunner) -> None:
    store_page(inline, f"<img src='/image-0.jpg'><script>{{{'a.' * (MAX_BYTES // 2)}}}</script> Pexels")
    case = studio.cases.get(number=1)
    start = time.thread_time()
    check_cases([case])
    assert time.thread_time() - start < 1.0
    assert PageReading.objects.get(capture__case__number=1).is_read


def test_page_missing_from_store_is_refused(studio: Owner, inline: SyncRunner) -> None:
    file = {"role": "page", "name": "page.html", "media_type": "text/html", "digest": "0" * 64, "size": 1}
    Capture.objects.filter(case__number=1).update(state="done", files=[file])
    read_captured_pages(inline)
    assert PageReading.objects.get(capture__case__number=1).refusal == NOT_STORED


def test_page_of_visit_is_read_once(studio: Owner, inline: SyncRunner) -> None:
    visits = list(Capture.objects.all())
    capture_sightings(inline.services, [visit.pk for visit in visits])  # no server responds: no page is stored
    assert not PageReading.objects.exists()
    assert Case.objects.filter(owner=studio).exists()
    store_page(inline, CREDITED_PAGE)
    visit = Capture.objects.get(case__number=1)
    request_reading(inline.services, visit)
    (row,) = PageReading.objects.all()
    since = row.claimed_at
    read_pages(inline.services, [row.pk])
    assert PageReading.objects.get().claimed_at == since
