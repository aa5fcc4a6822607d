"""The Celery app, which transports messages. The work is in the tasks, the state in the rows."""

import contextlib
import os
import socket
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from celery import Celery
from kombu import Exchange
from kombu.common import Broadcast
from kombu.exceptions import ChannelError, OperationalError
from kombu.transport import redis, virtual
from redis.exceptions import RedisError

from exhibit.clock import SLACK
from exhibit.config.config import Config
from exhibit.files.private import keep_private
from exhibit.logs import about
from registry import jobs
from registry.configuration import load_config
from registry.services.addresses import REDIS_SECONDS, broker_url

if TYPE_CHECKING:
    from django.db.models import Model

keep_private()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")

TASK_SECONDS = 570  # A task is killed after this time, before its message would be redelivered.

VISIBILITY_SECONDS = 600

LONG_SECONDS = 24 * 3600
"""Time limit in seconds of tasks that may take hours; their messages are never redelivered."""

WORKER_SECONDS = 15
"""Seconds for which a worker waits for Redis to answer one command before it reconnects."""

_SOON = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
"""For processes whose response somebody waits for."""

_BOUNDED = {
    "socket_timeout": WORKER_SECONDS,
    "socket_connect_timeout": WORKER_SECONDS,
    "socket_keepalive": True,
    "health_check_interval": 15,  # kombu drops a silent BRPOP after polling_interval plus at most twice this.
}
"""For every process: without these limits, a stalled Redis or a half-open connection blocks it forever.

``retry_on_timeout`` stays off: a message that was sent but not confirmed would be sent twice.
"""

UPKEEP_SECONDS = 3600.0
"""Interval of upkeep: expired bytes, and works missing from the local votes."""


_UPKEEP_QUEUES = {"exhibit.retain": jobs.UPKEEP, "exhibit.votes": jobs.UPKEEP, "exhibit.sweep": jobs.SWEEP}
"""Queues of tasks that are not jobs with rows."""
_SWEEP = Exchange(jobs.SWEEP, type="fanout")


class _QoS(redis.QoS):
    """Frees a message's prefetch slot even if Redis does not confirm the acknowledgement.

    kombu only logs that error and keeps the slot, so a worker would lose slot after slot until it consumes nothing. The
    message stays in Redis and is delivered again after :data:`VISIBILITY_SECONDS`, when its rows are done.
    """

    channel: Any  # kombu's, whose stubs lack its errors

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message."""
        try:
            super().ack(delivery_tag)
        except self.channel.connection_errors:
            virtual.QoS.ack(self, delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - as in kombu
        """Reject a message."""
        try:
            super().reject(delivery_tag, requeue=requeue)
        except self.channel.connection_errors:
            virtual.QoS.ack(self, delivery_tag)
            raise


redis.Channel.QoS = _QoS


def all_queues() -> frozenset[str]:
    """Return every queue that some worker has to serve."""
    return frozenset(jobs.queues().values())


def make_app(config: Config) -> Celery:
    """Create the app of a configuration. Makes no connection."""
    celery_app = Celery(
        "exhibit",
        broker=broker_url(config),
        include=["workers.tasks.tasks", "workers.tasks.heartbeat"],
        task_cls="workers.tasks.tasks:StepTask",
    )
    celery_app.conf.update(
        # Messages are hints: one is redelivered if its worker dies, and running it twice gives the same rows.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        broker_transport_options={"visibility_timeout": VISIBILITY_SECONDS, **_BOUNDED},
        broker_connection_retry_on_startup=True,
        task_time_limit=TASK_SECONDS,
        task_default_queue=jobs.DEFAULT,
        task_queues=[Broadcast(jobs.SWEEP, exchange=_SWEEP, queue=f"{jobs.SWEEP}@{socket.gethostname()}")],
        task_create_missing_queues=True,  # All others.
        task_routes={name: {"queue": queue} for name, queue in _UPKEEP_QUEUES.items()},
        worker_hijack_root_logger=False,
    )
    return celery_app


app = make_app(load_config())


def give_up_soon() -> None:
    """Limit how long this process, which is not a worker, waits for a stalled Redis."""
    app.conf.broker_transport_options |= _SOON


def send(job: jobs.Job, ids: Sequence[int], *, by_user: bool = False) -> None:
    """Send messages for rows. The tick finds rows whose messages could not be sent."""
    with contextlib.suppress(OperationalError, RedisError):  # The broker does not respond, or its disk is full.
        task = job.task(is_requested=by_user)
        for rows in job.batches(ids):
            headers = {"request_id": about().get("request_id", "")}
            app.send_task(f"exhibit.{task}", [rows], headers=headers, queue=job.queues[task])


def enqueue(rows: "type[Model]", ids: Sequence[int], *, by_user: bool = False) -> None:
    """Send messages for rows once the current transaction has committed; at once if there is none.

    Implements :class:`registry.services.services.Enqueue`.
    """
    from django.db import transaction

    transaction.on_commit(partial(send, jobs.job_of(rows), list(ids), by_user=by_user))


def send_upkeep(through: Celery = app) -> None:
    """Announce upkeep, here and on every machine. A lost message is made up for by the next one."""
    expires = UPKEEP_SECONDS + 2 * SLACK.total_seconds()  # The clocks of two machines may differ.
    with contextlib.suppress(OperationalError, RedisError):
        through.send_task("exhibit.retain", expires=expires)
        through.send_task("exhibit.sweep", expires=expires, declare=[_SWEEP])  # kombu would assume a direct one.


def queued(task: str) -> int:
    """Return the number of messages in a task's queue; 0 if the broker does not respond."""
    pool: Any = app.pool  # celery-stubs lack its methods.
    with (
        contextlib.suppress(OperationalError, RedisError),
        pool.acquire(block=True) as connection,
        contextlib.suppress(ChannelError),  # A queue is created by its first message.
    ):
        queue = jobs.queues().get(task, jobs.DEFAULT)
        return int(connection.default_channel.queue_declare(queue=queue, passive=True).message_count)
    return 0


def living_workers(seconds: float = 1.0) -> dict[str, str]:
    """Return the workers on all machines that respond within this time, with their queues separated by commas."""
    try:
        queues_by_worker = app.control.inspect(timeout=seconds).active_queues() or {}
    except (OperationalError, RedisError):
        return {}
    known = all_queues()
    return {
        name: ",".join(sorted(known & {queue["name"] for queue in queues})) for name, queues in queues_by_worker.items()
    }


def workers_answer(seconds: float = 1.0) -> bool:
    """Return True if a worker responds on any machine. Takes the full time if none does."""
    try:
        return bool(app.control.ping(timeout=seconds, limit=1))
    except (OperationalError, RedisError):
        return False
