"""The tasks of Celery that are no steps."""

import errno

import pytest

from workers.periodic import do_all
from workers.pipeline.celery import TASK_SECONDS
from workers.tasks import tasks


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
