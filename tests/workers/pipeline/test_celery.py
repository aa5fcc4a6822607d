import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from exhibit.clock import SLACK, now, parse_rfc3339
from tests import CHECKOUT
from workers import jobs
from workers.configuration import load_config
from workers.pipeline.celery import (
    UPKEEP_SECONDS,
    all_queues,
    make_app,
    queued,
    restore_unacknowledged,
    send,
    send_upkeep,
)
from workers.servers import addresses
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


def test_messages_that_a_dead_worker_had_taken_come_back(open_folder: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(open_folder / "data")})
    taker = (
        "import os\nfrom workers.configuration import load_config\nfrom workers.pipeline.celery import make_app\n"
        "with make_app(load_config()).connection_for_read() as connection:\n"
        "    connection.SimpleQueue('match').get(timeout=10)\n    os._exit(0)\n"
    )
    environ = {**os.environ, "EXHIBIT_DATA": str(config.data_dir), "DATABASE_URL": "", "REDIS_URL": ""}
    with EmbeddedServers(config), redis.Redis.from_url(addresses.redis_url(config)) as client:
        make_app(config).send_task("exhibit.match", [[1, 2]])
        subprocess.run([sys.executable, "-c", taker], env=environ, cwd=CHECKOUT, check=True)
        assert (client.llen("match"), client.hlen("unacked")) == (0, 1)
        assert restore_unacknowledged(config) == 1
        assert (client.llen("match"), client.hlen("unacked")) == (1, 0)
        assert json.loads(client.lindex("match", 0))["headers"]["task"] == "exhibit.match"


def test_without_redis_nothing_is_restored_and_nothing_raised(open_folder: Path) -> None:
    assert restore_unacknowledged(load_config({"EXHIBIT_DATA": str(open_folder / "data")})) == 0
