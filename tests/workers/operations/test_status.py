"""Test the installation's status, from rows and disk, and the checks and metrics derived from it."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.entries import EntryType
from registry.db import running
from registry.log.log import submit
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import Crawl, CrawlSlice, LedgerChange, LogCheckpoint, Owner, Picture, Report, StepState
from tests.assets.rows import bring, claimed_slice, owner, photograph
from tests.assets.shop import watch
from workers.operations.status import LATE, status_of
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """An owner with a running crawl and an abandoned image."""
    made = owner("studio")
    [pk] = bring(inline.services, *claimed_slice(made), [photograph(1)])
    Picture.objects.filter(pk=pk).update(state="failed", error="The worker died 5 times on this row.")
    return made


def test_what_waits_is_under_way_was_given_up_and_is_late_is_counted(inline: SyncRunner, studio: Owner) -> None:
    late = watch(studio, "http://shop.example/")
    late.next_run_at = now() - LATE - timedelta(minutes=1)
    late.save()
    Crawl.objects.create(
        watch=late, number=1, state=StepState.DONE, reason="finished", started_at=now(), finished_at=now()
    )
    running.beat("worker-background@here", "match,evidence")
    running.add_time("match", rows=3, seconds=1, processor_seconds=2)
    found = status_of(inline.services)
    match = next(one for one in found.steps if one.step == "match")
    assert (match.waiting, match.failed) == (0, 1)
    assert next(one for one in found.steps if one.step == "slice").under_way == 1
    assert len(found.failures) == 1
    assert [one.watch.owner for one in found.crawls.under_way] == [studio]
    assert (found.crawls.ended, found.crawls.late) == ({"finished": 1}, 1)
    assert [one.queues for one in found.heartbeats] == ["match,evidence"]
    assert found.taken["match"].rows == 3
    assert 0 < found.disk.free < found.disk.total
    assert found.disk.database > 0


def test_what_browsers_have_rendered_is_summed_over_slices(inline: SyncRunner, studio: Owner) -> None:
    crawl = Crawl.objects.create(watch=watch(studio, "http://shop.example/", "more"), number=1, started_at=now())
    for number, counts in enumerate([{"rendered": 3, "render_seconds": 4.5}, {"pages": 1}, {"rendered": 2}]):
        CrawlSlice.objects.create(crawl=crawl, number=number + 1, counts=counts, finished_at=now())
    found = status_of(inline.services).crawls
    (ours,) = (one for one in found.under_way if one.watch.name == "more")
    assert (ours.rendered, ours.render_seconds) == (5, 4.5)  # type: ignore[attr-defined] # summed


def test_the_log_says_what_is_signed_and_what_waits(inline: SyncRunner, studio: Owner) -> None:
    submit(EntryType.CASE, {"number": 1})
    waiting = status_of(inline.services).log
    assert waiting.waiting > 0
    assert (waiting.size, waiting.signed_at, waiting.stopped) == (0, None, "")
    sequence_log(inline.services)
    sign_checkpoint(inline.services)
    signed = LogCheckpoint.objects.latest("pk")
    found = status_of(inline.services).log
    assert (found.waiting, found.size, found.signed_at) == (0, signed.size, signed.made_at)


def test_each_queue_says_since_when_its_oldest_row_waits(inline: SyncRunner) -> None:
    studio, moment = owner("studio"), now()
    for number, minutes in ((1, 2), (2, 5)):
        Report.objects.create(owner=studio, number=number, waits_since=moment - timedelta(minutes=minutes))
    LedgerChange.objects.create(owner=studio, kind="added", at=moment, not_before=moment + timedelta(hours=1))
    waiting = dict(status_of(inline.services).queues)
    assert waiting.pop("files") == moment - timedelta(minutes=5)
    assert set(waiting.values()) == {None}
