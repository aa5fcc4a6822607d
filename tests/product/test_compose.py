"""Test each of Exhibit's compose services as a process with real servers, without a container engine."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError
from ruamel.yaml import YAML

from exhibit.config.config import get_environment_name
from registry.configuration import load_config
from registry.services import addresses
from tests import ASSETS, CHECKOUT
from tests.assets.processes import find_processes, wait_until
from tests.assets.stored_schema import restore_schema
from workers.servers.embedded import EmbeddedServers
from workers.servers.redis import find_redis_program

COMPOSE: dict[str, Any] = YAML(typ="safe").load(CHECKOUT / "docker-compose.yml")
OWN_SERVICES = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "exhibit-a"}

BY_THE_SECOND = "SELECT 1 FROM registry_heartbeat WHERE name = 'tick' AND seen_at > now()"
"""Query that returns a row if the process whose clock is ahead has ticked."""


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment of the services: as in compose, with the addresses of local servers."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="exhibit-compose-") as name, socket.socket() as probe:
        folder = Path(name)
        folder.chmod(0o755)
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
        probe.close()
        config = load_config({"EXHIBIT_DATA": str(folder / "servers")})
        service_environment = {name: substitute(value) for name, value in OWN_SERVICES["web"]["environment"].items()}
        with EmbeddedServers(config):
            environment = {
                **{name: value for name, value in os.environ.items() if not name.startswith("EXHIBIT_")},
                **service_environment,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "EXHIBIT_DATA": str(folder / "data"),
                "EXHIBIT_WEB_HOST": "127.0.0.1",
                "EXHIBIT_WEB_PORT": port,
                "DATABASE_URL": addresses.get_database_url(config),
                "REDIS_URL": addresses.get_broker_url(config),
            }
            restore_schema(config)
            subprocess.run(OWN_SERVICES["migrate"]["command"], env=environment, cwd=CHECKOUT, check=True)
            yield environment
        assert not find_processes(folder)


def substitute(value: str) -> str:
    """Substitute variables in a value as compose does if only the password is set."""
    return re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda match: "x" if "?" in match[0] else match[2] or "", value)


def is_healthy(service: dict[str, Any], environ: dict[str, str]) -> bool:
    how, *words = [word.replace("8080", environ["EXHIBIT_WEB_PORT"]) for word in service["healthcheck"]["test"]]
    command = ["sh", "-c", words[0].replace("$$", "$")] if how == "CMD-SHELL" else words
    own = {**environ, "HOSTNAME": socket.gethostname()}
    return not subprocess.run(command, env=own, cwd=CHECKOUT, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    "name",
    [
        "web",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in sorted(set(OWN_SERVICES) - {"migrate", "beat", "web"})[:2]
        ),
    ],
)
def test_service_passes_its_health_check_and_stops_on_request(name: str, environ: dict[str, str]) -> None:
    service = OWN_SERVICES[name]
    assert not is_healthy(service, environ)
    with subprocess.Popen(service["command"], env=environ, cwd=CHECKOUT, start_new_session=True) as process:
        try:
            wait_until(lambda: process.poll() is not None or is_healthy(service, environ), 90)
            assert process.poll() is None
        finally:
            process.terminate()
            try:
                process.wait(60)
            finally:
                kill_rest(process.pid)


@pytest.mark.long
def test_second_scheduler_takes_over_when_the_first_is_killed(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("600")  # ten minutes ahead
    ahead = {
        **environ,
        "CLOCK_OFF": str(tmp_path / "clock"),
        "PYTHONPATH": f"{ASSETS / 'moved_clock'}{os.pathsep}{CHECKOUT}",
    }
    with start_beat(environ) as first:
        wait_until(lambda: ticker_turn(environ) == (first.pid, 1))
        ticking = last_queries(environ).keys()
        with start_beat(ahead) as second:
            wait_until(lambda: is_standby_waiting(environ, ticking))
            assert ticker_turn(environ) == (first.pid, 1)
            assert not query_rows(environ, BY_THE_SECOND)
            first.kill()
            wait_until(lambda: ticker_turn(environ) == (second.pid, 2), 60)
            wait_until(lambda: query_rows(environ, BY_THE_SECOND))
            second.terminate()
            assert second.wait(30) == -signal.SIGTERM


@contextmanager
def start_beat(environ: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        OWN_SERVICES["beat"]["command"], env=environ, cwd=CHECKOUT, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def query_rows(environ: dict[str, str], question: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(environ["DATABASE_URL"]) as connection:
        return connection.execute(question, values).fetchall()


def ticker_turn(environ: dict[str, str]) -> tuple[int | None, int] | None:
    """Return the process ID of the current ticker and the number of turns so far; ``None`` before the first."""
    for holder, epoch in query_rows(environ, "SELECT holder, epoch FROM registry_lease"):
        return int(holder.split("|")[2]) if holder else None, epoch
    return None


def is_standby_waiting(environ: dict[str, str], ticking: Collection[int]) -> bool:
    """Return True if a session other than the ticker's has looked for dead claimers, as a waiting process does."""
    return any("claimed_by" in query for session, query in last_queries(environ).items() if session not in ticking)


def last_queries(environ: dict[str, str]) -> dict[int, str]:
    """Return the last query of each database session, by the session's process ID."""
    return dict(
        query_rows(environ, "SELECT pid, query FROM pg_stat_activity WHERE usename IS NOT NULL AND query <> ''")
    )


def kill_rest(number: int) -> None:
    try:
        os.killpg(number, signal.SIGKILL)
    except ProcessLookupError:
        return
    raise AssertionError("something of it was left running")


def test_service_environment_contains_only_existing_settings() -> None:
    setting_names = {get_environment_name(name) for name in load_config({"EXHIBIT_DATA": "/absent"}).__slots__}
    for service in OWN_SERVICES.values():
        assert {name for name in service["environment"] if not name.startswith(("AWS_", "MILVUS_"))} <= setting_names


def test_every_container_is_confined_and_limited() -> None:
    added = {name: service.get("cap_add") for name, service in COMPOSE["services"].items() if "cap_add" in service}
    assert added.keys() == {"s3", "proxy"}
    assert {name for name, service in COMPOSE["services"].items() if not service["read_only"]} == {"milvus"}
    for name, service in COMPOSE["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"][0] == "no-new-privileges:true", name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert "privileged" not in service, name
        assert all(":" in volume for volume in service.get("volumes", ())), f"{name}: a volume without a name stays"
    assert all("size=" in place for service in OWN_SERVICES.values() for place in service["tmpfs"])


def test_compose_and_tests_use_the_same_milvus() -> None:
    tested = (CHECKOUT / "requirements" / "milvus.txt").read_text("utf-8").split()[0].removeprefix("milvus==")
    assert COMPOSE["services"]["milvus"]["image"] == f"milvusdb/milvus:v{tested}"
    assert re.findall(
        r"Milvus (\d+\.\d+\.\d+)", (CHECKOUT / "docs" / "how-to" / "operate" / "use-milvus.md").read_text("utf-8")
    ) == [tested]


def test_redis_requires_the_password_of_the_services(tmp_path: Path) -> None:
    redis, socket_path = COMPOSE["services"]["redis"], tmp_path / "redis.sock"
    password = substitute(redis["environment"]["REDISCLI_AUTH"])
    assert {
        urlsplit(substitute(service["environment"]["REDIS_URL"])).password for service in OWN_SERVICES.values()
    } == {password}
    assert not any("EXHIBIT_REDIS_PASSWORD" in word for word in redis["command"])
    program = find_redis_program()
    tmp_path.joinpath("redis-server").symlink_to(program)
    environ = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "REDISCLI_AUTH": password}
    command = [word.replace("$$", "$") for word in redis["command"]]
    command += ["--port", "0", "--unixsocket", str(socket_path)]
    with subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(socket_path.exists)
            assert Redis(unix_socket_path=str(socket_path), password=password).ping()
            with pytest.raises(AuthenticationError):
                Redis(unix_socket_path=str(socket_path)).ping()
        finally:
            process.terminate()
            assert process.wait(30) == 0  # the signal reaches the server, not a shell around it


def test_every_other_service_waits_for_database_migration() -> None:
    for name, service in OWN_SERVICES.items():
        waits_for = "postgres" if name == "migrate" else "migrate"
        assert waits_for in service["depends_on"]


def test_every_product_process_has_a_service() -> None:
    from workers.servers.product import list_services

    started = {child.name for child in list_services(load_config({"EXHIBIT_DATA": "/absent"}))}
    assert {service["command"][-1] for name, service in OWN_SERVICES.items() if name != "migrate"} == started


def test_image_starts_an_existing_command() -> None:
    start = json.loads(
        re.findall(r"^CMD (.*)$", (CHECKOUT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)[-1]
    )
    command = [sys.executable, *start[1:], "--help"]
    assert subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=False).returncode == 0


def test_unknown_process_is_refused_with_known_names() -> None:
    command = [sys.executable, "-m", "workers.run", "everything"]
    run = subprocess.run(command, cwd=CHECKOUT, text=True, capture_output=True, check=False)
    assert run.returncode == 2
    assert "worker-background" in run.stderr
