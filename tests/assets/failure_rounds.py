"""A round: work for a running stack while failures occur, and the results that must remain."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random

import requests
from django.db import transaction

from registry.cases.decisions import confirm_case
from registry.db.claimable import UNFINISHED
from registry.log.local_log import get_log
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
from registry.reports.requests import request_report
from tests.assets.failures import Failure
from tests.assets.processes import wait_until
from tests.assets.rows import photograph, recompress, register
from tests.assets.run_rows import STEPS, Rows, check_log, check_no_leftovers, collect_rows
from tests.assets.shop import Shop, create_watch
from tests.assets.site import Answer, Site
from tests.assets.stack import Stack, retry_on_database_error

TIMEOUT_SECONDS = 240.0
PAUSE = 0.08
CHECKS_PER_QUERY = 3
"""Number of checks for the time of a failure between two queries of the rows, which slow down other processes."""

WORKS = 2
MAX_INTERVAL = 600 * 86400
"""Seconds until a watch is due again. A clock that is ahead by less does not start a second crawl."""


@dataclass
class FailureSchedule:
    """The failures of a run, each at a time in seconds since its start, or as soon afterwards as it can occur.

    Attributes:
        random: Source of randomness.
        waiting: Failures to come, with their times.
        done: Names of failures that occurred, with their times.
    """

    random: Random
    upcoming: list[tuple[float, Failure]]
    occurred: list[tuple[float, str]] = field(default_factory=list)

    def cause_next(self, stack: Stack, passed: float) -> None:
        """Cause one failure if it is due."""
        for entry in self.upcoming:
            moment, mishap = entry
            if passed >= moment and mishap.act(stack, self.random):
                self.upcoming.remove(entry)
                self.occurred.append((passed, mishap.name))
                return


@dataclass(frozen=True)
class Run:
    """The results of a run for one owner: its rows, and the failures that occurred before its end."""

    rows: Rows
    mishaps: list[str]


def run_owners(stack: Stack, numbers: Sequence[int], trouble: FailureSchedule) -> list[Run]:
    """Run several owners' work in parallel, from registrations to reports, while failures occur; returns each run."""
    with ExitStack() as sites:
        shops = [sites.enter_context(small_site(number)) for number in numbers]
        owners = {
            number: retry_on_database_error(lambda number=number, shop=shop: create_owner(stack, number, shop))  # type: ignore[misc]
            for number, shop in zip(numbers, shops, strict=True)
        }
        start = time.monotonic()
        ends: dict[int, float] = {}
        while len(ends) < len(owners):
            for number in owners.keys() - ends.keys():
                if retry_on_database_error(lambda owner=owners[number]: has_ended(stack, owner)):  # type: ignore[misc]
                    ends[number] = time.monotonic() - start
            late = sorted(owners.keys() - ends.keys())
            assert time.monotonic() < start + TIMEOUT_SECONDS, (
                f"the runs {late} don't end: {retry_on_database_error(unfinished)}"
            )
            for _ in range(CHECKS_PER_QUERY):
                trouble.cause_next(stack, time.monotonic() - start)
                time.sleep(0.1)
        return [
            Run(
                retry_on_database_error(lambda owner=owner: collect_rows(owner)),  # type: ignore[misc]
                [n for at, n in trouble.occurred if at < ends[number]],
            )
            for number, owner in owners.items()
        ]


@contextmanager
def small_site(number: int) -> Iterator[Shop]:
    """Serve six pages with ten images slowly: copies of the round's works, and others."""
    with Site(host=_host(number)) as site:
        shop = Shop(site, pause=lambda: time.sleep(PAUSE))
        for place in range(WORKS):
            shop.image(f"/copy-{place}.jpg", recompress(photograph(_seed(number, place))))
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


def _host(number: int) -> str:
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


def _seed(number: int, place: int) -> int:
    return 1000 + 100 * number + place


def create_owner(stack: Stack, number: int, shop: Shop) -> Owner:
    """Create an owner with works and a watch that is due. Calling it again changes nothing."""
    owner, _ = Owner.objects.get_or_create(slug=f"owner-{number}", defaults={"name": f"Owner {number}"})
    for place in range(WORKS):
        register(stack.services, owner, photograph(_seed(number, place)), f"Work {place}")
    if not owner.watches.exists():
        pages = shop.pages if number % 2 else ["/"]  # the first page links to all others, which a second slice visits
        sources = [{"kind": "list", "url": shop.url(page)} for page in pages]
        with transaction.atomic():
            new_watch = create_watch(owner, shop.url())
            Watch.objects.filter(pk=new_watch.pk).update(sources=sources, interval_seconds=MAX_INTERVAL)
    return owner


def has_ended(stack: Stack, owner: Owner) -> bool:
    """Return True if the run has ended.

    Confirms cases once everything has been matched, then requests a report on them.
    """
    crawl = Crawl.objects.filter(watch__owner=owner).first()
    if crawl is None or crawl.state != "done":
        return False
    if Picture.objects.exclude(state__in=["done", "failed"]).exists():
        return False
    if WorkPicture.objects.exclude(state__in=["done", "failed"]).exists():
        return False
    for case in Case.objects.filter(owner=owner, decision="open"):
        confirm_case(stack.services, case, by="Ann", reason="A copy without a licence.")
    unfinished = {"state__in": UNFINISHED, "case__owner": owner}
    if Capture.objects.filter(**unfinished).exists() or Bundle.objects.filter(**unfinished).exists():
        return False
    if not owner.reports.exists():
        request_report(owner, preparer="Ann")
    return not owner.reports.filter(state__in=UNFINISHED).exists()


def unfinished() -> list[tuple[object, ...]]:
    """Return the rows that are waiting or in progress, and why."""
    columns = ("pk", "state", "attempts", "not_before", "claimed_at", "claimed_by", "error")
    rows = [
        (model.__name__, *map(str, row))
        for model in STEPS
        for row in model._default_manager.filter(state__in=UNFINISHED).values_list(*columns)
    ]
    crawls = Crawl.objects.exclude(state="done").values_list("pk", "state", "reason")
    return [*rows, *crawls, *Watch.objects.values_list("pk", "next_run_at")]


def check_run(rows: Rows, number: int) -> None:
    """Verify that an undisturbed run found everything, without which equal rows would prove little."""
    assert len(rows["sightings"]) == 12
    assert {reason for _, reason in rows["refusals"]} == {"robots", "http-404"}
    assert [(work, party, decision) for work, party, decision, *_ in rows["cases"]] == [
        (place + 1, _host(number), "confirmed") for place in range(WORKS)
    ]
    assert len(rows["case_sightings"]) == len(rows["captures"]) == 4
    assert {capture[-1] for capture in rows["captures"]} == {"captured"}
    assert [(work, bundle, state) for work, bundle, state, _ in rows["bundles"]] == [
        (place + 1, 1, "done") for place in range(WORKS)
    ]
    [(_, state, files)] = rows["reports"]
    assert state == "done"
    assert "application/pdf" in {media_type for _, media_type in files}


def check_stack(stack: Stack) -> None:
    """Verify that nothing is left over, each log entry counts once and is signed, and the site reports no problem."""
    retry_on_database_error(check_no_leftovers)
    wait_until(lambda: retry_on_database_error(_log_is_signed))
    retry_on_database_error(lambda: check_log(get_log(stack.services)))
    for folder in (stack.config.data_dir / "spool", stack.config.data_dir / "requests"):
        wait_until(lambda folder=folder: list(folder.glob("*")) == [], 20)  # type: ignore[misc]
    wait_until(lambda: _is_healthy(stack))


def _log_is_signed() -> bool:
    """Return True if the last signed checkpoint covers everything submitted."""
    last = LogCheckpoint.objects.order_by("-size").first()
    return last is not None and last.size == LogSubmission.objects.count()


def _is_healthy(stack: Stack) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{stack.config.web_port}/healthz", timeout=10).status_code == 200
    except requests.RequestException:
        return False
