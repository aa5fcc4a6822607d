"""Test that the tick shares work fairly: no owner waits for all files of another, no step for all rows of another."""

import errno
import resource
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db.models import Model
from pytest_django import DjangoAssertNumQueries
from redis import Redis

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.machine import ERROR_SENTENCES
from registry import jobs
from registry.cases.decisions import confirm_case
from registry.events import events, mail_choices
from registry.models import (
    AnchorReceipt,
    Event,
    EventKind,
    LedgerChange,
    LogCheckpoint,
    MailChoice,
    Membership,
    Owner,
    Upload,
    UploadFile,
    User,
)
from registry.reports.requests import request_report
from registry.services.addresses import get_redis_url
from registry.services.services import Services
from tests.assets.clocks import YEAR, set_clock
from tests.assets.rows import create_case, create_pending_receipts, owner, photograph, register
from workers.tasks.sync_runner import SyncRunner
from workers.tasks.tick import send_next, tick

__all__ = ["set_clock"]


class RecordingServices(Services):
    """Services that record the rows to be sent, and count the messages of all steps as one queue."""

    def __init__(self, inline: SyncRunner) -> None:
        self.rows: dict[str, list[int]] = {}
        self.messages = 0
        super().__init__(inline.services.config, self._remember, lambda _step: self.messages)

    def _remember(self, rows: type[Model], ids: Sequence[int], *, by_user: bool = False) -> None:
        job = jobs.get_job_for_model(rows)
        if ids:
            self.rows.setdefault(job.get_task_name(is_requested=by_user), []).extend(ids)
            self.messages += -(-len(ids) // job.batch)


@pytest.fixture
def recording_services(inline: SyncRunner) -> RecordingServices:
    return RecordingServices(inline)


def make_files(rights_holder: Owner, count: int) -> list[int]:
    """Create files of an upload that wait to be registered."""
    upload = Upload.objects.create(owner=rights_holder, number=1, started_by="Ann", started_at=now())
    rows = [
        UploadFile(upload=upload, name=f"{n}.jpg", digest=Digest.from_bytes(b"%d" % n), size=1) for n in range(count)
    ]
    return [row.pk for row in UploadFile.objects.bulk_create(rows)]


def test_small_upload_does_not_wait_for_large_upload_of_other_owner(recording_services: RecordingServices) -> None:
    limit = jobs.JOBS["register"].batch * jobs.MAX_MESSAGES
    large, small = make_files(owner("agency"), limit * 2), make_files(owner("studio"), 3)
    tick(recording_services)
    assert recording_services.rows["register"] == [
        large[0], small[0], large[1], small[1], large[2], small[2], *large[3 : limit - 3]
    ]  # fmt: skip


@contextmanager
def simulate_full_disk() -> Iterator[None]:
    """Simulate a full disk for this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_checkpoint_write_error_does_not_end_the_scheduler_tick(
    inline: SyncRunner, caplog: pytest.LogCaptureFixture
) -> None:
    services = Services(replace(inline.services.config, checkpoint_seconds=0))
    register(services, owner("studio"), photograph(1))
    tick(services)
    signed = LogCheckpoint.objects.count()
    register(services, owner("agency"), photograph(2))
    with simulate_full_disk():
        tick(services)
    assert (LogCheckpoint.objects.count(), signed) == (1, 1)
    assert ERROR_SENTENCES[errno.EFBIG] in caplog.text
    tick(services)
    assert LogCheckpoint.objects.count() == 2


def test_single_owner_gets_all_slots(recording_services: RecordingServices) -> None:
    large = make_files(owner("agency"), jobs.JOBS["register"].batch * jobs.MAX_MESSAGES * 2)
    tick(recording_services)
    assert recording_services.rows["register"] == large[: jobs.JOBS["register"].batch * jobs.MAX_MESSAGES]


def test_busy_step_leaves_slots_for_other_steps_of_its_queue(recording_services: RecordingServices) -> None:
    receipts = create_pending_receipts(*(b"%d" % n for n in range(jobs.JOBS["timestamp"].batch * jobs.MAX_MESSAGES)))
    change = LedgerChange.objects.create(owner=owner("studio"), kind="added", at=now())
    tick(recording_services)
    assert (recording_services.rows["timestamp"], recording_services.rows["ledger"]) == (receipts, [change.pk])
    tick(recording_services)  # no worker has confirmed, so nothing is repeated
    assert Counter(recording_services.rows["timestamp"]) == Counter(receipts)
    assert AnchorReceipt.objects.count() == len(receipts)


def test_free_process_gets_the_next_rows_of_its_queue_only(recording_services: RecordingServices) -> None:
    studio = owner("studio")
    [first, second] = [request_report(studio, preparer="Ann") for _ in range(2)]
    create_pending_receipts(b"a receipt")
    recording_services.rows.clear()
    recording_services.messages = 0
    send_next(recording_services, jobs.FILES)
    assert recording_services.rows == {"report": [first.pk]}
    send_next(recording_services, jobs.FILES)
    assert recording_services.rows == {"report": [first.pk]}
    recording_services.messages = 0
    type(first).objects.filter(pk=first.pk).update(state="done")
    send_next(recording_services, jobs.FILES)
    assert recording_services.rows == {"report": [first.pk, second.pk]}


def test_mail_is_queued_despite_a_backlog_of_other_steps(inline: SyncRunner) -> None:
    studio = owner("studio")
    sent: list[str] = []
    ann = User.objects.create_user("ann", "ann@example.org")
    Membership.objects.create(owner=studio, user=ann)
    mail_choices.set_mail_settings(studio, ann, MailChoice.MailFrequency.AT_ONCE, by="Ann")
    events.record_event(studio, EventKind.REPORT_READY, {"report": 1, "title": "A"})
    Event.objects.update(at=now() - events.SETTLING_PERIOD - timedelta(seconds=1))

    def count_queued(step: str) -> int:
        return (
            jobs.MAX_MESSAGES
            if any(
                jobs.list_queues_by_task()[other] == jobs.list_queues_by_task()[step]
                for other in jobs.list_queues_by_task()
                if other != "mail"
            )
            else 0
        )

    tick(
        Services(
            inline.services.config,
            lambda rows, ids, **_: sent.extend([jobs.get_job_for_model(rows).name] * bool(ids)),
            count_queued,
        )
    )
    assert sent == ["mail"]


def test_idle_scheduler_tick_makes_four_database_queries_and_no_redis_queries(
    inline: SyncRunner, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    queries: list[str] = []

    def count_queued(step: str) -> int:
        queries.append(step)
        return 0

    services = Services(inline.services.config, count_queued=count_queued)
    inline.run_until_idle()
    tick(services)
    with django_assert_num_queries(4):
        tick(services)
    assert queries == []


@pytest.mark.long
def test_rows_requested_by_users_keep_their_queue_after_a_lost_message(
    recording_services: RecordingServices,
) -> None:
    case = create_case(recording_services, owner("studio"))
    captures = list(case.captures.values_list("pk", flat=True))
    recording_services.rows.clear()
    tick(recording_services)
    assert recording_services.rows.pop("capture") == captures
    assert "capture_requested" not in recording_services.rows
    recording_services.messages = 0  # all messages are confirmed
    confirm_case(Services(recording_services.config), case, by="Ann", reason="A copy.")
    tick(recording_services)
    assert recording_services.rows["capture_requested"] == captures


def test_attempts_dated_by_a_clock_that_was_ahead_are_cleared(
    inline: SyncRunner,
    set_clock: Any,  # noqa: ANN401
) -> None:
    cache.set("tries", [1.0], timeout=366 * 24 * 3600)
    queue = Redis.from_url(get_redis_url(inline.services.config))
    queue.set("a-queue", "is_pending")
    tick(inline.services)
    assert cache.get("tries") == [1.0]
    set_clock(YEAR)
    tick(inline.services)
    assert cache.get("tries") == [1.0]
    set_clock(timedelta(0))
    tick(Services(inline.services.config))
    assert cache.get("tries") is None
    assert queue.getdel("a-queue") == b"is_pending"
    queue.close()
