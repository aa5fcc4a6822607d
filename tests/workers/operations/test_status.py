"""Test the installation's status, from rows and disk, and the checks and metrics derived from it."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.entries import EntryType
from registry.db import heartbeats
from registry.log.log import submit_entry
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import Crawl, CrawlSlice, LedgerChange, LogCheckpoint, Owner, Picture, Report, StepState
from tests.assets.rows import claim_new_slice, owner, photograph, record_sightings
from tests.assets.shop import create_watch
from workers.operations.status import LATE_AFTER, collect_status
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """Create an owner with a running crawl and a picture whose job failed."""
    new_owner = owner("studio")
    [pk] = record_sightings(inline.services, *claim_new_slice(new_owner), [photograph(1)])
    Picture.objects.filter(pk=pk).update(state="failed", error="The worker died 5 times on this row.")
    return new_owner


def test_waiting_running_failed_and_late_rows_are_counted(inline: SyncRunner, studio: Owner) -> None:
    late_watch = create_watch(studio, "http://shop.example/")
    late_watch.next_run_at = now() - LATE_AFTER - timedelta(minutes=1)
    late_watch.save()
    Crawl.objects.create(
        watch=late_watch, number=1, state=StepState.DONE, reason="finished", started_at=now(), finished_at=now()
    )
    heartbeats.record_heartbeat("worker-background@here", "match,evidence")
    heartbeats.record_step_time("match", rows=3, seconds=1, processor_seconds=2)
    status = collect_status(inline.services)
    match = next(item for item in status.steps if item.step == "match")
    assert (match.waiting_rows, match.failed) == (0, 1)
    assert next(item for item in status.steps if item.step == "slice").under_way == 1
    assert len(status.failures) == 1
    assert [item.watch.owner for item in status.crawls.running] == [studio]
    assert (status.crawls.ended, status.crawls.late_watches) == ({"finished": 1}, 1)
    assert [item.queues for item in status.heartbeats] == ["match,evidence"]
    assert status.usage_by_step["match"].rows == 3
    assert 0 < status.disk.free < status.disk.total
    assert status.disk.database > 0


def test_rendered_pages_are_summed_over_slices(inline: SyncRunner, studio: Owner) -> None:
    crawl = Crawl.objects.create(watch=create_watch(studio, "http://shop.example/", "more"), number=1, started_at=now())
    for number, counts in enumerate([{"rendered": 3, "render_seconds": 4.5}, {"pages": 1}, {"rendered": 2}]):
        CrawlSlice.objects.create(crawl=crawl, number=number + 1, counts=counts, finished_at=now())
    crawls = collect_status(inline.services).crawls
    (more_crawl,) = (row for row in crawls.running if row.watch.name == "more")
    assert (more_crawl.rendered, more_crawl.render_seconds) == (5, 4.5)  # type: ignore[attr-defined] # summed


def test_log_status_reports_signed_and_waiting_entries(inline: SyncRunner, studio: Owner) -> None:
    submit_entry(EntryType.CASE, {"number": 1})
    pending_log = collect_status(inline.services).log
    assert pending_log.waiting > 0
    assert (pending_log.size, pending_log.signed_at, pending_log.stopped) == (0, None, "")
    sequence_log(inline.services)
    sign_checkpoint(inline.services)
    signed = LogCheckpoint.objects.latest("pk")
    log = collect_status(inline.services).log
    assert (log.waiting, log.size, log.signed_at) == (0, signed.size, signed.made_at)


def test_queue_status_reports_age_of_oldest_row(inline: SyncRunner) -> None:
    studio, moment = owner("studio"), now()
    for number, minutes in ((1, 2), (2, 5)):
        Report.objects.create(owner=studio, number=number, waits_since=moment - timedelta(minutes=minutes))
    LedgerChange.objects.create(owner=studio, kind="added", at=moment, not_before=moment + timedelta(hours=1))
    queues = dict(collect_status(inline.services).queues)
    assert queues.pop("files") == moment - timedelta(minutes=5)
    assert set(queues.values()) == {None}
