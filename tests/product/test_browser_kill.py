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

pytest.importorskip("playwright", reason="the optional part capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)

from registry.models import Bundle, Capture, Owner
from tests.assets.remains import check_nothing_is_left, rows_of
from tests.assets.rounds import arrange, check_run, is_over, small_site
from tests.assets.stack import Stack, patiently, running_stack

ROUNDS = int(os.environ.get("KILL_ROUNDS", "1"))
SEED = int(os.environ.get("KILL_SEED", "1"))
MAX_ROUND = 200.0
SETTINGS = {"EXHIBIT_CAPTURE_BROWSER": "", "EXHIBIT_STEP_TIMEOUT_SECONDS": "25"}


@pytest.mark.long
@pytest.mark.timeout(MAX_ROUND * (ROUNDS + 1))
def test_a_capture_survives_the_death_of_its_browser_and_of_its_worker(
    open_folder: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    random = Random(SEED)
    killed: list[str] = []
    with django_db_blocker.unblock(), running_stack(open_folder / "stack", SETTINGS) as stack:
        for number in range(ROUNDS):
            owner, kinds = play(stack, number, random)
            killed += kinds
            check_run(patiently(lambda owner=owner: rows_of(owner)), number)  # type: ignore[misc]
            for bundle in Bundle.objects.filter(case__owner=owner):
                paths = [file["path"] for file in bundle.contents]
                told = list(bundle.case.captures.values_list("method", "sentence"))
                told = [(method, sentence[-120:]) for method, sentence in told]
                assert sum(path.endswith("/screenshot.png") for path in paths) == len(told), (SEED, killed, told)
        patiently(check_nothing_is_left)
        told = list(Capture.objects.values_list("method", "sentence"))
        assert {method for method, _ in told} == {"browser"}, told
    assert set(killed) == {"browsers", "pool"}, killed


def play(stack: Stack, number: int, random: Random) -> tuple[Owner, list[str]]:
    """Run once, killing a browser during a capture, then a process that controls one; returns what was killed."""
    waiting = ["browsers", "pool"]
    killed = []
    with small_site(number) as shop:
        owner = patiently(lambda: arrange(stack, number, shop))
        begun = time.monotonic()
        while not patiently(lambda: is_over(stack, owner)):
            assert time.monotonic() < begun + MAX_ROUND, f"round {number} with seed {SEED} doesn't end"
            time.sleep(random.uniform(0.05, 0.6))
            capturing = patiently(lambda: Capture.objects.filter(state="doing").exists())
            if waiting and capturing and stack.browsers():
                with suppress(psutil.NoSuchProcess, ProcessLookupError, IndexError):  # it may end at this moment
                    browser = stack.browsers()[0]
                    victim = browser if waiting[0] == "browsers" else browser.parents()[1]
                    os.kill(victim.pid, signal.SIGKILL)
                    killed.append(waiting.pop(0))
                    victim.wait(60)
    return owner, killed
