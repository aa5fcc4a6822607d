"""Test the running site while clients without an account send and read arbitrarily slowly."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pytest_django import DjangoDbBlocker

from exhibit.errors import ExitCode
from tests.assets.processes import wait_until
from tests.assets.slow_clients import SLOW_BODY, SLOW_READ, load
from tests.assets.stack import Stack, running_stack

MIB = 2**20


@pytest.fixture(scope="module")
def stack(django_db_blocker: DjangoDbBlocker) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="exhibit-slow-") as name, django_db_blocker.unblock():
        Path(name).chmod(0o755)
        with running_stack(Path(name)) as running_product:
            yield running_product


def warm_up(stack: Stack) -> int:
    """Return the port of a site that has served some pages."""
    for _ in range(20):
        assert requests.get(f"http://127.0.0.1:{stack.config.web_port}/sign-in/", timeout=60).status_code == 200
    return stack.config.web_port


def resident_memory(stack: Stack) -> float:
    return sum(process.memory_info().rss for process in stack.web())


@pytest.mark.long
@pytest.mark.parametrize("kind", [SLOW_BODY, SLOW_READ])
def test_ten_slow_clients_do_not_delay_others(stack: Stack, kind: str) -> None:
    outcome = load(warm_up(stack), slow=10, rate=2, seconds=5, kinds=(kind,))
    assert set(outcome.pages.statuses) == set(outcome.health.statuses) == {200}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_readers_are_served_during_three_hundred_slow_connections(stack: Stack) -> None:
    port = warm_up(stack)
    before = resident_memory(stack)
    outcome = load(port, slow=300, rate=50, seconds=30)
    assert set(outcome.pages.statuses) == set(outcome.health.statuses) == {200}
    assert outcome.recovered < 20
    assert resident_memory(stack) - before < 150 * MIB


@pytest.mark.long
def test_killed_web_server_restarts(stack: Stack) -> None:
    port = warm_up(stack)
    (before, *_) = stack.web()
    before.kill()
    wait_until(lambda: stack.web() and before not in stack.web() and is_healthy(port), 120)


def is_healthy(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=10).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.mark.long
def test_unloadable_web_application_exits_with_reason(tmp_path: Path) -> None:
    environ = os.environ | {"EXHIBIT_DATA": str(tmp_path), "EXHIBIT_LANGUAGES": "tlh"}
    command = [sys.executable, "-m", "desk.server", "127.0.0.1", "0"]
    run = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (run.returncode, "tlh" in run.stderr, "Traceback" in run.stderr) == (ExitCode.INVALID_REQUEST, True, False)
