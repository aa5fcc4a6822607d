"""The running site, while strangers without an account send, read and ask as much and as slowly as they like."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests
from pytest_django import DjangoDbBlocker

from desk.server.run import CANNOT_START
from tests.assets.processes import wait_until
from tests.assets.stack import Stack, running_stack
from tests.assets.strangers import BODY, READ, hold

MIB = 2**20


@pytest.fixture(scope="module")
def stack(django_db_blocker: DjangoDbBlocker) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="exhibit-strangers-") as name, django_db_blocker.unblock():
        Path(name).chmod(0o755)
        with running_stack(Path(name)) as made:
            yield made


def warmed(stack: Stack) -> int:
    """The port of a site that has made a page in each of its processes."""
    for _ in range(20):
        assert requests.get(f"http://127.0.0.1:{stack.config.web_port}/sign-in/", timeout=60).status_code == 200
    return stack.config.web_port


def memory(stack: Stack) -> float:
    return sum(one.memory_info().rss for one in stack.web())


@pytest.mark.long
@pytest.mark.parametrize("kind", [BODY, READ])
def test_eight_slow_clients_are_not_noticed(stack: Stack, kind: str) -> None:
    told = hold(warmed(stack), slow=8, rate=2, seconds=5, kinds=(kind,))
    assert told.slowest_health < 5  # of a machine that does other things, too; it was as long as they went on
    assert {status for _, status in told.health} == {200}
    assert set(told.pages) == {200}


@pytest.mark.long
def test_forty_slow_clients_and_more_requests_than_it_answers_leave_health_and_memory_as_they_are(stack: Stack) -> None:
    port = warmed(stack)
    before = memory(stack)
    told = hold(port, slow=40, rate=50, seconds=5)
    assert {status for _, status in told.health} == {200}
    assert told.slowest_health < 5
    assert set(told.pages) <= {200, 503}
    assert told.recovered < 5
    assert memory(stack) - before < 150 * MIB


@pytest.mark.long
@pytest.mark.timeout(600)
def test_three_hundred_slow_clients_leave_health_and_memory_as_they_are(stack: Stack) -> None:
    port = warmed(stack)
    before = memory(stack)
    told = hold(port, slow=300, rate=50, seconds=55)
    assert {status for _, status in told.health} == {200}
    assert sorted(seconds for seconds, _ in told.health)[-len(told.health) // 100] <= 1
    assert set(told.pages) <= {200, 503}
    assert told.recovered < 5
    assert told.cut.total() > 300
    assert memory(stack) - before < 150 * MIB


@pytest.mark.long
def test_a_process_of_the_site_that_dies_comes_back_and_none_outlives_the_first(stack: Stack) -> None:
    port = warmed(stack)
    first, *others = stack.web()
    before = serving(stack)
    assert len(before) == 2
    before[0].kill()
    wait_until(lambda: len(serving(stack)) == 2 and before[0] not in serving(stack), 120)
    assert warmed(stack) == port
    left = [*serving(stack), *others]
    os.kill(first.pid, signal.SIGKILL)
    psutil.wait_procs(left, 30)
    assert not [one for one in left if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    wait_until(lambda: accepts(port), 120)


def serving(stack: Stack) -> list[psutil.Process]:
    """The processes that answer."""
    first, *below = stack.web()
    found = []
    for one in below:
        with suppress(psutil.Error):
            if one.ppid() == first.pid and "desk.server" in one.cmdline():
                found.append(one)
    return found


def accepts(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=10).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.mark.long
def test_a_site_that_cannot_be_loaded_ends_and_says_why(tmp_path: Path) -> None:
    environ = os.environ | {"EXHIBIT_DATA": str(tmp_path), "EXHIBIT_LANGUAGES": "tlh"}
    command = [sys.executable, "-m", "desk.server", "127.0.0.1", "0"]
    run = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (run.returncode, "tlh" in run.stderr) == (CANNOT_START, True)
