import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redis

from exhibit.config.config import Config
from registry.configuration import load_config
from registry.services import addresses
from tests.assets.own_servers import own, read_values, run_in_own_process, write_value
from tests.assets.processes import find_processes, wait_until
from workers.servers.embedded import EmbeddedServers, ServersBusyError, servers_answer

pytestmark = pytest.mark.root

__all__ = ["own"]


@pytest.mark.long
def test_data_of_the_first_start_outlives_a_clean_stop(open_folder: Path) -> None:
    own = load_config({"EXHIBIT_DATA": str(open_folder / "data")})
    with EmbeddedServers(own):
        write_value(own, "a")
    assert not servers_answer(own)
    with EmbeddedServers(own):
        assert read_values(own) == (["a"], ["a"])


@pytest.mark.long
def test_nothing_listens_beyond_this_user(own: Config) -> None:
    with EmbeddedServers(own) as servers:
        for number in servers.processes.values():
            process = psutil.Process(number)
            assert not process.net_connections("inet")
            if os.geteuid() == 0:
                assert 0 not in process.uids()
        assert addresses.socket_folder(own).stat().st_mode & 0o077 == 0


CONNECT_SCRIPT = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
try:
    connection.connect(sys.argv[1])
    connection.sendall(b"PING\\r\\n")
    print("answered", connection.recv(100).decode())
except PermissionError:
    print("refused")
"""


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_no_other_local_user_gets_anything_from_the_servers(own: Config) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    with EmbeddedServers(own) as servers:
        folder = addresses.socket_folder(own)
        users = {psutil.Process(number).uids().real for number in servers.processes.values()}
        assert not users & {0, nobody}
        for user in (nobody, 12_345):
            user_options = {"user": user, "group": user, "extra_groups": []}
            for name in (".s.PGSQL.5432", "redis.sock"):
                command = ["/usr/bin/python3", "-I", "-c", CONNECT_SCRIPT, str(folder / name)]
                result = subprocess.run(command, cwd="/", text=True, capture_output=True, check=True, **user_options)  # type: ignore[call-overload]
                assert result.stdout == "refused\n", (user, name)


@pytest.mark.long
def test_who_reaches_the_sockets_is_still_nobody_without_a_password_or_being_this_user(own: Config) -> None:
    with EmbeddedServers(own):
        stranger = redis.Redis(unix_socket_path=str(addresses.redis_socket(own)))
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        rules = (own.data_dir / "postgres" / "pg_hba.conf").read_text().splitlines()
        assert {rule.split()[3] for rule in rules if rule and not rule.startswith("#")} == {"peer"}
        if os.geteuid() == 0:  # the folders are opened on purpose: the servers themselves authenticate clients
            for place in (own.data_dir, addresses.socket_folder(own)):
                place.chmod(0o755)
            for path in addresses.socket_folder(own).iterdir():
                path.chmod(0o777)
            program = f"import psycopg; psycopg.connect({addresses.database_url(own)!r}, dbname='postgres')"
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+dac_read_search"]
            command += ["--securebits=+no_setuid_fixup", "--ambient-caps=+dac_read_search"]  # it may read this checkout
            result = subprocess.run(
                [*command, sys.executable, "-c", program], text=True, capture_output=True, check=False
            )
            assert "Peer authentication failed" in result.stderr


@pytest.mark.long
def test_after_kill_9_of_both_the_next_start_recovers(own: Config) -> None:
    with EmbeddedServers(own) as servers:
        write_value(own, "a")
        for number in servers.processes.values():
            os.kill(number, signal.SIGKILL)
        restarted_servers: set[str] = set()
        while restarted_servers != {"postgres", "redis"}:  # limited by the test's timeout
            restarted_servers |= set(servers.revive())
        wait_until(lambda: servers_answer(own))
        assert read_values(own)[0] == ["a"]


@pytest.mark.long
def test_servers_whose_sockets_somebody_removes_are_reached_again(own: Config) -> None:
    with EmbeddedServers(own) as servers:
        write_value(own, "a")
        assert servers.revive() == []
        shutil.rmtree(addresses.socket_folder(own))
        restarted_servers: set[str] = set()
        while restarted_servers != {"postgres", "redis"}:  # limited by the test's timeout
            restarted_servers |= set(servers.revive())
        wait_until(lambda: servers_answer(own))
        assert read_values(own)[0] == ["a"]


@pytest.mark.long
def test_servers_of_a_moved_folder_write_nothing_to_the_one_that_takes_its_place(own: Config) -> None:
    control = own.data_dir / "postgres" / "global" / "pg_control"
    with EmbeddedServers(own):
        write_value(own, "a")
    first = own.data_dir.rename(own.data_dir.with_name("first"))
    with EmbeddedServers(own) as second:
        assert second.has_folder()
        own.data_dir.rename(own.data_dir.with_name("second"))
        first.rename(own.data_dir)
        before = control.read_bytes()
        assert not second.has_folder()
    assert control.read_bytes() == before
    wait_until(lambda: not find_processes(own.data_dir.parent))
    with EmbeddedServers(own):
        assert read_values(own)[0] == ["a"]


@pytest.mark.long
def test_after_kill_9_of_the_one_who_runs_them_the_next_start_recovers_at_once(own: Config) -> None:
    with run_in_own_process(own):
        write_value(own, "a")
    with EmbeddedServers(own):  # while the orphans may still be ending
        assert read_values(own)[0] == ["a"]


@pytest.mark.long
def test_kill_9_of_the_one_who_runs_them_ends_them(own: Config) -> None:
    with run_in_own_process(own):
        assert find_processes(own.data_dir)
    wait_until(lambda: not find_processes(own.data_dir), 20)


@pytest.mark.long
def test_two_do_not_run_the_same_servers(own: Config) -> None:
    with EmbeddedServers(own) as first:
        with pytest.raises(ServersBusyError):
            EmbeddedServers(own).start()
        assert first.revive() == []
        assert servers_answer(own)
