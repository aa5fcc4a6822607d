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
from exhibit.machine import SENTENCES
from registry.configuration import load_config
from registry.services import addresses
from tests import CHECKOUT
from tests.assets.own_servers import own, read_values, run_in_own_process, write_value
from tests.assets.processes import find_processes, wait_until
from workers.servers.embedded import EmbeddedServers, servers_answer
from workers.servers.keeper import ensure_servers

__all__ = ["own"]


@pytest.mark.long
def test_servers_that_another_keeps_and_nobody_reaches_are_not_waited_for_for_ever(
    own: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.servers.keeper._SECONDS_FOR_ANOTHER", 3.0)
    with run_in_own_process(own):
        shutil.rmtree(addresses.socket_folder(own))
        with pytest.raises(ServiceMissingError, match="don't start"), ensure_servers(own):
            pass
    wait_until(lambda: not find_processes(own.data_dir))


@pytest.mark.long
def test_on_a_full_disk_silent_servers_are_not_waited_for(own: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(own.data_dir)
    start = time.monotonic()
    with run_in_own_process(own):
        shutil.rmtree(addresses.socket_folder(own))
        monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1))
        with pytest.raises(ServiceMissingError, match=re.escape(SENTENCES[errno.ENOSPC])), ensure_servers(own):
            pass
    assert time.monotonic() - start < 60
    wait_until(lambda: not find_processes(own.data_dir))


@pytest.mark.long
def test_overlapping_users_share_servers_that_end_with_the_last_of_them(own: Config) -> None:
    with ensure_servers(own):
        with ensure_servers(own):
            write_value(own, "a")
        assert read_values(own)[0] == ["a"]
    wait_until(lambda: not find_processes(own.data_dir))
    with ensure_servers(own):
        assert read_values(own) == (["a"], ["a"])
    wait_until(lambda: not find_processes(own.data_dir))


@pytest.mark.long
def test_many_users_at_the_same_moment_get_one_keeper(own: Config) -> None:
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
def test_a_killed_keeper_is_replaced_for_the_next_user(own: Config) -> None:
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
def test_servers_that_somebody_else_runs_are_used_and_left_alone(own: Config) -> None:
    with EmbeddedServers(own):
        with ensure_servers(own):
            write_value(own, "a")
        assert servers_answer(own)


def test_with_both_urls_nothing_is_started(open_folder: Path) -> None:
    urls = {"DATABASE_URL": "postgresql://nowhere/x", "REDIS_URL": "redis://nowhere/0"}
    with ensure_servers(load_config({"EXHIBIT_DATA": str(open_folder / "data"), **urls})):
        assert not (open_folder / "data").exists()
