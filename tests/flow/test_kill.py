"""SIGKILL at random moments of a run: the rows that remain are those of an undisturbed run.

Each round is a run of its own over a small slow site: an owner, works, a watch, cases, bundles. Meanwhile workers, the
processes of their pools, the crawl child, PostgreSQL, its backends and Redis are killed. The environment sets how many
rounds there are (``KILL_ROUNDS``) and what is left to chance (``KILL_SEED``).
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from registry.models import (
    Bundle,
    Capture,
    Case,
    Crawl,
    LogCheckpoint,
    LogSubmission,
    Owner,
    Picture,
    Watch,
    WorkPicture,
)
from tests.assets.site import Answer, Site
from tests.flow.remains import Rows, check_log, check_nothing_is_left, rows_of
from tests.flow.rows import copy_of, photograph, register
from tests.flow.shop import Shop, watch
from tests.flow.stack import Stack, patiently, running_stack
from tests.flow.test_race import check_contiguous
from tests.processes import wait_until
from workers.steps.decide import confirm

ROUNDS = int(os.environ.get("KILL_ROUNDS", "20"))
SEED = int(os.environ.get("KILL_SEED", "1"))
ROUNDS_A_STACK = 5
KILLS_A_ROUND = 3
LONGEST_ROUND = 120.0
PAUSE = 0.08
LOOKS = 10
"""Looks for the moment to kill between two looks at the rows, which take time from the others."""

WORKS = 2


@dataclass
class Killer:
    """Kills parts of a stack at moments of a round, in seconds since its beginning."""

    random: Random
    moments: list[float]
    killed: list[str] = field(default_factory=list)

    def look(self, stack: Stack, passed: float) -> None:
        """Kill something if it is time."""
        if self.moments and passed >= self.moments[0] and (name := stack.kill_something(self.random)):
            self.moments.pop(0)
            self.killed.append(name)


@pytest.mark.slow
@pytest.mark.timeout(40 * ROUNDS + 300)
def test_what_remains_after_sudden_deaths_is_what_an_undisturbed_run_leaves(
    open_folder: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    random = Random(SEED)
    killed: Counter[str] = Counter()
    with django_db_blocker.unblock():
        with running_stack(open_folder / "undisturbed") as stack:
            begun = time.monotonic()
            expected = [play(stack, number, Killer(random, [])) for number in range(min(ROUNDS, ROUNDS_A_STACK))]
            usual = (time.monotonic() - begun) / len(expected)
        for number, rows in enumerate(expected):
            check_run(rows, number)
        for first in range(0, ROUNDS, ROUNDS_A_STACK):
            with running_stack(open_folder / f"disturbed-{first}") as stack:
                for number in range(min(ROUNDS - first, ROUNDS_A_STACK)):
                    moments = sorted(random.uniform(0.0, usual) for _ in range(KILLS_A_ROUND))
                    killer = Killer(random, moments)
                    rows = play(stack, number, killer)
                    killed.update(killer.killed)
                    for kind, remaining in rows.items():
                        assert remaining == expected[number][kind], (kind, SEED, first + number, killer.killed)
                patiently(check_nothing_is_left)
                wait_until(lambda: patiently(_log_is_signed))
                patiently(lambda: check_log(stack.house.log))
                patiently(check_contiguous)
                assert list((stack.config.data_dir / "spool").iterdir()) == []
    assert sum(killed.values()) >= ROUNDS, killed
    assert len(killed) >= min(ROUNDS, 5), killed


def play(stack: Stack, number: int, killer: Killer) -> Rows:
    """One run from registrations to sealed bundles, with what the killer does; returns the rows that it leaves."""
    with small_site(number) as shop:
        owner = patiently(lambda: arrange(stack, number, shop))
        begun = time.monotonic()
        while not patiently(lambda: is_over(stack, owner)):
            assert time.monotonic() < begun + LONGEST_ROUND, f"round {number} with seed {SEED} doesn't end"
            for _ in range(LOOKS):
                killer.look(stack, time.monotonic() - begun)
                time.sleep(0.02)
        return patiently(lambda: rows_of(owner))


@contextmanager
def small_site(number: int) -> Iterator[Shop]:
    """Six pages with ten pictures, served slowly: copies of the round's works and others."""
    with Site(host=f"127.0.1.{number + 1}") as site:
        shop = Shop(site, pause=lambda: time.sleep(PAUSE))
        for place in range(WORKS):
            shop.image(f"/copy-{place}.jpg", copy_of(photograph(_seed(number, place))))
        for place in range(WORKS, 9):
            shop.image(f"/other-{place}.jpg", photograph(_seed(number, place)))
        shop.image("/broken.jpg", b"\xff\xd8\xff\xe0 no picture")
        site.routes["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /members/\n", "text/plain")
        shop.page("/", "/copy-0.jpg", "/other-3.jpg")
        shop.page("/1", "/copy-1.jpg", "/other-4.jpg", "/broken.jpg")
        shop.page("/2", "/other-2.jpg", "/copy-0.jpg")
        shop.page("/3", "/other-5.jpg", "/other-6.jpg", "/members/x.jpg")
        shop.page("/4", "/other-7.jpg", "/gone.jpg")
        shop.page("/5", "/other-8.jpg", "/copy-1.jpg")
        yield shop


def _seed(number: int, place: int) -> int:
    return 1000 + 100 * number + place


def arrange(stack: Stack, number: int, shop: Shop) -> Owner:
    """An owner with works and a watch that is due; a second time nothing is new."""
    owner, _ = Owner.objects.get_or_create(slug=f"owner-{number}", defaults={"name": f"Owner {number}"})
    for place in range(WORKS):
        register(stack.house, owner, photograph(_seed(number, place)), f"Work {place}")
    if not owner.watches.exists():
        pages = shop.pages if number % 2 else ["/"]  # the first page leads to all others: a second slice visits them
        sources = [{"kind": "list", "url": shop.url(page)} for page in pages]
        with transaction.atomic():
            made = watch(owner, shop.url())
            Watch.objects.filter(pk=made.pk).update(sources=sources)
    return owner


def is_over(stack: Stack, owner: Owner) -> bool:
    """Whether the run has ended; confirms the cases as soon as everything has been matched."""
    crawl = Crawl.objects.filter(watch__owner=owner).first()
    if crawl is None or crawl.state != "done":
        return False
    if Picture.objects.exclude(state__in=["done", "failed"]).exists():
        return False
    if WorkPicture.objects.exclude(state__in=["done", "failed"]).exists():
        return False
    for case in Case.objects.filter(owner=owner, decision="open"):
        confirm(stack.house, case, by="Ann", reason="A copy without a licence.")
    unfinished = {"state__in": ["todo", "doing"], "case__owner": owner}
    return not Capture.objects.filter(**unfinished).exists() and not Bundle.objects.filter(**unfinished).exists()


def check_run(rows: Rows, number: int) -> None:
    """An undisturbed run has found what there is to find; else equal rows would mean little."""
    assert len(rows["sightings"]) == 12
    assert {reason for _, reason in rows["refusals"]} == {"robots", "http-404"}
    assert [(work, party, decision) for work, party, decision, *_ in rows["cases"]] == [
        (place + 1, f"127.0.1.{number + 1}", "confirmed") for place in range(WORKS)
    ]
    assert len(rows["case_sightings"]) == len(rows["captures"]) == 4
    assert {capture[-1] for capture in rows["captures"]} == {"captured"}
    assert [(work, bundle, state) for work, bundle, state, _ in rows["bundles"]] == [
        (place + 1, 1, "done") for place in range(WORKS)
    ]


def _log_is_signed() -> bool:
    """Whether the head that was signed last covers everything that was submitted."""
    last = LogCheckpoint.objects.order_by("-size").first()
    return last is not None and last.size == LogSubmission.objects.count()
