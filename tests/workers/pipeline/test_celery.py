import json
import os
import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis
from kombu import Consumer, Queue
from kombu.message import Message

from exhibit.clock import SLACK, now, parse_rfc3339
from exhibit.types import Untyped
from registry import jobs
from registry.configuration import load_config
from registry.services import addresses
from workers.pipeline.celery import UPKEEP_SECONDS, all_queues, app, make_app, queued, send, send_upkeep
from workers.servers.embedded import EmbeddedServers
from workers.servers.liveness import HANG_SECONDS
from workers.tasks import tasks


@pytest.fixture
def queues(servers: EmbeddedServers) -> Iterator["redis.Redis"]:
    """Redis without messages."""
    with redis.Redis.from_url(addresses.redis_url(load_config())) as client:
        client.delete(*all_queues())
        yield client
        client.delete(*all_queues())


def test_the_upkeep_that_is_sent_is_a_task_and_is_heard_by_a_worker_whose_clock_is_ahead(queues: "redis.Redis") -> None:
    send_upkeep()
    [message] = queues.lrange("upkeep", 0, -1)
    header = json.loads(message)["headers"]
    assert header["task"] == tasks.expire_bytes.name
    assert parse_rfc3339(header["expires"]) > now() + timedelta(seconds=UPKEEP_SECONDS) + SLACK


def test_messages_are_counted_in_each_queue_over_one_connection(queues: "redis.Redis") -> None:
    assert queued("match") == 0
    before = queues.info()["total_connections_received"]
    search = jobs.JOBS["search"]
    send(search, range(2 * search.batch))
    # "search" and "refingerprint" share a queue
    assert [queued(step) for step in ("search", "refingerprint", "match", "register")] == [2, 2, 0, 0]
    assert queues.info()["total_connections_received"] - before <= 1  # the one for sending


def test_a_redis_that_stalls_holds_nobody_and_an_acknowledgement_that_is_lost_frees_its_place(
    queues: "redis.Redis", servers: EmbeddedServers
) -> None:
    send(jobs.JOBS["match"], [1])
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


def test_every_process_waits_for_redis_for_a_bounded_time() -> None:
    options = make_app(load_config()).conf.broker_transport_options
    assert 0 < options["socket_timeout"] < HANG_SECONDS / 2
    assert 0 < options["socket_connect_timeout"] < HANG_SECONDS / 2
    assert options["socket_keepalive"]
