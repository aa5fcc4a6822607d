"""Response times of the site while slow clients hold hundreds of connections and readers request many pages."""

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

from bench.common import Row, print_table
from tests.assets.processes import free_port
from tests.assets.slow_clients import Outcome, load

_WARM_UP_PAGES = 20
"""Number of pages requested before the measurement, so that each thread of the site has served one."""


def measure(*, slow: int, rate: float, seconds: float) -> list[Row]:
    """Start the product with a separate data folder, put load on its site, and return responses and resource usage."""
    with run_site() as (port, web):
        for _ in range(_WARM_UP_PAGES):
            requests.get(f"http://127.0.0.1:{port}/sign-in/", timeout=60).raise_for_status()
        memory_before = _read_memory(web)
        return [build_row(load(port, slow=slow, rate=rate, seconds=seconds), memory_before, _read_memory(web))]


def build_row(outcome: Outcome, usage_before: float, usage_after: float) -> Row:
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
        "MiB before": int(usage_before),
        "MiB after": int(usage_after),
    }


@contextmanager
def run_site() -> Iterator[tuple[int, psutil.Process]]:
    """Run the product. Yields the port of its site, and the process that serves it."""
    with tempfile.TemporaryDirectory(prefix="exhibit-bench-") as name:
        Path(name).chmod(0o755)
        port = free_port()
        product_settings = {
            "EXHIBIT_DATA": f"{name}/data",
            "EXHIBIT_WEB_PORT": str(port),
            "DATABASE_URL": "",
            "REDIS_URL": "",
        }
        with Popen(
            [executable, "-m", "workers.tasks.supervisor"], env=os.environ | product_settings, stdout=PIPE, text=True
        ) as product_process:
            try:
                assert product_process.stdout is not None
                product_process.stdout.readline()
                children = psutil.Process(product_process.pid).children(recursive=True)
                yield port, next(process for process in children if "desk.server" in process.cmdline())
            finally:
                product_process.terminate()


def _read_memory(web: psutil.Process) -> float:
    return sum(process.memory_info().rss for process in (web, *web.children(recursive=True))) / 2**20


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurement with the command line options."""
    parser = argparse.ArgumentParser(prog="python -m bench.slow_clients", description=__doc__)
    parser.add_argument("--slow", type=int, default=300, help="slow clients, a third of each kind")
    parser.add_argument("--rate", type=float, default=50.0, help="pages that readers request each second")
    parser.add_argument("--seconds", type=float, default=180.0)
    options = parser.parse_args(arguments)
    print_table("Slow clients", measure(slow=options.slow, rate=options.rate, seconds=options.seconds))


if __name__ == "__main__":
    main()
