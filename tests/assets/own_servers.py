"""Servers in a test's own folder, with some data in them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import pytest
import redis

from exhibit.config.config import Config
from registry.configuration import load_config
from registry.services import addresses
from tests import CHECKOUT
from tests.assets.processes import find_processes
from workers.servers.embedded import EmbeddedServers


@pytest.fixture
def own(open_folder: Path) -> Iterator[Config]:
    """A configuration with its own data folder. The fixture verifies that no process runs in it after the test.

    Its servers were started and stopped once before, since only the first start creates their files.
    """
    subprocess.run(["cp", "--archive", _started_once(), open_folder / "data"], check=True)
    yield load_config({"EXHIBIT_DATA": str(open_folder / "data")})
    assert not find_processes(open_folder)


@cache
def _started_once() -> Path:
    """Create the folder to be copied. It is in this test process's folder, which is deleted when the process ends."""
    data = Path(os.environ["EXHIBIT_DATA"]) / "started-once"
    with EmbeddedServers(load_config({"EXHIBIT_DATA": str(data)})):
        pass
    return data


def write_value(config: Config, value: str) -> None:
    with psycopg.connect(addresses.get_database_url(config)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])
    with redis.Redis.from_url(addresses.get_redis_url(config)) as client:
        client.rpush("kept", value)


def read_values(config: Config) -> tuple[list[str], list[str]]:
    with psycopg.connect(addresses.get_database_url(config)) as connection:
        rows = [str(value) for (value,) in connection.execute("SELECT value FROM kept ORDER BY value")]
    with redis.Redis.from_url(addresses.get_redis_url(config)) as client:
        return rows, [item.decode() for item in client.lrange("kept", 0, -1)]


@contextmanager
def run_in_own_process(config: Config) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the servers in a process of their own."""
    program = (
        "import signal\nfrom registry.configuration import load_config\n"
        "from workers.servers.embedded import EmbeddedServers\n"
        "with EmbeddedServers(load_config()):\n    print('up', flush=True)\n    signal.pause()\n"
    )
    environ = {**os.environ, "EXHIBIT_DATA": str(config.data_dir), "DATABASE_URL": "", "REDIS_URL": ""}
    with subprocess.Popen([sys.executable, "-c", program], env=environ, cwd=CHECKOUT, stdout=subprocess.PIPE) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"up\n"
        yield runner
        runner.kill()
