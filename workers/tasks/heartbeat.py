"""What the main process of a worker does beside Celery: it logs as all do, says that it begins, lives and ends."""

import contextlib
import gc
import os

from celery.signals import (
    celeryd_init,
    setup_logging,
    worker_before_create_process,
    worker_process_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

from exhibit.types import Untyped
from registry.configuration import load_config
from registry.db import running
from workers.pipeline.celery import WAITS_LONG, all_queues
from workers.servers.liveness import give_sign, sign_seconds
from workers.servers.redis import end_waits
from workers.tasks.ended import release_ended

_main = os.getpid()
"""The main process, as those that are forked from it know it."""


@celeryd_init.connect
def _wake_seldom(conf: Untyped, **_: object) -> None:
    """A worker waits for messages so long without a word; the others, who wait for answers, look often."""
    conf.broker_transport_options |= WAITS_LONG


@setup_logging.connect
def _leave_logs(**_: object) -> None:
    """Celery leaves the logs as Django's settings have them."""


@worker_before_create_process.connect
def _share_memory(**_: object) -> None:
    """Leave what is loaded by now alone: a collection would write to it, in memory that forked processes share."""
    gc.freeze()


@worker_process_init.connect
def _end_without_main(**_: object) -> None:
    """Celery ties a forked process to its main one; where that was killed before, the process would stay for ever."""
    if os.getppid() != _main:
        os._exit(1)


@worker_ready.connect
def _begin(sender: Untyped, **_: object) -> None:
    queues = all_queues() & {queue.name for queue in sender.task_consumer.queues}
    _told(running.begins, str(sender.hostname), ",".join(sorted(queues)))
    _told(release_ended)  # of one in whose place it has come
    worker_before_create_process.connect(_free)
    give_sign()
    sender.hub.call_repeatedly(sign_seconds(), give_sign)


@worker_ready.connect
def _sleep_well(sender: Untyped, **_: object) -> None:
    """Don't look each second, as kombu does, for what is to be done about queues that expire: none of ours does."""
    sender.connection.transport.cycle._binding_expiry_tref.cancel()  # noqa: SLF001 - nothing public ends it


@worker_shutting_down.connect
def _wake(**_: object) -> None:
    """A worker that waits for messages would hear only afterwards that it is to end."""
    end_waits(load_config())


@worker_shutdown.connect
def _end(sender: Untyped, **_: object) -> None:
    _told(running.ends, str(sender.hostname))


def _free(**_: object) -> None:
    """Free what a process of this worker has left that was killed, now that another one takes its place."""
    _told(release_ended)


def _told(tell: Untyped, *what: object) -> None:
    """Write a row over a connection of its own: the processes that are forked from this one must inherit none."""
    from django.db import Error, connection

    with contextlib.suppress(Error):  # the tick finds out by itself
        tell(*what)
    connection.close()
