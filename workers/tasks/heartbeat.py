"""The workers log as all do, and say that they live: each by a row that its main process renews, whatever it does."""

import contextlib

from celery.signals import setup_logging, worker_ready, worker_shutdown

from exhibit.types import Untyped
from workers.pipeline.steps import release_ended

RELEASE_SECONDS = 5.0
"""How often each machine looks whether one of its processes was killed that had claimed rows."""


@setup_logging.connect
def _leave_logs(**_: object) -> None:
    """Celery leaves the logs as Django's settings have them."""


@worker_ready.connect
def _begin(sender: Untyped, **_: object) -> None:
    from registry.db import running

    name = str(sender.hostname)
    queues = ",".join(sorted(queue.name for queue in sender.task_consumer.queues))
    _told(running.begins, name, queues)
    sender.timer.call_repeatedly(running.BEAT_SECONDS, _told, (running.beat, name, queues))
    sender.timer.call_repeatedly(RELEASE_SECONDS, _told, (release_ended,))


@worker_shutdown.connect
def _end(sender: Untyped, **_: object) -> None:
    from registry.db import running

    _told(running.ends, str(sender.hostname))


def _told(tell: Untyped, *what: str) -> None:
    """Write a row over a connection of its own: the processes that are forked from this one must inherit none."""
    from django.db import Error, connection

    with contextlib.suppress(Error):  # the next beat says it again
        tell(*what)
    connection.close()
