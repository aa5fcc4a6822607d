"""The workers log as all do, and say that they live: each by a sign that its main process leaves, whatever it does."""

import contextlib
import gc

from celery.signals import (
    celeryd_init,
    setup_logging,
    worker_before_create_process,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

from exhibit.config.config import Config
from exhibit.types import Untyped
from registry.db import running
from workers import jobs
from workers.configuration import load_config
from workers.pipeline.celery import WAITS_LONG
from workers.servers.redis import end_waits
from workers.tasks import signs
from workers.tasks.here import sweep_when_due


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


@worker_ready.connect
def _begin(sender: Untyped, **_: object) -> None:
    name = str(sender.hostname)
    queues = ",".join(sorted(queue.name for queue in sender.task_consumer.queues))
    config = load_config()
    signs.remove(config, name)
    _told(running.begins, name, queues)
    _told(jobs.release_ended)  # of one in whose place it has come
    sender.timer.call_repeatedly(running.BEAT_SECONDS, _told, (_beat, config, name, queues))
    worker_before_create_process.connect(_free)


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
    signs.remove(load_config(), str(sender.hostname))
    _told(running.ends, str(sender.hostname))


def _beat(config: Config, name: str, queues: str) -> None:
    """Say that this worker lives, and free what others of this machine have left, unless the tick does both here."""
    if not signs.leave(config, name):
        running.beat(name, queues)
        jobs.release_ended()
        sweep_when_due(config)


def _free(**_: object) -> None:
    """Free what a process of this worker has left that was killed, now that another one takes its place."""
    _told(jobs.release_ended)


def _told(tell: Untyped, *what: object) -> None:
    """Write a row over a connection of its own: the processes that are forked from this one must inherit none."""
    from django.db import Error, connection

    with contextlib.suppress(Error):  # the next beat says it again
        tell(*what)
    connection.close()
