"""Cost of a capture: shop pages with photographs, visited by several processes."""

import multiprocessing
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.common import Row
from demo.pictures import textured
from evidence.capture.http_capturer import HttpCapturer
from exhibit.browser.program import find_browser
from exhibit.digests import Digest
from exhibit.network.guard import Guard
from exhibit.ports import Captured, Capturer
from tests.assets.badfiles import encode
from tests.assets.site import Answer, Site

PROGRAM = "auto-archiver"
REQUIRED_PROGRAMS = (PROGRAM, "Xvfb", "ffmpeg", "chromium", "chromedriver")
OPTIONS = (
    "--mode", "simple", "--feeders", "cli_feeder", "--extractors", "antibot_extractor_enricher",
    "--enrichers", "hash_enricher", "--databases", "console_db", "--storages", "local_storage",
    "--formatters", "html_formatter", "--antibot_extractor_enricher.save_to_pdf", "true",
)  # fmt: skip
"""Options closest to Exhibit's captures: source, screenshot and PDF of the page, its pictures, and their digests."""


def missing_programs() -> list[str]:
    """Return the required programs that are not on the PATH."""
    return [program for program in REQUIRED_PROGRAMS if shutil.which(program) is None]


def archive_pages(address: str, pages: Sequence[str]) -> Row:
    """Archive these pages with auto-archiver, one after another: two parallel instances lost pages.

    It refuses loopback addresses as numbers, but not by the machine's host name.

    Args:
        address: URL of the site on this machine.
        pages: Paths below it.

    Raises:
        subprocess.CalledProcessError: auto-archiver failed.
        ValueError: The number of screenshots differs from the number of pages.
    """
    site = f"http://{socket.gethostname()}:{address.rpartition(':')[2]}"
    command = [PROGRAM, *OPTIONS, *(site + page for page in pages)]
    # As in its own container: with the virtual display that its browser needs.
    environment = os.environ | {"RUNNING_IN_DOCKER": "1"}
    with TemporaryDirectory() as folder:
        before, start_time = _children_seconds(), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment)
        seconds, spent = time.perf_counter() - start_time, _children_seconds() - before
        files = list((Path(folder) / "local_archive").iterdir())
        size, screenshots = sum(file.stat().st_size for file in files), sum(file.suffix == ".png" for file in files)
    if screenshots != len(pages):
        raise ValueError(f"{PROGRAM} kept {screenshots} screenshots of {len(pages)} pages.")
    return {
        "captured with": f"{PROGRAM}, 1 process",
        "captures a minute": round(60 * screenshots / seconds, 1),
        "processor seconds of each": round(spent / screenshots, 2),
        "median seconds": "–",
        "longest": "–",
        "MB kept of each": round(size / screenshots / 1e6, 2),
        "MB of memory of a browser": "–",
    }


def _children_seconds() -> float:
    """Return CPU seconds of all awaited child processes and their children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


WORKERS = 2
CAPTURES_EACH = 12
PHOTOS = 10
AGENT = "ExhibitBot/0.1"
LOOPBACK_GUARD = Guard(allowed_networks=("127.0.0.1/32",))
STYLE = b"body{font:16px sans-serif;max-width:70em;margin:2em auto}figure{display:inline-block;margin:1em;width:18em}"
SCRIPT = b"fetch('/stock.json').then(r=>r.json()).then(s=>document.querySelector('#stock').textContent=s.left)"


@dataclass(frozen=True, slots=True)
class Measurements:
    """Measurements of one process.

    Attributes:
        seconds: Duration of each capture.
        sizes: Bytes kept by each.
        memory: Memory of the browser with all its processes at the end, bytes.
        cpu: CPU seconds of all captures, including the start of the browser.
    """

    seconds: Sequence[float]
    sizes: Sequence[int]
    memory: int = 0
    cpu: float = 0.0


def measure() -> list[Row]:
    """Measure captures a minute with a browser, without one, and by auto-archiver, as far as these are installed."""
    with _site_process() as address:
        browser = find_browser("") if find_spec("playwright") else None
        program = None if browser is None else browser.path
        rows = [_row("browser", address, program)] if program else []
        rows.append(_row("plain HTTP", address, None))
        absent = missing_programs()
        if absent:
            print(f"auto-archiver is left out: {', '.join(absent)} not on the PATH", file=sys.stderr)
            return rows
        pages = [f"/page-{number}" for number in range(CAPTURES_EACH)]
        return [*rows, archive_pages(address, pages)]


def _row(name: str, address: str, program: Path | None) -> Row:
    context = multiprocessing.get_context("spawn")
    start_time = time.perf_counter()
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        results = list(pool.map(_work, [address] * WORKERS, [program] * WORKERS))
    seconds = [value for part in results for value in part.seconds]
    return {
        "captured with": f"{name}, {WORKERS} processes",
        "captures a minute": round(60 * len(seconds) / (time.perf_counter() - start_time), 1),
        "processor seconds of each": round(sum(part.cpu for part in results) / len(seconds), 2),
        "median seconds": round(statistics.median(seconds), 2),
        "longest": round(max(seconds), 2),
        "MB kept of each": round(statistics.mean(value for part in results for value in part.sizes) / 1e6, 2),
        "MB of memory of a browser": round(max(part.memory for part in results) / 1e6),
    }


def _work(address: str, program: Path | None) -> Measurements:
    """Visit the shop's pages one after another. The start of the browser counts."""
    if program is None:
        before = _processor_seconds()
        result = _visit_pages(HttpCapturer(LOOPBACK_GUARD, AGENT), address, 0)
        return replace(result, cpu=_processor_seconds() - before)
    from evidence.capture.browser.capturer import BrowserCapturer  # noqa: PLC0415 - an optional part
    from exhibit.browser.running import memory_of  # noqa: PLC0415

    before = _processor_seconds()
    capturer = BrowserCapturer(program, LOOPBACK_GUARD, AGENT)
    result = _visit_pages(capturer, address, 1)
    memory = memory_of(capturer.browser.pid)
    capturer.close()
    return replace(result, memory=memory, cpu=_processor_seconds() - before)


def _processor_seconds() -> float:
    """Return CPU seconds of this process and of its awaited descendants."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _visit_pages(capturer: Capturer, address: str, files: int) -> Measurements:
    digest = Digest.of(_photo(0))
    seconds, sizes = [], []
    for number in range(CAPTURES_EACH):
        start_time = time.perf_counter()
        captured = next(capturer.capture_all(f"{address}/page-{number}", [(f"{address}/photo-0.jpg", digest)]))
        seconds.append(time.perf_counter() - start_time)
        sizes.append(sum(len(file.data) for file in captured.files))
        _check(captured, files)
    return Measurements(seconds, sizes)


def _check(captured: Captured, screenshots: int) -> None:
    """Check that a capture succeeded: measurements of failed captures are meaningless."""
    screenshot_count = sum(file.role == "screenshot-boxed" for file in captured.files)
    assert (captured.outcome, screenshot_count) == ("captured", screenshots), captured.sentence


@contextmanager
def _site_process() -> Iterator[str]:
    """Serve the shop from a separate process, like another machine."""
    context = multiprocessing.get_context("spawn")
    parent_end, child_end = context.Pipe()
    process = context.Process(target=_serve, args=(child_end,))
    process.start()
    try:
        yield parent_end.recv()
    finally:
        parent_end.send("end")
        process.join()


def _serve(pipe: Connection) -> None:
    with Site() as site:
        figures = "".join(
            f'<figure><img src="/photo-{n}.jpg" loading="lazy"><p>Print {n}</figure>' for n in range(PHOTOS)
        )
        head = '<!doctype html><title>A shop</title><link rel="stylesheet" href="/style.css">'
        for number in range(CAPTURES_EACH):
            site.page(
                f"/page-{number}",
                f'{head}<h1>Prints, page {number}: <span id="stock"></span></h1>{figures}<script src="/s.js"></script>',
            )
        for number in range(PHOTOS):
            site.routes[f"/photo-{number}.jpg"] = Answer(_photo(number), media_type="image/jpeg")
        site.routes["/style.css"] = Answer(STYLE, media_type="text/css")
        site.routes["/s.js"] = Answer(SCRIPT, media_type="text/javascript")
        site.routes["/stock.json"] = Answer(b'{"left": 7}', media_type="application/json")
        pipe.send(site.url("").rstrip("/"))
        pipe.recv()


def _photo(seed: int) -> bytes:
    return encode(textured(seed, (900, 600)), "JPEG", quality=85)
