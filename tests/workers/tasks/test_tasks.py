"""Test tasks: the rows of one that fails or waits for a slot, and the upkeep."""

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
from registry.db.steps import STEP_BROKE_OFF
from registry.models import Picture
from tests.registry.db.test_steps import pending_ids
from workers.periodic import do_all
from workers.pipeline.celery import TASK_SECONDS
from workers.tasks import tasks
from workers.tasks.tasks import TASKS, place
from workers.wiring import services

__all__ = ["pending_ids"]


@pytest.mark.django_db(transaction=True)  # Celery closes connections between tasks
def test_a_task_that_breaks_off_lets_go_of_its_rows(pending_ids: list[int]) -> None:
    blobs = services().blobs
    assert isinstance(blobs, FolderBlobStore)
    blobs.path(Picture.objects.get(pk=pending_ids[0]).digest).mkdir(parents=True)  # an error that no step expects
    result = TASKS["match"].apply((pending_ids,))
    assert isinstance(result.result, IsADirectoryError)
    for row in Picture.objects.all():
        assert (row.state, row.attempts, row.error) == ("todo", 1, Sentence(STEP_BROKE_OFF, what="IsADirectoryError"))
        assert row.not_before is not None
        assert row.not_before > now()


@contextmanager
def hold_places(queue: str, limit: int) -> Iterator[int]:
    """Occupy a slot of a queue in another process of the same worker during the block."""
    read_end, write_end = os.pipe()
    if not (number := os.fork()):
        with place(queue, limit) as is_free:
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


def test_so_many_processes_of_a_worker_are_at_a_queue_and_a_killed_one_leaves_its_place() -> None:
    with hold_places(jobs.CRAWL, 2), hold_places(jobs.CRAWL, 2):
        with place(jobs.CRAWL, 2) as is_free, place(jobs.EVIDENCE, 1) as other_is_free:
            assert (is_free, other_is_free) == (False, True)
        with place(jobs.CRAWL, 3) as is_free:
            assert is_free
    with place(jobs.CRAWL, 1) as is_free:
        assert is_free


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_visits_crawls_and_searches_of_the_past_leave_matching_its_places(workers: int) -> None:
    limits, limit = jobs.limits(workers), jobs.max_processes(workers)["worker-background"]
    places = sum(limits[queue] for queue in (jobs.EVIDENCE, jobs.CRAWL, jobs.PAST_SEARCH))
    assert limit - places >= 2
    assert jobs.queues()["match"] not in limits
    assert jobs.queues()["capture"] == jobs.EVIDENCE
    assert jobs.queues()["capture_asked"] not in jobs.BACKGROUND
    assert {jobs.queues()["search"], jobs.queues()["refingerprint"]} == {jobs.PAST_SEARCH}


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_registration_has_a_queue_and_processes_that_no_crawl_visit_or_search_takes(workers: int) -> None:
    limits, limit = jobs.limits(workers), jobs.max_processes(workers)["worker-interactive"]
    assert [name for name, queue in jobs.queues().items() if queue == jobs.queues()["register"]] == ["register"]
    assert jobs.queues()["register"] in jobs.INTERACTIVE
    assert limits[jobs.IMPORTS] == workers
    assert limit - sum(limits.get(queue, 0) for queue in jobs.INTERACTIVE) >= 2


@pytest.mark.django_db(transaction=True)
def test_rows_without_a_free_place_wait_until_one_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    messages: list[str] = []
    monkeypatch.setattr("workers.tasks.tasks.send_next", lambda _services, queue: messages.append(queue))
    with hold_places(jobs.FILES, 1):
        TASKS["report"].apply(([1],))
    assert not messages
    TASKS["report"].apply(([1],))
    assert messages == [jobs.FILES]


def test_upkeep_goes_on_behind_a_part_that_fails() -> None:
    done: list[int] = []

    def fail() -> None:
        raise OSError(errno.EROFS, "")

    with pytest.raises(OSError, match="Errno"):
        do_all((fail, lambda: done.append(1), fail, lambda: done.append(2)))
    assert done == [1, 2]


def test_what_takes_hours_is_neither_killed_after_minutes_nor_begun_twice() -> None:
    assert (tasks.keep_up_votes.time_limit or 0) > TASK_SECONDS
    assert not tasks.keep_up_votes.acks_late
