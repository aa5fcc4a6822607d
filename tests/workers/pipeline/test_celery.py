import json
import os
import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis
from kombu import Consumer, Queue
from kombu.message import Message

from exhibit.clock import MAX_CLOCK_SKEW, now, parse_rfc3339
from exhibit.types import Untyped
from registry import jobs
from registry.configuration import load_config
from registry.services import addresses
from workers.pipeline.celery import (
    UPKEEP_INTERVAL_SECONDS,
    app,
    count_messages,
    list_queues,
    make_app,
    send_messages,
    send_upkeep_messages,
)
from workers.servers.embedded import EmbeddedServers
from workers.servers.liveness import HANG_SECONDS
from workers.tasks import tasks


@pytest.fixture
def empty_redis(servers: EmbeddedServers) -> Iterator["redis.Redis"]:
    """Return a Redis client whose queues are empty."""
    with redis.Redis.from_url(addresses.get_redis_url(load_config())) as client:
        client.delete(*list_queues())
        yield client
        client.delete(*list_queues())


def test_upkeep_task_does_not_expire_early_on_workers_whose_clock_is_ahead(empty_redis: "redis.Redis") -> None:
    send_upkeep_messages()
    [message] = empty_redis.lrange("upkeep", 0, -1)
    header = json.loads(message)["headers"]
    assert header["task"] == tasks.run_hourly_jobs.name
    assert parse_rfc3339(header["expires"]) > now() + timedelta(seconds=UPKEEP_INTERVAL_SECONDS) + MAX_CLOCK_SKEW


def test_queue_lengths_are_counted_over_a_single_connection(empty_redis: "redis.Redis") -> None:
    assert count_messages("match") == 0
    before = empty_redis.info()["total_connections_received"]
    search = jobs.JOBS["search"]
    send_messages(search, range(2 * search.batch))
    # "search" and "refingerprint" share a queue
    assert [count_messages(step) for step in ("search", "refingerprint", "match", "register")] == [2, 2, 0, 0]
    assert empty_redis.info()["total_connections_received"] - before <= 1  # for sending


def test_stalled_redis_does_not_block_and_lost_acknowledgement_frees_the_slot(
    empty_redis: "redis.Redis", servers: EmbeddedServers
) -> None:
    send_messages(jobs.JOBS["match"], [1])
    seconds = app.conf.broker_transport_options | {"socket_timeout": 0.5}
    arrived: list[Message] = []
    with app.connection_for_read(transport_options=seconds) as connection:
        channel: Untyped = connection.channel()
        channel.basic_qos(prefetch_count=1)
        with Consumer(channel, [Queue("match")], callbacks=[lambda _, message: arrived.append(message)]):
            while not arrived:
                connection.drain_events(timeout=20)
        assert not channel.qos.can_consume()
        os.kill(servers.processes["redis"], signal.SIGSTOP)
        try:
            with pytest.raises(channel.connection_errors):
                arrived[0].ack()
        finally:
            os.kill(servers.processes["redis"], signal.SIGCONT)
        assert channel.qos.can_consume()


def test_redis_timeouts_are_bounded() -> None:
    options = make_app(load_config()).conf.broker_transport_options
    assert 0 < options["socket_timeout"] < HANG_SECONDS / 2
    assert 0 < options["socket_connect_timeout"] < HANG_SECONDS / 2
    assert options["socket_keepalive"]
