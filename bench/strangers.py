"""How a site does while strangers try to hold it: slow heads, bodies and readers, and many requests a second."""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from sys import executable

import psutil
import requests

from bench.common import Row, show
from tests.assets.processes import free_port
from tests.assets.strangers import Told, hold

_PAGES_BEFORE = 20
"""So that each process of the site has made one: what is measured is a site in use."""


def measure(*, slow: int, rate: float, seconds: float) -> list[Row]:
    """Start the product in a folder of its own, let them loose on it, and see what it answers and takes."""
    with site() as (port, web):
        for _ in range(_PAGES_BEFORE):
            requests.get(f"http://127.0.0.1:{port}/sign-in/", timeout=60).raise_for_status()
        before = _memory(web)
        return [told_of(hold(port, slow=slow, rate=rate, seconds=seconds), before, _memory(web))]


def told_of(told: Told, before: float, after: float) -> Row:
    """A row of the table."""
    times = sorted(seconds for seconds, _ in told.health)
    pages = told.pages
    return {
        "health, slowest s": told.slowest_health,
        "health, median s": times[len(times) // 2],
        "health, not 200": sum(status != 200 for _, status in told.health),
        "pages": pages[200],
        "told to come back": pages[503],
        "pages without an answer": pages.total() - pages[200] - pages[503],
        "cut off": told.cut.total(),
        "page again after s": told.recovered,
        "MiB before": int(before),
        "MiB after": int(after),
    }


@contextmanager
def site() -> Iterator[tuple[int, psutil.Process]]:
    """A running product: the port of its site, and the site's first process."""
    with tempfile.TemporaryDirectory(prefix="exhibit-bench-") as name:
        Path(name).chmod(0o755)
        port = free_port()
        own = {"EXHIBIT_DATA": f"{name}/data", "EXHIBIT_WEB_PORT": str(port), "DATABASE_URL": "", "REDIS_URL": ""}
        with Popen([executable, "-m", "workers.tasks.supervisor"], env=os.environ | own, stdout=PIPE, text=True) as up:
            try:
                assert up.stdout is not None
                up.stdout.readline()
                below = psutil.Process(up.pid).children(recursive=True)
                yield port, next(one for one in below if "desk.server" in one.cmdline())
            finally:
                up.terminate()


def _memory(web: psutil.Process) -> float:
    return sum(one.memory_info().rss for one in (web, *web.children(recursive=True))) / 2**20


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.strangers", description=__doc__)
    parser.add_argument("--slow", type=int, default=300, help="slow clients, a third of each kind")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=180.0)
    given = parser.parse_args(arguments)
    show("Strangers", measure(slow=given.slow, rate=given.rate, seconds=given.seconds))


if __name__ == "__main__":
    main()
