"""Test the embedded Redis."""

import psutil
import pytest

from exhibit.config.config import Config
from tests.assets.own_servers import own
from workers.servers.embedded import EmbeddedServers

__all__ = ["own"]


@pytest.mark.long
def test_redis_password_is_not_in_command_line_or_environment(own: Config) -> None:
    with EmbeddedServers(own) as servers:
        password = (own.data_dir / "secrets" / "redis_password").read_text()
        for number in servers.processes.values():
            process = psutil.Process(number)
            assert password not in " ".join(process.cmdline())
            assert password not in str(process.environ())
