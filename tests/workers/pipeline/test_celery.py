import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis

from exhibit.clock import SLACK, now, parse_rfc3339
from registry import jobs
from registry.configuration import load_config
from registry.services import addresses
from workers.pipeline.celery import UPKEEP_SECONDS, all_queues, queued, send, send_upkeep
from workers.servers.embedded import EmbeddedServers
from workers.tasks import tasks


@pytest.fixture
def queues(servers: EmbeddedServers) -> Iterator["redis.Redis"]:
    """Redis without any message."""
    with redis.Redis.from_url(addresses.redis_url(load_config())) as client:
        client.delete(*all_queues())
        yield client
        client.delete(*all_queues())


def test_the_upkeep_that_is_sent_is_a_task_and_is_heard_by_a_worker_whose_clock_is_ahead(queues: "redis.Redis") -> None:
    send_upkeep()
    [message] = queues.lrange("upkeep", 0, -1)
    head = json.loads(message)["headers"]
    assert head["task"] == tasks.expire_bytes.name
    assert parse_rfc3339(head["expires"]) > now() + timedelta(seconds=UPKEEP_SECONDS) + SLACK


def test_messages_are_counted_in_each_queue_over_one_connection(queues: "redis.Redis") -> None:
    assert queued("match") == 0
    before = queues.info()["total_connections_received"]
    send(jobs.match, range(2 * jobs.match.batch))
    assert [queued(step) for step in ("match", "register", "capture", "seal")] == [2, 2, 0, 0]
    assert queues.info()["total_connections_received"] - before <= 1  # that for sending
