"""Test that killing browsers and their controllers during captures (SIGKILL) changes no rows and leaves no orphans."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import pytest
from pytest_django import DjangoDbBlocker

from exhibit.browser.program import find_browser

pytest.importorskip("playwright", reason="the optional component capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)

from registry.models import Bundle, Capture, Owner
from tests.assets.failure_rounds import check_run, create_owner, has_ended, small_site
from tests.assets.run_rows import check_no_leftovers, collect_rows
from tests.assets.stack import Stack, retry_on_database_error, running_stack

ROUNDS = int(os.environ.get("KILL_ROUNDS", "1"))
SEED = int(os.environ.get("KILL_SEED", "1"))
MAX_ROUND = 200.0
SETTINGS = {"EXHIBIT_CAPTURE_BROWSER": "", "EXHIBIT_STEP_TIMEOUT_SECONDS": "25"}


@pytest.mark.long
@pytest.mark.timeout(MAX_ROUND * (ROUNDS + 1))
def test_capture_survives_browser_and_worker_crash(open_folder: Path, django_db_blocker: DjangoDbBlocker) -> None:
    random = Random(SEED)
    killed: list[str] = []
    with django_db_blocker.unblock(), running_stack(open_folder / "stack", SETTINGS) as stack:
        for number in range(ROUNDS):
            owner, kinds = run_with_kills(stack, number, random)
            killed += kinds
            check_run(retry_on_database_error(lambda owner=owner: collect_rows(owner)), number)  # type: ignore[misc]
            for bundle in Bundle.objects.filter(case__owner=owner):
                paths = [file["path"] for file in bundle.contents]
                captures = list(bundle.case.captures.values_list("method", "sentence"))
                captures = [(method, sentence[-120:]) for method, sentence in captures]
                assert sum(path.endswith("/screenshot.png") for path in paths) == len(captures), (
                    SEED,
                    killed,
                    captures,
                )
        retry_on_database_error(check_no_leftovers)
        captures = list(Capture.objects.values_list("method", "sentence"))
        assert {method for method, _ in captures} == {"browser"}, captures
    assert set(killed) == {"browsers", "pool"}, killed


def run_with_kills(stack: Stack, number: int, random: Random) -> tuple[Owner, list[str]]:
    """Run once, killing a browser during a capture, then a process that controls one; returns what was killed."""
    targets = ["browsers", "pool"]
    killed = []
    with small_site(number) as shop:
        owner = retry_on_database_error(lambda: create_owner(stack, number, shop))
        start = time.monotonic()
        while not retry_on_database_error(lambda: has_ended(stack, owner)):
            assert time.monotonic() < start + MAX_ROUND, f"round {number} with seed {SEED} doesn't end"
            time.sleep(random.uniform(0.05, 0.6))
            capturing = retry_on_database_error(lambda: Capture.objects.filter(state="running").exists())
            if targets and capturing and stack.browsers():
                with suppress(psutil.NoSuchProcess, ProcessLookupError, IndexError):  # it may end at this moment
                    browser = stack.browsers()[0]
                    victim = browser if targets[0] == "browsers" else browser.parents()[1]
                    os.kill(victim.pid, signal.SIGKILL)
                    killed.append(targets.pop(0))
                    victim.wait(60)
    return owner, killed
