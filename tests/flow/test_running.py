"""What the running product says of itself: what its steps take, and which of its workers live."""

import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from exhibit.clock import now
from registry import running
from registry.models import Heartbeat, Picture, StepTime
from tests.flow.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.flow.stack import patiently, running_stack
from tests.processes import wait_until
from workers.inline import Inline
from workers.meter import metered

NAMES = {"worker-default", "worker-crawl", "worker-match", running.TICK}


def test_what_a_step_takes_is_added_up_day_by_day(inline: Inline) -> None:
    studio = owner("studio")
    register(inline.house, studio, photograph(1))
    bring(inline.house, *claimed_slice(studio), [copy_of(photograph(1)), photograph(2)])
    inline.run_until_idle()
    row = StepTime.objects.get(step="match")
    assert row.rows == Picture.objects.filter(state="done", sightings__isnull=False).count() == 2
    assert row.processor_seconds > 0
    assert row.seconds > 0
    running.add_time("match", rows=3, seconds=1, processor_seconds=2)
    later = StepTime.objects.get(step="match")
    assert (later.runs, later.rows) == (row.runs + 1, 5)
    assert later.processor_seconds == pytest.approx(row.processor_seconds + 2)
    StepTime.objects.create(step="seal", day=now().date() - timedelta(days=40), rows=1, last_at=now())
    assert set(running.taken_since(now() - timedelta(days=30))) == set(
        StepTime.objects.exclude(step="seal").values_list("step", flat=True)
    )


def test_a_batch_that_breaks_off_is_measured_too(inline: Inline) -> None:
    with pytest.raises(ZeroDivisionError), metered("report"):
        _ = 1 // 0
    assert StepTime.objects.get().step == "report"


def test_a_worker_that_is_silent_for_a_day_is_forgotten(db: None) -> None:
    running.beat("worker-match@here", "match,evidence")
    running.beat("worker-match@elsewhere")
    Heartbeat.objects.filter(name="worker-match@elsewhere").update(seen_at=now() - timedelta(days=2))
    [one] = running.heartbeats()
    assert (one.name, one.queues) == ("worker-match@here", "match,evidence")


@pytest.mark.slow
def test_workers_say_that_they_live_until_they_end(open_folder: Path, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock(), running_stack(open_folder) as stack:

        def told() -> dict[str, str]:
            rows = patiently(lambda: list(Heartbeat.objects.values_list("name", "queues")))
            return {name.partition("@")[0]: queues for name, queues in rows}

        wait_until(lambda: set(told()) == NAMES)
        assert told()["worker-match"] == "evidence,match"
        began = Heartbeat.objects.get(name__startswith="worker-crawl").started_at
        crawl = next(one for one in stack.workers() if any("worker-crawl" in word for word in one.cmdline()))
        os.kill(crawl.pid, signal.SIGKILL)
        wait_until(lambda: Heartbeat.objects.get(name__startswith="worker-crawl").started_at > began)
        default = next(one for one in stack.workers() if any("worker-default" in word for word in one.cmdline()))
        os.kill(stack.process.pid, signal.SIGSTOP)  # nothing is started again meanwhile
        try:
            os.kill(default.pid, signal.SIGTERM)
            wait_until(lambda: "worker-default" not in told())
        finally:
            os.kill(stack.process.pid, signal.SIGCONT)
