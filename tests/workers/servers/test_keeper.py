"""Test that the servers run as long as any process of this machine uses them."""

import errno
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exhibit.config.config import Config
from exhibit.errors import ServiceMissingError
from exhibit.machine import ERROR_SENTENCES
from registry.configuration import load_config
from registry.services import addresses
from tests import CHECKOUT
from tests.assets.own_servers import own, read_values, run_in_own_process, write_value
from tests.assets.processes import find_processes, wait_until
from workers.servers.embedded import EmbeddedServers, are_servers_responding
from workers.servers.keeper import ensure_servers

__all__ = ["own"]


@pytest.mark.long
def test_wait_for_unreachable_servers_times_out(own: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.servers.keeper._SECONDS_FOR_ANOTHER", 3.0)
    with run_in_own_process(own):
        shutil.rmtree(addresses.get_socket_folder(own))
        with pytest.raises(ServiceMissingError, match="did not start"), ensure_servers(own):
            pass
    wait_until(lambda: not find_processes(own.data_dir))


@pytest.mark.long
def test_waiting_for_unresponsive_servers_ends_if_the_disk_is_full(
    own: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(own.data_dir)
    start = time.monotonic()
    with run_in_own_process(own):
        shutil.rmtree(addresses.get_socket_folder(own))
        monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1))
        with pytest.raises(ServiceMissingError, match=re.escape(ERROR_SENTENCES[errno.ENOSPC])), ensure_servers(own):
            pass
    assert time.monotonic() - start < 60
    wait_until(lambda: not find_processes(own.data_dir))


@pytest.mark.long
def test_concurrent_commands_share_servers_until_the_last_exits(own: Config) -> None:
    with ensure_servers(own):
        with ensure_servers(own):
            write_value(own, "a")
        assert read_values(own)[0] == ["a"]
    wait_until(lambda: not find_processes(own.data_dir))
    with ensure_servers(own):
        assert read_values(own) == (["a"], ["a"])
    wait_until(lambda: not find_processes(own.data_dir))


@pytest.mark.long
def test_concurrent_commands_share_a_keeper_process(own: Config) -> None:
    program = "from registry.configuration import load_config\nfrom workers.servers.keeper import ensure_servers\n"
    program += "with ensure_servers(load_config()):\n    print('up')\n"
    environ = {**os.environ, "EXHIBIT_DATA": str(own.data_dir), "DATABASE_URL": "", "REDIS_URL": ""}

    def use(_: int) -> str:
        command = [sys.executable, "-c", program]
        return subprocess.run(command, env=environ, cwd=CHECKOUT, text=True, capture_output=True, check=True).stdout

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(8))) == ["up\n"] * 8
    wait_until(lambda: not find_processes(own.data_dir))


@pytest.mark.long
def test_killed_keeper_process_is_replaced_for_the_next_command(own: Config) -> None:
    with ensure_servers(own):
        write_value(own, "a")
        keeper = next(
            process for process in find_processes(own.data_dir) if "workers.servers.keeper" in process.cmdline()
        )
        keeper.kill()
        keeper.wait(10)
        with ensure_servers(own):
            assert read_values(own)[0] == ["a"]
    wait_until(lambda: not find_processes(own.data_dir))


@pytest.mark.long
def test_servers_of_other_process_are_used_and_left_running(own: Config) -> None:
    with EmbeddedServers(own):
        with ensure_servers(own):
            write_value(own, "a")
        assert are_servers_responding(own)


def test_external_urls_start_no_servers(open_folder: Path) -> None:
    urls = {"DATABASE_URL": "postgresql://nowhere/x", "REDIS_URL": "redis://nowhere/0"}
    with ensure_servers(load_config({"EXHIBIT_DATA": str(open_folder / "data"), **urls})):
        assert not (open_folder / "data").exists()
