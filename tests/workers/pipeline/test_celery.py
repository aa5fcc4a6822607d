import json
import os
import subprocess
import sys
from pathlib import Path

import redis

from exhibit.clock import SLACK
from tests import CHECKOUT
from workers.configuration import load_config
from workers.pipeline.celery import make_app, restore_unacknowledged
from workers.servers import addresses
from workers.servers.embedded import EmbeddedServers
from workers.tasks import tasks


def test_what_has_to_happen_by_itself_is_scheduled_and_is_a_task() -> None:
    schedule = make_app(load_config()).conf.beat_schedule
    scheduled = {entry["task"] for entry in schedule.values()}
    assert scheduled == {"exhibit.tick", "exhibit.retain", "exhibit.votes"}
    assert scheduled <= {tasks.tick_once.name, tasks.expire_bytes.name, tasks.keep_up_votes.name}


def test_the_tick_comes_as_often_as_it_is_configured() -> None:
    config = load_config({"EXHIBIT_DATA": "/absent", "EXHIBIT_TICK_SECONDS": "7"})
    tick = make_app(config).conf.beat_schedule["tick"]
    assert tick["schedule"] == 7
    assert tick["options"]["expires"] > SLACK.total_seconds()  # by which the clock of who runs it may be ahead


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
