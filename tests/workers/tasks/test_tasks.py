"""Test tasks: rows of failed tasks, rows that wait for a slot, and upkeep."""

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from exhibit.clock import now
from exhibit.files.blobs import FolderBlobStore
from exhibit.sentences import Sentence
from registry import jobs
from registry.db.steps import STEP_INTERRUPTED
from registry.models import Picture
from tests.registry.db.test_steps import pending_ids
from workers.periodic import run_all
from workers.pipeline.celery import TASK_SECONDS
from workers.tasks import tasks
from workers.tasks.tasks import TASKS, hold_slot
from workers.wiring import services

__all__ = ["pending_ids"]


@pytest.mark.django_db(transaction=True)  # Celery closes connections between tasks
def test_failed_task_releases_its_rows(pending_ids: list[int]) -> None:
    blobs = services().blobs
    assert isinstance(blobs, FolderBlobStore)
    blobs.get_path(Picture.objects.get(pk=pending_ids[0]).digest).mkdir(parents=True)  # an error that no step expects
    result = TASKS["match"].apply((pending_ids,))
    assert isinstance(result.result, IsADirectoryError)
    for row in Picture.objects.all():
        assert (row.state, row.attempts, row.error) == (
            "queued",
            1,
            Sentence(STEP_INTERRUPTED, what="IsADirectoryError"),
        )
        assert row.not_before is not None
        assert row.not_before > now()


@contextmanager
def occupy_slot(queue: str, limit: int) -> Iterator[int]:
    """Occupy a slot of a queue in another process of the same worker during the block."""
    read_end, write_end = os.pipe()
    if not (number := os.fork()):
        with hold_slot(queue, limit) as is_free:
            os.write(write_end, b"1" if is_free else b"0")
            signal.pause()
    try:
        assert os.read(read_end, 1) == b"1"
        yield number
    finally:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        os.close(read_end)
        os.close(write_end)


def test_queue_slots_are_limited_and_freed_by_killed_processes() -> None:
    with occupy_slot(jobs.CRAWL, 2), occupy_slot(jobs.CRAWL, 2):
        with hold_slot(jobs.CRAWL, 2) as is_free, hold_slot(jobs.EVIDENCE, 1) as other_is_free:
            assert (is_free, other_is_free) == (False, True)
        with hold_slot(jobs.CRAWL, 3) as is_free:
            assert is_free
    with hold_slot(jobs.CRAWL, 1) as is_free:
        assert is_free


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_captures_crawls_and_past_searches_leave_slots_for_matching(workers: int) -> None:
    limits, limit = jobs.get_queue_limits(workers), jobs.get_max_processes(workers)["worker-background"]
    places = sum(limits[queue] for queue in (jobs.EVIDENCE, jobs.CRAWL, jobs.PAST_SEARCH))
    assert limit - places >= 2
    assert jobs.list_queues_by_task()["match"] not in limits
    assert jobs.list_queues_by_task()["capture"] == jobs.EVIDENCE
    assert jobs.list_queues_by_task()["capture_requested"] not in jobs.BACKGROUND
    assert {jobs.list_queues_by_task()["search"], jobs.list_queues_by_task()["refingerprint"]} == {jobs.PAST_SEARCH}


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_registration_has_its_own_queue_and_processes(workers: int) -> None:
    limits, limit = jobs.get_queue_limits(workers), jobs.get_max_processes(workers)["worker-interactive"]
    assert [
        name for name, queue in jobs.list_queues_by_task().items() if queue == jobs.list_queues_by_task()["register"]
    ] == ["register"]
    assert jobs.list_queues_by_task()["register"] in jobs.INTERACTIVE
    assert limits[jobs.IMPORTS] == workers
    assert limit - sum(limits.get(queue, 0) for queue in jobs.INTERACTIVE) >= 2


@pytest.mark.django_db(transaction=True)
def test_rows_without_a_free_slot_are_sent_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    messages: list[str] = []
    monkeypatch.setattr("workers.tasks.tasks.send_next", lambda _services, queue: messages.append(queue))
    with occupy_slot(jobs.FILES, 1):
        TASKS["report"].apply(([1],))
    assert not messages
    TASKS["report"].apply(([1],))
    assert messages == [jobs.FILES]


def test_upkeep_continues_after_a_failed_step() -> None:
    done: list[int] = []

    def fail() -> None:
        raise OSError(errno.EROFS, "")

    with pytest.raises(OSError, match="Errno"):
        run_all((fail, lambda: done.append(1), fail, lambda: done.append(2)))
    assert done == [1, 2]


def test_long_task_has_a_high_time_limit_and_runs_once() -> None:
    assert (tasks.run_long_hourly_jobs.time_limit or 0) > TASK_SECONDS
    assert not tasks.run_long_hourly_jobs.acks_late
