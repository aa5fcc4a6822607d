"""The embedded Redis."""

import threading
import time

import psutil
import pytest
from redis import Redis

from exhibit.config.config import Config
from registry.services.addresses import redis_url
from tests.assets.own_servers import own
from workers.servers.embedded import EmbeddedServers
from workers.servers.redis import end_waits

__all__ = ["own"]


@pytest.mark.long
def test_the_password_of_redis_stands_in_no_command_line_and_no_environment(own: Config) -> None:
    with EmbeddedServers(own) as servers:
        password = (own.data_dir / "secrets" / "redis_password").read_text()
        for number in servers.processes.values():
            process = psutil.Process(number)
            assert password not in " ".join(process.cmdline())
            assert password not in str(process.environ())


@pytest.mark.long
def test_whoever_waits_for_a_message_hears_at_once_that_there_is_none(own: Config) -> None:
    with EmbeddedServers(own), Redis.from_url(redis_url(own)) as client:
        heard: list[object] = []
        waiting = threading.Thread(target=lambda: heard.append(client.brpop(["queue"], 60)))
        waiting.start()
        begun = time.monotonic()
        while waiting.is_alive() and time.monotonic() - begun < 30:
            end_waits(own)
            waiting.join(0.1)
        assert heard == [None]
