"""The Celery app, which transports messages. The work is done by the tasks; the state is in the rows."""

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

from exhibit.clock import MAX_CLOCK_SKEW
from exhibit.config.config import Config
from exhibit.files.private import set_private_umask
from exhibit.logs import get_log_context
from registry import jobs
from registry.configuration import load_config
from registry.services.addresses import REDIS_SECONDS, get_broker_url

if TYPE_CHECKING:
    from django.db.models import Model

set_private_umask()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")

TASK_SECONDS = 570  # A task is killed after this time, before its message would be redelivered.

VISIBILITY_SECONDS = 600

LONG_TASK_SECONDS = 24 * 3600
"""Time limit in seconds of tasks that may take hours; their messages are never redelivered."""

WORKER_SECONDS = 15
"""Seconds for which a worker waits for the response to one Redis command before it reconnects."""

_SHORT_TIMEOUTS = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
"""Timeouts of processes on whose response a user waits."""

_WORKER_TIMEOUTS = {
    "socket_timeout": WORKER_SECONDS,
    "socket_connect_timeout": WORKER_SECONDS,
    "socket_keepalive": True,
    "health_check_interval": 15,  # kombu drops a silent BRPOP after polling_interval plus at most twice this.
}
"""Timeouts of every process. Without them, a stalled Redis or a half-open connection would block it forever.

``retry_on_timeout`` stays off: a message that was sent but not confirmed would be sent twice.
"""

UPKEEP_INTERVAL_SECONDS = 3600.0
"""Interval of the hourly jobs in seconds."""


_UPKEEP_QUEUES = {"exhibit.retain": jobs.UPKEEP, "exhibit.votes": jobs.UPKEEP, "exhibit.sweep": jobs.SWEEP}
"""Queues of tasks that are not jobs with rows."""
_SWEEP = Exchange(jobs.SWEEP, type="fanout")


class _QoS(redis.QoS):
    """Frees a message's prefetch slot even if Redis does not confirm the acknowledgement.

    kombu only logs that error and keeps the slot, so a worker would lose slot after slot until it consumes nothing. The
    message stays in Redis and is delivered again after :data:`VISIBILITY_SECONDS`, when its rows are done.
    """

    channel: Any  # The stubs of kombu lack its errors.

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


def list_queues() -> frozenset[str]:
    """Return all queues that must be served by a worker."""
    return frozenset(jobs.list_queues_by_task().values())


def make_app(config: Config) -> Celery:
    """Create the app of a configuration. Makes no connection."""
    celery_app = Celery(
        "exhibit",
        broker=get_broker_url(config),
        include=["workers.tasks.tasks", "workers.tasks.heartbeat"],
        task_cls="workers.tasks.tasks:StepTask",
    )
    celery_app.conf.update(
        # A message is redelivered if its worker dies. Processing it twice results in the same rows.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        broker_transport_options={"visibility_timeout": VISIBILITY_SECONDS, **_WORKER_TIMEOUTS},
        broker_connection_retry_on_startup=True,
        task_time_limit=TASK_SECONDS,
        task_default_queue=jobs.DEFAULT,
        task_queues=[Broadcast(jobs.SWEEP, exchange=_SWEEP, queue=f"{jobs.SWEEP}@{socket.gethostname()}")],
        task_create_missing_queues=True,  # The other queues are created on demand.
        task_routes={name: {"queue": queue} for name, queue in _UPKEEP_QUEUES.items()},
        worker_hijack_root_logger=False,
    )
    return celery_app


app = make_app(load_config())


def set_short_timeouts() -> None:
    """Use short Redis timeouts in this process, which is not a worker."""
    app.conf.broker_transport_options |= _SHORT_TIMEOUTS


def send_messages(job: jobs.Job, ids: Sequence[int], *, by_user: bool = False) -> None:
    """Send messages for rows. If a message cannot be sent, the tick finds its rows later."""
    with contextlib.suppress(OperationalError, RedisError):  # The broker does not respond, or its disk is full.
        task = job.get_task_name(is_requested=by_user)
        for rows in job.iterate_batches(ids):
            headers = {"request_id": get_log_context().get("request_id", "")}
            app.send_task(f"exhibit.{task}", [rows], headers=headers, queue=job.queues_by_task[task])


def enqueue(rows: "type[Model]", ids: Sequence[int], *, by_user: bool = False) -> None:
    """Send messages for rows once the current transaction has committed; at once if there is none.

    Implements :class:`registry.services.services.Enqueue`.
    """
    from django.db import transaction

    transaction.on_commit(partial(send_messages, jobs.get_job_for_model(rows), list(ids), by_user=by_user))


def send_upkeep_messages(celery_app: Celery = app) -> None:
    """Send messages for the hourly jobs, to one worker and to every machine. The next one replaces a lost message."""
    expires = UPKEEP_INTERVAL_SECONDS + 2 * MAX_CLOCK_SKEW.total_seconds()  # The clocks of two machines may differ.
    with contextlib.suppress(OperationalError, RedisError):
        celery_app.send_task("exhibit.retain", expires=expires)
        # Kombu would assume a direct exchange.
        celery_app.send_task("exhibit.sweep", expires=expires, declare=[_SWEEP])


def count_messages(task: str) -> int:
    """Return the number of messages in a task's queue; 0 if the broker does not respond."""
    pool: Any = app.pool  # The stubs of Celery lack its methods.
    with (
        contextlib.suppress(OperationalError, RedisError),
        pool.acquire(block=True) as connection,
        contextlib.suppress(ChannelError),  # A queue is created by its first message.
    ):
        queue = jobs.list_queues_by_task().get(task, jobs.DEFAULT)
        return int(connection.default_channel.queue_declare(queue=queue, passive=True).message_count)
    return 0


def find_responding_workers(seconds: float = 1.0) -> dict[str, str]:
    """Return the workers on all machines that respond within this time, with their queues separated by commas."""
    try:
        queues_by_worker = app.control.inspect(timeout=seconds).active_queues() or {}
    except (OperationalError, RedisError):
        return {}
    known_queues = list_queues()
    return {
        name: ",".join(sorted(known_queues & {queue["name"] for queue in queues}))
        for name, queues in queues_by_worker.items()
    }


def is_worker_responding(seconds: float = 1.0) -> bool:
    """Return True if a worker responds on any machine. Takes the full time if none does."""
    try:
        return bool(app.control.ping(timeout=seconds, limit=1))
    except (OperationalError, RedisError):
        return False
