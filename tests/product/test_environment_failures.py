"""Test that the whole product reports failures of its environment, survives them, and recovers automatically.

Where this process may mount, the data folder is on a separate small disk, which a test fills.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import requests
from pytest_django import DjangoDbBlocker

from exhibit.files.locks import find_holder_pid
from registry.configuration import load_config
from registry.models import Crawl, CrawlSlice, StepState
from registry.services import addresses
from registry.services.services import Services
from tests.assets.installed import install
from tests.assets.processes import find_processes, free_port, wait_until
from tests.assets.rows import owner
from tests.assets.shop import LOOPBACK, create_watch
from tests.assets.site import Answer, ReceivedRequest, Site
from tests.assets.stack import FAST_SETTINGS, Stack, connected_to, retry_on_database_error
from workers.servers.embedded import lock_folder
from workers.servers.product import CHECKOUT, list_services
from workers.tasks.supervisor import read_running_status

pytestmark = pytest.mark.root

DISK = "260m"
_ON_A_DISK = (
    'mount -t tmpfs -o mode=755,size=$3 none "$0" && cp -a "$1"/. "$0" && exec "$2" -m workers.tasks.supervisor'
)


def can_mount() -> bool:
    """Return True if this process may mount a small disk."""
    trial = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        return os.geteuid() == 0 and subprocess.run(trial, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def stack(django_db_blocker: DjangoDbBlocker) -> Iterator[Stack]:
    """The product, with closed standard output and error, and claims that would last for an hour."""
    with tempfile.TemporaryDirectory(prefix="exhibit-bad-") as name, django_db_blocker.unblock():
        Path(name).chmod(0o755)
        data, staged = Path(name) / "data", Path(name) / "staged"
        own = {
            **FAST_SETTINGS,
            "EXHIBIT_STEP_TIMEOUT_SECONDS": "3600",
            "EXHIBIT_DATA": str(data),
            "EXHIBIT_WEB_PORT": str(free_port()),
            "EXHIBIT_WORKERS": "1",
            "EXHIBIT_CAPTURE_BROWSER": "none",
            "EXHIBIT_ALLOWED_NETWORKS": LOOPBACK,
            "EXHIBIT_DISK_FLOOR_BYTES": "4000000",
        }
        install(staged)
        data.mkdir()
        data.chmod(0o755)
        if can_mount():
            command = ["unshare", "--mount", "sh", "-c", _ON_A_DISK, str(data), str(staged), sys.executable, DISK]
        else:
            staged.rename(data)
            command = [sys.executable, "-m", "workers.tasks.supervisor"]
        environ = {**os.environ, **own, "DATABASE_URL": "", "REDIS_URL": ""}
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, env=environ, cwd=CHECKOUT, text=True, **pipes) as process:
            try:
                assert process.stdout is not None
                assert process.stderr is not None
                assert process.stdout.readline().startswith("Ready: "), process.stderr.read()
                process.stdout.close()
                process.stderr.close()
                seen_from_here = f"/proc/{process.pid}/root{data}" if can_mount() else str(data)
                config = load_config({**own, "EXHIBIT_DATA": seen_from_here})
                with connected_to(config):
                    yield Stack(config, Services(config), process)
            finally:
                process.terminate()
                process.wait(120)
        wait_until(lambda: not find_processes(Path(name)))


def health(stack: Stack) -> tuple[int, dict[str, bool]]:
    answer = requests.get(f"http://127.0.0.1:{stack.config.web_port}/healthz", timeout=30)
    return answer.status_code, answer.json()


def is_well(stack: Stack) -> bool:
    try:
        return health(stack)[0] == 200
    except (requests.RequestException, ValueError):
        return False


def command_output(stack: Stack, command: str) -> str:
    environ = {**os.environ, "EXHIBIT_DATA": str(stack.config.data_dir), "DATABASE_URL": "", "REDIS_URL": ""}
    line = [sys.executable, "-m", "desk", command]
    return subprocess.run(line, env=environ, cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout


@pytest.mark.long
def test_killed_process_is_restarted_even_if_supervisor_output_is_closed(stack: Stack) -> None:
    before = read_running_status(stack.config)
    assert before is not None
    os.kill(before.processes["beat"], signal.SIGKILL)

    def is_back() -> bool:
        status = read_running_status(stack.config)
        return status is not None and status.processes["beat"] != before.processes["beat"]

    wait_until(is_back)
    assert stack.process.poll() is None


@pytest.mark.long
def test_down_command_finds_supervisor_despite_unreadable_status_file(stack: Stack) -> None:
    path = lock_folder(stack.config) / "supervisor.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:20])
    assert read_running_status(stack.config) is None
    assert find_holder_pid(lock_folder(stack.config) / "supervisor.lock") == stack.process.pid
    path.write_bytes(whole)


@pytest.mark.long
def test_rows_of_killed_pool_process_are_reclaimed_within_15_seconds(stack: Stack) -> None:
    with Site(host="127.0.0.9") as site:
        calls: list[float] = []
        is_killed = threading.Event()

        def slow(_: ReceivedRequest) -> Answer:
            calls.append(time.monotonic())
            if len(calls) == 1:
                assert is_killed.wait(60)
            return Answer(b"<html><body>nothing</body></html>")

        site.routes["/"] = slow
        started = create_watch(owner("killed"), site.url("/"))
        wait_until(lambda: calls)
        claimed = CrawlSlice.objects.get(crawl__watch=started, state=StepState.RUNNING)
        os.kill(int(claimed.claimed_by.split("|")[2]), signal.SIGKILL)
        killed = time.monotonic()
        is_killed.set()
        wait_until(lambda: CrawlSlice.objects.get(pk=claimed.pk).attempts == 2)
        assert time.monotonic() - killed <= 15
        wait_until(lambda: Crawl.objects.get(watch=started).state == StepState.DONE)


@pytest.mark.long
def test_suspended_database_is_reported_within_seconds_and_work_resumes(stack: Stack) -> None:
    assert is_well(stack)
    frozen = [*stack.postmaster()[0].children(), *stack.postmaster()]
    for process in frozen:
        process.suspend()
    try:
        start = time.monotonic()
        status, states = health(stack)
        assert time.monotonic() - start < 3.5  # on a busy machine
        assert (status, states["database"], states["broker"]) == (503, False, True)
        assert "The database is not responding" in command_output(stack, "status")
        assert "does not respond" in command_output(stack, "doctor")
        start = time.monotonic()
        page = requests.get(f"http://127.0.0.1:{stack.config.web_port}/log/checkpoint", timeout=60)
        assert (page.status_code, time.monotonic() - start < 20) == (503, True)
    finally:
        for process in reversed(frozen):
            process.resume()
    wait_until(lambda: is_well(stack))


@pytest.mark.long
def test_suspended_redis_is_reported_within_seconds_and_workers_resume(stack: Stack) -> None:
    wait_until(lambda: is_well(stack))
    place = f"http://127.0.0.1:{stack.config.web_port}/sign-in/"
    (frozen,) = stack.redis()
    frozen.suspend()
    try:
        assert health(stack) == (503, {"database": True, "broker": False, "disk": True})
        with requests.Session() as browser:
            token = {"csrfmiddlewaretoken": browser.get(place, timeout=60).cookies["csrftoken"]}
            page = browser.post(place, {"login": "ann@example.org", "password": "x", **token}, timeout=60)
        assert page.status_code == 503
    finally:
        frozen.resume()
    wait_until(lambda: is_well(stack))
    with Site(host="127.0.0.11") as site:
        site.page("/", "<html><body>nothing</body></html>")
        started = create_watch(owner("frozen"), site.url("/"))
        wait_until(lambda: Crawl.objects.filter(watch=started, state=StepState.DONE).exists(), 120)


@pytest.mark.long
def test_full_disk_is_reported_and_work_resumes_after_cleanup(stack: Stack) -> None:
    if not can_mount():
        pytest.skip("this process may not mount a disk of its own")
    ballast = stack.config.data_dir / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    _fill_the_write_ahead_log(stack)
    for process in [*stack.workers(), *stack.redis(), *stack.postmaster()]:
        process.kill()
    wait_until(lambda: healthy_parts(stack).get("disk") is False)
    assert stack.process.poll() is None
    ballast.unlink()
    wait_until(lambda: is_well(stack), 120)
    assert health(stack) == (200, {"database": True, "broker": True, "disk": True})
    with Site(host="127.0.0.10") as site:
        site.page("/", "<html><body>nothing</body></html>")
        started = retry_on_database_error(lambda: create_watch(owner("full"), site.url("/")))
        wait_until(
            lambda: retry_on_database_error(lambda: Crawl.objects.filter(watch=started, state=StepState.DONE).exists()),
            120,
        )


def healthy_parts(stack: Stack) -> dict[str, bool]:
    try:
        return health(stack)[1]
    except (requests.RequestException, ValueError):
        return {}


def _fill_the_write_ahead_log(stack: Stack) -> None:
    """Make the database write more than fits, until it refuses or ends."""
    try:
        with psycopg.connect(addresses.get_database_url(stack.config), autocommit=True) as connection:
            connection.execute("CREATE TABLE filler AS SELECT repeat('x', 2000) FROM generate_series(1, 400000)")
    except psycopg.OperationalError:
        return
    raise AssertionError("the disk wasn't full")


@pytest.mark.long
def test_all_services_are_still_running_after_the_failures(stack: Stack) -> None:
    assert psutil.Process(stack.process.pid).is_running()
    worker_count = sum(service.name.startswith("worker") for service in list_services(stack.config))
    wait_until(lambda: len(stack.workers()) == worker_count)
