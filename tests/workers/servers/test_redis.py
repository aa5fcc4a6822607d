"""Test the embedded Redis."""

import psutil
import pytest

from exhibit.config.config import Config
from tests.assets.own_servers import own
from workers.servers.embedded import EmbeddedServers

__all__ = ["own"]


@pytest.mark.long
def test_the_password_of_redis_stands_in_no_command_line_and_no_environment(own: Config) -> None:
    with EmbeddedServers(own) as servers:
        password = (own.data_dir / "secrets" / "redis_password").read_text()
        for number in servers.processes.values():
            process = psutil.Process(number)
            assert password not in " ".join(process.cmdline())
            assert password not in str(process.environ())
