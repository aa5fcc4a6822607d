"""How fast the site is while slow clients hold hundreds of connections and readers request many pages."""

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
from tests.assets.slow_clients import Outcome, load

_PAGES_BEFORE = 20
"""Pages requested before the measurement, so that each thread of the site has served one."""


def measure(*, slow: int, rate: float, seconds: float) -> list[Row]:
    """Start the product in a separate folder, load its site, and return its responses and resource usage."""
    with running_site() as (port, web):
        for _ in range(_PAGES_BEFORE):
            requests.get(f"http://127.0.0.1:{port}/sign-in/", timeout=60).raise_for_status()
        before = _memory(web)
        return [row(load(port, slow=slow, rate=rate, seconds=seconds), before, _memory(web))]


def row(outcome: Outcome, before: float, after: float) -> Row:
    """Return a row of the table."""
    pages, health = outcome.pages, outcome.health
    return {
        "pages requested": len(pages.all),
        "shown": pages.statuses[200],
        "median s": pages.slowest(0.5),
        "95th percentile s": pages.slowest(0.95),
        "slowest s": pages.slowest(1),
        "health, not 200": len(health.all) - health.statuses[200],
        "health, slowest s": health.slowest(1),
        "slow clients cut off": outcome.cut,
        "MiB before": int(before),
        "MiB after": int(after),
    }


@contextmanager
def running_site() -> Iterator[tuple[int, psutil.Process]]:
    """Run the product. Yields the port of its site, and the process that serves it."""
    with tempfile.TemporaryDirectory(prefix="exhibit-bench-") as name:
        Path(name).chmod(0o755)
        port = free_port()
        own = {"EXHIBIT_DATA": f"{name}/data", "EXHIBIT_WEB_PORT": str(port), "DATABASE_URL": "", "REDIS_URL": ""}
        with Popen([executable, "-m", "workers.tasks.supervisor"], env=os.environ | own, stdout=PIPE, text=True) as up:
            try:
                assert up.stdout is not None
                up.stdout.readline()
                below = psutil.Process(up.pid).children(recursive=True)
                yield port, next(process for process in below if "desk.server" in process.cmdline())
            finally:
                up.terminate()


def _memory(web: psutil.Process) -> float:
    return sum(process.memory_info().rss for process in (web, *web.children(recursive=True))) / 2**20


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure with the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.slow_clients", description=__doc__)
    parser.add_argument("--slow", type=int, default=300, help="slow clients, a third of each kind")
    parser.add_argument("--rate", type=float, default=50.0, help="pages that readers request each second")
    parser.add_argument("--seconds", type=float, default=180.0)
    options = parser.parse_args(arguments)
    show("Slow clients", measure(slow=options.slow, rate=options.rate, seconds=options.seconds))


if __name__ == "__main__":
    main()
