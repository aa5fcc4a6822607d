import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import psutil
import psycopg
import pytest
import requests

from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.errors import ConfigError, ExitCode
from exhibit.files.locks import find_holder_pid
from registry import jobs
from registry.configuration import load_config
from registry.services import addresses
from tests import CHECKOUT
from tests.assets.installed import install
from tests.assets.processes import find_processes, free_port, wait_until
from workers.servers.embedded import are_servers_responding, lock_folder
from workers.servers.keeper import ensure_servers
from workers.servers.liveness import SECONDS_VARIABLE, list_replacements
from workers.servers.product import list_services
from workers.tasks.supervisor import RunningStatus, _check_port, is_running, read_running_status, stop_supervisor


@dataclass
class Product:
    """The product as a separate process, in its own data folder."""

    config: Config
    environ: dict[str, str]
    process: "subprocess.Popen[str]"

    @property
    def status(self) -> RunningStatus:
        status = read_running_status(self.config)
        assert status is not None
        return status

    def is_answering(self) -> bool:
        try:
            return requests.get(self.status.address, timeout=60).status_code > 0
        except requests.ConnectionError:
            return False


@contextmanager
def run_product(folder: Path, **settings: str) -> Iterator[Product]:
    own = {"EXHIBIT_DATA": str(folder / "data"), "EXHIBIT_WEB_PORT": str(free_port()), "EXHIBIT_WORKERS": "1"}
    environ = {**os.environ, **own, "DATABASE_URL": "", "REDIS_URL": "", **settings}
    command = [sys.executable, "-m", "workers.tasks.supervisor"]
    if not (folder / "data" / "postgres").exists():
        install(folder / "data")
    with (
        (folder / "said").open("w") as log,
        subprocess.Popen(command, env=environ, cwd=CHECKOUT, text=True, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("Ready: http://127.0.0.1:")
            yield Product(load_config(own), environ, process)
        finally:
            process.terminate()
            process.wait(120)
    wait_until(lambda: not find_processes(folder))


@pytest.fixture
def product(open_folder: Path) -> Iterator[Product]:
    """Run a product that the test may stop."""
    with run_product(open_folder) as running_product:
        yield running_product


@pytest.fixture(scope="module")
def shared_product() -> Iterator[Product]:
    """Run a product shared by the tests of this module; the last one stops it."""
    with tempfile.TemporaryDirectory(prefix="exhibit-lasting-") as name:
        Path(name).chmod(0o755)
        with run_product(Path(name)) as running_product:
            yield running_product


def list_replaced(product: Product, since: datetime) -> set[str]:
    """Return the names of workers and scheduler with a heartbeat since a time."""
    with psycopg.connect(addresses.get_database_url(product.config)) as connection:
        rows = connection.execute("SELECT name FROM registry_heartbeat WHERE seen_at > %s", [since]).fetchall()
    return {name.partition("@")[0] for (name,) in rows}


def find_server(product: Product, name: str) -> psutil.Process:
    return next(child for child in psutil.Process(product.process.pid).children() if child.name() == name)


def has_started(product: Product) -> bool:
    """Return True if all processes started last are working."""
    processes = {name: psutil.Process(number) for name, number in product.status.processes.items()}
    beat, _web = processes.pop("beat"), processes.pop("web")  # the site responds from the start
    return all(process.children() for process in processes.values()) and bool(beat.net_connections("unix"))


def test_product_starts_and_reports_running_processes(shared_product: Product) -> None:
    status = shared_product.status
    assert shared_product.is_answering()
    assert status.pid == shared_product.process.pid
    assert {child.name for child in list_services(shared_product.config)} == set(status.processes)
    lines = (shared_product.config.data_dir.parent / "said").read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S", line) for line in lines), lines
    assert lines


def test_second_start_is_rejected_with_a_hint(shared_product: Product) -> None:
    command = [sys.executable, "-m", "workers.tasks.supervisor"]
    second = subprocess.run(
        command, env=shared_product.environ, cwd=CHECKOUT, text=True, capture_output=True, check=False
    )
    assert second.returncode == ExitCode.INVALID_REQUEST
    assert "Traceback" not in second.stderr
    assert "exhibit down" in second.stderr
    assert shared_product.is_answering()


@pytest.mark.long
def test_killed_processes_are_restarted(shared_product: Product) -> None:
    before = shared_product.status.processes
    database = find_server(shared_product, "postgres")
    for number in (*before.values(), database.pid):
        os.kill(number, signal.SIGKILL)
    wait_until(lambda: not set(before.values()) & set(shared_product.status.processes.values()))
    wait_until(lambda: shared_product.is_answering() and are_servers_responding(shared_product.config))
    with psycopg.connect(addresses.get_database_url(shared_product.config)) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM django_migrations").fetchone() == (True,)


@pytest.mark.long
def test_hung_processes_are_replaced_and_reported_in_status(open_folder: Path) -> None:
    with run_product(open_folder, **{SECONDS_VARIABLE: "40"}) as product:
        wait_until(lambda: has_started(product))
        before = product.status.processes
        pooled = psutil.Process(before["worker-background"]).children()[0]
        for hung in ([("worker-background", pooled.pid)], list(before.items())):
            start = time.monotonic()
            for _, number in hung:
                os.kill(number, signal.SIGSTOP)
            wait_until(lambda hung=hung: not any(map(psutil.pid_exists, dict(hung).values())))  # type: ignore[misc]
            assert time.monotonic() - start < 60
            wait_until(product.is_answering)
            assert set(hung) <= {
                (replacement.name, replacement.pid) for replacement in list_replacements(product.config)
            }
        wait_until(lambda: not set(before.values()) & set(product.status.processes.values()))
        wait_until(lambda: has_started(product))
        command = [sys.executable, "-m", "desk", "status", "--json"]
        stdout = subprocess.run(command, env=product.environ, cwd=CHECKOUT, capture_output=True, check=True).stdout
        assert {replacement["pid"] for replacement in json.loads(stdout)["replaced"]} >= {pooled.pid, *before.values()}


@pytest.mark.long
@pytest.mark.parametrize("name", ["redis-server", "postgres"])
def test_unresponsive_server_causes_no_process_replacements_and_work_resumes(name: str, open_folder: Path) -> None:
    with run_product(open_folder, **{SECONDS_VARIABLE: "40"}) as product:
        wait_until(lambda: has_started(product))
        before = product.status.processes
        first = find_server(product, name)
        stopped = [first, *first.children()]
        for process in stopped:
            process.suspend()
        until = time.monotonic() + 50
        try:
            wait_until(lambda: time.monotonic() > until)
        finally:
            for process in stopped:
                process.resume()
        resumed = now()
        wait_until(lambda: list_replaced(product, resumed) >= {"tick", *jobs.QUEUES_BY_WORKER}, 90)
        assert product.is_answering()
        assert product.status.processes == before
        assert list_replacements(product.config) == []


@pytest.mark.long
def test_product_waits_for_a_moved_data_folder_and_does_not_recreate_it(shared_product: Product) -> None:
    data = shared_product.config.data_dir
    wait_until(lambda: has_started(shared_product))  # a starting process creates its folder
    withheld_store = data.rename(data.with_name("aside"))
    wait_until(lambda: f"The data folder {data} is missing" in (data.parent / "said").read_text())
    assert not data.exists()
    withheld_store.rename(data)
    wait_until(lambda: are_servers_responding(shared_product.config) and shared_product.is_answering())


@pytest.mark.long
def test_database_stays_up_while_a_command_uses_it(open_folder: Path) -> None:
    with run_product(open_folder) as product:
        with ensure_servers(product.config):
            assert stop_supervisor(product.config)
            assert read_running_status(product.config) is None
            assert are_servers_responding(product.config)
        assert product.process.wait(30) == 0


@pytest.mark.long
def test_product_uses_servers_of_other_command_and_replaces_them_when_killed(open_folder: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(open_folder / "data")})
    install(config.data_dir)
    with ensure_servers(config):
        keeper = find_holder_pid(lock_folder(config) / "servers.lock")
        assert keeper is not None
        with run_product(open_folder) as product:
            assert find_holder_pid(lock_folder(config) / "servers.lock") == keeper
            os.kill(keeper, signal.SIGKILL)
            wait_until(lambda: find_holder_pid(lock_folder(config) / "servers.lock") == product.process.pid)
            wait_until(lambda: are_servers_responding(config) and product.is_answering())
            product.process.terminate()
            wait_until(lambda: not is_running(config))
            product.process.terminate()  # again, since the servers are still used
            assert product.process.wait(30) == 0


@pytest.mark.long
def test_product_stops_quickly_without_leftover_processes(shared_product: Product) -> None:
    start = time.monotonic()
    assert stop_supervisor(shared_product.config)
    assert time.monotonic() - start < 10
    assert shared_product.process.wait(5) == 0
    assert find_processes(shared_product.config.data_dir) == []
    assert read_running_status(shared_product.config) is None
    assert not stop_supervisor(shared_product.config)


@pytest.mark.long
def test_killed_supervisor_leaves_no_processes(product: Product, open_folder: Path) -> None:
    product.process.kill()
    product.process.wait(10)
    wait_until(lambda: not find_processes(open_folder))
    assert read_running_status(product.config) is None


@pytest.mark.long
def test_product_can_be_stopped_while_it_is_starting(open_folder: Path) -> None:
    own = {"EXHIBIT_DATA": str(open_folder / "data"), "EXHIBIT_WEB_PORT": str(free_port())}
    environ = {**os.environ, **own, "DATABASE_URL": "", "REDIS_URL": ""}
    config = load_config(own)
    killed = RunningStatus(1, "", "http://127.0.0.1:1/", {})
    (lock_folder(config) / "supervisor.json").write_text(json.dumps(asdict(killed)))  # as after kill -9
    with subprocess.Popen([sys.executable, "-m", "workers.tasks.supervisor"], env=environ, cwd=CHECKOUT) as process:
        wait_until((open_folder / "data" / "postgres").exists)  # the first start takes long
        assert read_running_status(config) is None
        assert stop_supervisor(config)
        assert process.wait(120) == 0
    wait_until(lambda: not find_processes(open_folder))


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a..b"])
def test_invalid_listen_host_is_reported_with_its_setting(host: str, tmp_path: Path) -> None:
    config = replace(load_config({"EXHIBIT_DATA": str(tmp_path)}), web_host=host)
    with pytest.raises(ConfigError, match=f"cannot listen on {host} port") as error_info:
        _check_port(config)
    assert "EXHIBIT_WEB_HOST" in error_info.value.hint


def test_port_in_use_is_reported(open_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        own = {"EXHIBIT_DATA": str(open_folder / "data"), "EXHIBIT_WEB_PORT": str(port)}
        environ = {**os.environ, **own, "DATABASE_URL": "", "REDIS_URL": ""}
        command = [sys.executable, "-m", "workers.tasks.supervisor"]
        run = subprocess.run(command, env=environ, cwd=CHECKOUT, text=True, capture_output=True, check=False)
    assert run.returncode == ExitCode.INVALID_REQUEST
    assert f"port {port}" in run.stderr
    wait_until(lambda: not find_processes(open_folder))
