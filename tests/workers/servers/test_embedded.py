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
from workers.servers.embedded import EmbeddedServers, ServersBusyError, are_servers_responding

pytestmark = pytest.mark.root

__all__ = ["own"]


@pytest.mark.long
def test_data_persists_after_a_clean_stop(open_folder: Path) -> None:
    own = load_config({"EXHIBIT_DATA": str(open_folder / "data")})
    with EmbeddedServers(own):
        write_value(own, "a")
    assert not are_servers_responding(own)
    with EmbeddedServers(own):
        assert read_values(own) == (["a"], ["a"])


@pytest.mark.long
def test_servers_listen_only_on_private_sockets(own: Config) -> None:
    with EmbeddedServers(own) as servers:
        for number in servers.processes.values():
            process = psutil.Process(number)
            assert not process.net_connections("inet")
            if os.geteuid() == 0:
                assert 0 not in process.uids()
        assert addresses.get_socket_folder(own).stat().st_mode & 0o077 == 0


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
def test_other_local_users_cannot_connect(own: Config) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    with EmbeddedServers(own) as servers:
        folder = addresses.get_socket_folder(own)
        users = {psutil.Process(number).uids().real for number in servers.processes.values()}
        assert not users & {0, nobody}
        for user in (nobody, 12_345):
            user_options = {"user": user, "group": user, "extra_groups": []}
            for name in (".s.PGSQL.5432", "redis.sock"):
                command = ["/usr/bin/python3", "-I", "-c", CONNECT_SCRIPT, str(folder / name)]
                result = subprocess.run(command, cwd="/", text=True, capture_output=True, check=True, **user_options)  # type: ignore[call-overload]
                assert result.stdout == "refused\n", (user, name)


@pytest.mark.long
def test_sockets_require_a_password_or_the_same_user(own: Config) -> None:
    with EmbeddedServers(own):
        stranger = redis.Redis(unix_socket_path=str(addresses.get_redis_socket(own)))
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        rules = (own.data_dir / "postgres" / "pg_hba.conf").read_text().splitlines()
        assert {rule.split()[3] for rule in rules if rule and not rule.startswith("#")} == {"peer"}
        if os.geteuid() == 0:  # the folders are opened on purpose: the servers themselves authenticate clients
            for place in (own.data_dir, addresses.get_socket_folder(own)):
                place.chmod(0o755)
            for path in addresses.get_socket_folder(own).iterdir():
                path.chmod(0o777)
            program = f"import psycopg; psycopg.connect({addresses.get_database_url(own)!r}, dbname='postgres')"
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+dac_read_search"]
            command += ["--securebits=+no_setuid_fixup", "--ambient-caps=+dac_read_search"]  # to read this checkout
            result = subprocess.run(
                [*command, sys.executable, "-c", program], text=True, capture_output=True, check=False
            )
            assert "Peer authentication failed" in result.stderr


@pytest.mark.long
def test_killed_servers_are_revived_with_their_data(own: Config) -> None:
    with EmbeddedServers(own) as servers:
        write_value(own, "a")
        for number in servers.processes.values():
            os.kill(number, signal.SIGKILL)
        restarted_servers: set[str] = set()
        while restarted_servers != {"postgres", "redis"}:  # limited by the test's timeout
            restarted_servers |= set(servers.restart_dead_servers())
        wait_until(lambda: are_servers_responding(own))
        assert read_values(own)[0] == ["a"]


@pytest.mark.long
def test_servers_with_removed_sockets_are_restarted(own: Config) -> None:
    with EmbeddedServers(own) as servers:
        write_value(own, "a")
        assert servers.restart_dead_servers() == []
        shutil.rmtree(addresses.get_socket_folder(own))
        restarted_servers: set[str] = set()
        while restarted_servers != {"postgres", "redis"}:  # limited by the test's timeout
            restarted_servers |= set(servers.restart_dead_servers())
        wait_until(lambda: are_servers_responding(own))
        assert read_values(own)[0] == ["a"]


@pytest.mark.long
def test_servers_of_a_moved_data_folder_do_not_write_to_its_replacement(own: Config) -> None:
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
def test_next_start_recovers_after_parent_process_is_killed(own: Config) -> None:
    with run_in_own_process(own):
        write_value(own, "a")
    with EmbeddedServers(own):  # while the orphans may still be ending
        assert read_values(own)[0] == ["a"]


@pytest.mark.long
def test_servers_stop_when_parent_process_is_killed(own: Config) -> None:
    with run_in_own_process(own):
        assert find_processes(own.data_dir)
    wait_until(lambda: not find_processes(own.data_dir), 20)


@pytest.mark.long
def test_second_start_of_the_same_servers_is_rejected(own: Config) -> None:
    with EmbeddedServers(own) as first:
        with pytest.raises(ServersBusyError):
            EmbeddedServers(own).start()
        assert first.restart_dead_servers() == []
        assert are_servers_responding(own)
