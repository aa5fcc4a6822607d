"""Test captures: served bytes are stored; pages and bytes that must not be visited or stored are reported."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.ports import CaptureResult
from registry.bundles.capture import BLOCKED_FILES, CASE_SNOOZED, VISIT_LIMIT_REACHED, capture_sightings
from registry.cases.decisions import confirm_case, dismiss_case, reopen_decided_case
from registry.crawls import denylists
from registry.crawls.budgets import VISITS_PER_DAY
from registry.due_times import correct_times
from registry.matches.match import match_pictures
from registry.models import Capture, Case, Owner, Sighting, Watch
from registry.services.disk import NEARLY_FULL_MESSAGE
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner

COPY = recompress(photograph(1))


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        running.page("/page-0", '<img src="image-0.jpg">')
        running.routes["/image-0.jpg"] = Answer(COPY, media_type="image/jpeg")
        yield running


@pytest.fixture
def case(inline: SyncRunner, site: Site) -> Case:
    """A case whose only page is on the site and has not been visited."""
    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.1/32",))
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(
        inline.services, record_sightings(inline.services, crawl_slice, epoch, [COPY], host=f"127.0.0.1:{site.port}")
    )
    return studio.cases.get()


def visit_case(inline: SyncRunner, case: Case) -> Capture:
    capture_sightings(inline.services, [case.captures.get().pk])
    return case.captures.get()


@pytest.mark.long
def test_served_bytes_are_stored_unchanged(inline: SyncRunner, case: Case) -> None:
    row = visit_case(inline, case)
    assert (row.state, row.outcome, row.number) == ("done", "captured", 1)
    assert row.next_at is not None
    contents = {file["role"]: inline.services.blobs.get(Digest.from_hex(file["digest"])) for file in row.files}
    assert COPY in contents.values()
    assert b'<img src="image-0.jpg">' in b"".join(contents.values())
    assert Digest.from_bytes(COPY).hex in row.digests
    assert case.events.filter(kind="captured").count() == 1


@pytest.mark.long
def test_newly_denied_host_is_not_visited(inline: SyncRunner, case: Case, site: Site) -> None:
    denylists.deny_host("127.0.0.1", by="Ann", reason="asked")
    row = visit_case(inline, case)
    assert (row.outcome, "127.0.0.1" in row.sentence) == ("unreachable", True)
    assert site.requests == []


@pytest.mark.long
def test_blocked_bytes_are_omitted_and_reported(inline: SyncRunner, case: Case) -> None:
    denylists.block_digest(Digest.from_bytes(COPY), by="Ann", reason="asked")
    row = visit_case(inline, case)
    assert BLOCKED_FILES in row.sentence
    assert {file["role"] for file in row.stored_files} == {"network", "page"}
    missing = {file["role"]: file["because"] for file in row.files if file not in row.stored_files}
    assert missing == dict.fromkeys(("exchange", "captured-image"), Digest.from_bytes(COPY).hex)


def test_full_disk_postpones_capture(inline: SyncRunner, case: Case) -> None:
    inline.services.config = replace(inline.services.config, disk_floor_bytes=2**62)
    row = visit_case(inline, case)
    assert (row.state, row.error, row.outcome) == ("queued", NEARLY_FULL_MESSAGE, "")


@pytest.fixture
def gallery(inline: SyncRunner, site: Site) -> list[Case]:
    """Two cases of one owner with images on the same page."""
    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.1/32",))
    site.page("/page-0", '<img src="image-0.jpg"><img src="image-1.jpg">')
    other = recompress(photograph(2))
    site.routes["/image-1.jpg"] = Answer(other, media_type="image/jpeg")
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    register(inline.services, studio, photograph(2))
    crawl_slice, epoch = claim_new_slice(studio)
    host = f"127.0.0.1:{site.port}"
    match_pictures(
        inline.services, record_sightings(inline.services, crawl_slice, epoch, [COPY, other], host=host, one_page=True)
    )
    return [*studio.cases.order_by("pk")]


@pytest.mark.long
def test_cases_on_one_page_share_visit_with_separate_records(
    inline: SyncRunner, gallery: list[Case], site: Site
) -> None:
    visit_case(inline, gallery[0])  # the other case is included
    assert sorted(site.requested_paths()) == ["/image-0.jpg", "/image-1.jpg", "/page-0"]
    for case, own_path, other in zip(
        gallery, ("/image-0.jpg", "/image-1.jpg"), ("/image-1.jpg", "/image-0.jpg"), strict=True
    ):
        row = case.captures.get()
        assert (row.state, row.outcome) == ("done", "captured")
        contents = {file["role"]: inline.services.blobs.get(Digest.from_hex(file["digest"])) for file in row.files}
        exchange = contents["exchange"]
        assert [f"GET {path} ".encode() in exchange for path in ("/page-0", own_path, other)] == [True, True, False]
        assert case.case_sightings.get().sighting.picture.digest == Digest.from_bytes(contents["captured-image"])
    assert Watch.objects.get().visit_count == 1


@pytest.mark.long
def test_daily_visit_limit_does_not_delay_confirmed_case(inline: SyncRunner, case: Case, site: Site) -> None:
    Watch.objects.update(budget={"visits": 3}, visit_count_date=now().astimezone(UTC).date(), visit_count=3)
    row = visit_case(inline, case)
    assert (row.state, row.error, row.attempts, site.requests) == ("queued", VISIT_LIMIT_REACHED, 0, [])
    assert row.not_before is not None
    assert timedelta(0) < row.not_before - now() <= timedelta(days=1)
    Capture.objects.update(not_before=now() + timedelta(hours=20))
    assert correct_times(7) == 0, "it waits on purpose"
    confirm_case(inline.services, case, by="Ann", reason="")
    assert visit_case(inline, case).outcome == "captured"
    assert Watch.objects.get().visit_count == 3


@pytest.mark.long
def test_dismissed_case_is_not_captured_until_it_is_reopened(inline: SyncRunner, case: Case, site: Site) -> None:
    dismiss_case(case, by="Ann", reason="Not ours.")
    row = visit_case(inline, case)
    assert (row.state, row.error, site.requests, Watch.objects.get().visit_count) == ("queued", CASE_SNOOZED, [], 0)
    assert correct_times(7) == 0, "it waits on purpose"
    reopen_decided_case(case, by="Ann", reason="A copy.")
    assert visit_case(inline, case).outcome == "captured"


def test_visits_of_previous_day_do_not_count(inline: SyncRunner, case: Case) -> None:
    yesterday = now().astimezone(UTC).date() - timedelta(days=1)
    Watch.objects.update(budget={"visits": 3}, visit_count_date=yesterday, visit_count=3)
    assert visit_case(inline, case).outcome == "captured"
    assert Watch.objects.get().visit_count == 1


@pytest.mark.long
def test_capture_uses_visit_budget_of_case_owner(inline: SyncRunner, case: Case, site: Site) -> None:
    other, today = owner("other"), now().astimezone(UTC).date()
    Watch.objects.update(owner=other, budget={"visits": 0})
    assert other.cases.count() == 0
    Owner.objects.filter(pk=case.owner_id).update(visit_count_date=today, visit_count=VISITS_PER_DAY)
    assert visit_case(inline, case).error == VISIT_LIMIT_REACHED
    Capture.objects.update(not_before=None)
    Owner.objects.update(visit_count=2)
    assert visit_case(inline, case).outcome == "captured"
    assert Watch.objects.get().visit_count == 0
    assert dict(Owner.objects.values_list("slug", "visit_count")) == {"studio": 3, "other": 2}


@pytest.mark.long
def test_page_is_visited_if_any_watch_has_visits_left(inline: SyncRunner, gallery: list[Case]) -> None:
    second, _ = claim_new_slice(gallery[0].owner, "second")
    Sighting.objects.filter(image_url__endswith="/image-1.jpg").update(crawl=second.crawl_id)
    Watch.objects.filter(name="watch").update(budget={"visits": 0})
    assert visit_case(inline, gallery[0]).outcome == "captured"
    assert dict(Watch.objects.values_list("name", "visit_count")) == {"watch": 0, "second": 1}


@pytest.mark.long
def test_result_is_recorded_before_the_next_picture_is_requested(
    inline: SyncRunner, gallery: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        """A capturer that is killed after its first image."""

        def capture_all(self, *args: Any) -> Iterator[CaptureResult]:  # noqa: ANN401
            yield next(capturer.capture_all(*args))
            raise InterruptedError

    capturer = inline.services.capturer
    monkeypatch.setattr(inline.services, "capturer", Broken())
    with suppress(InterruptedError):
        visit_case(inline, gallery[0])
    assert [case.captures.get().outcome for case in gallery] == ["captured", ""]
