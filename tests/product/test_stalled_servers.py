"""Test the whole product while Redis or PostgreSQL is frozen under load, as on a starved machine."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from registry.models import Crawl, StepState, Watch
from tests.assets.processes import wait_until
from tests.assets.rows import owner
from tests.assets.shop import create_watch
from tests.assets.site import Answer, ReceivedRequest, Site
from tests.assets.stack import Stack, retry_on_database_error, running_stack
from workers.servers.liveness import SECONDS_VARIABLE, list_replacements
from workers.servers.product import CHECKOUT

PAGES = 12
SECONDS = 50.0
"""Seconds for which a server is frozen: beyond a worker's timeout for Redis, several times."""

SERVERS: dict[str, Callable[[Stack], list[psutil.Process]]] = {
    "redis": Stack.redis,
    "postgres": lambda stack: [process for first in stack.postmaster() for process in (first, *first.children())],
}

SAID_OF = {"redis": "redis", "postgres": "database"}
"""Names in the output of `exhibit status`."""


@pytest.mark.long
@pytest.mark.parametrize("name", SERVERS)
def test_work_resumes_after_server_stall_without_duplicates(name: str, open_folder: Path, db: None) -> None:
    with running_stack(open_folder, {SECONDS_VARIABLE: "40"}) as stack, Site(host="127.0.0.21") as site:
        is_stopped = threading.Event()

        def answer(request: ReceivedRequest) -> Answer:
            if request.path != "/":
                assert is_stopped.wait(60)  # the crawl is running when the server stops
            links = "".join(f'<a href="/{number}">more</a>' for number in range(PAGES))
            return Answer(f"<html><body>{links}</body></html>".encode())

        for path in ("/", *(f"/{number}" for number in range(PAGES))):
            site.routes[path] = answer
        started = create_watch(owner("stalled"), site.url("/"))
        wait_until(lambda: site.count_requests("/") > 0)
        stopped = SERVERS[name](stack)
        for item in stopped:
            item.suspend()
        is_stopped.set()
        until = time.monotonic() + SECONDS
        try:
            command = [sys.executable, "-m", "desk", "status", "--json"]
            doctor = subprocess.run(
                command, env=stack.environ, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60
            )
            status = json.loads(doctor.stdout)
            assert {item for item in ("redis", "database") if status[f"{item}_silent"]} == {SAID_OF[name]}
            wait_until(lambda: time.monotonic() > until)
        finally:
            for item in stopped:
                item.resume()

        def is_done(of: Watch = started) -> bool:
            return retry_on_database_error(lambda: Crawl.objects.filter(watch=of, state=StepState.DONE).exists())

        wait_until(is_done, 90)
        assert retry_on_database_error(lambda: Crawl.objects.filter(watch=started).count()) == 1
        assert {site.count_requests(f"/{number}") for number in range(PAGES)} == {1}
        later_watch = retry_on_database_error(lambda: create_watch(owner("after"), site.url("/")))
        wait_until(lambda: is_done(later_watch), 90)
        assert list_replacements(stack.config) == []
