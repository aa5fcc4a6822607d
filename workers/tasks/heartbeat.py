"""The workers log as all do, and say that they live: each by a row that its main process renews, whatever it does."""

import contextlib
import gc

from celery.signals import setup_logging, worker_before_create_process, worker_ready, worker_shutdown

from exhibit.types import Untyped
from workers.configuration import load_config
from workers.pipeline.steps import release_ended
from workers.tasks.here import sweep_when_due

LOOK_SECONDS = 5.0
"""How often it is looked whether another process has taken the place of one that was killed."""


@setup_logging.connect
def _leave_logs(**_: object) -> None:
    """Celery leaves the logs as Django's settings have them."""


@worker_before_create_process.connect
def _share_memory(**_: object) -> None:
    """Leave what is loaded by now alone: a collection would write to it, in memory that forked processes share."""
    gc.freeze()


@worker_ready.connect
def _begin(sender: Untyped, **_: object) -> None:
    from registry.db import running

    name = str(sender.hostname)
    queues = ",".join(sorted(queue.name for queue in sender.task_consumer.queues))
    _told(running.begins, name, queues)
    sender.timer.call_repeatedly(running.BEAT_SECONDS, _told, (_beat, name, queues))
    sender.timer.call_repeatedly(LOOK_SECONDS, _look_after, (sender.pool, []))


@worker_shutdown.connect
def _end(sender: Untyped, **_: object) -> None:
    from registry.db import running

    _told(running.ends, str(sender.hostname))


def _beat(name: str, queues: str) -> None:
    """Say that this worker lives, and free what others of this machine have left, who can't do it themselves."""
    from registry.db import running

    running.beat(name, queues)
    release_ended()
    sweep_when_due(load_config())


def _look_after(pool: Untyped, known: list[int]) -> None:
    """Free what a process of this worker has left that was killed."""
    living = pool.info["processes"]
    if known != living:
        known[:] = living
        _told(release_ended)


def _told(tell: Untyped, *what: str) -> None:
    """Write a row over a connection of its own: the processes that are forked from this one must inherit none."""
    from django.db import Error, connection

    with contextlib.suppress(Error):  # the next beat says it again
        tell(*what)
    connection.close()
