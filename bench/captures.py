"""Cost of a capture. Several processes visit shop pages with photographs."""

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
from demo.pictures import generate_textured
from evidence.capture.http_capturer import HttpCapturer
from exhibit.browser.program import find_browser
from exhibit.digests import Digest
from exhibit.network.guard import Guard
from exhibit.ports import Capturer, CaptureResult
from tests.assets.badfiles import encode
from tests.assets.site import Answer, Site

PEER_PROGRAM = "auto-archiver"
REQUIRED_PROGRAMS = (PEER_PROGRAM, "Xvfb", "ffmpeg", "chromium", "chromedriver")
PEER_OPTIONS = (
    "--mode", "simple", "--feeders", "cli_feeder", "--extractors", "antibot_extractor_enricher",
    "--enrichers", "hash_enricher", "--databases", "console_db", "--storages", "local_storage",
    "--formatters", "html_formatter", "--antibot_extractor_enricher.save_to_pdf", "true",
)  # fmt: skip
"""Options for captures most similar to Exhibit's: source, screenshot and PDF of the page, pictures, and digests."""


def find_missing_programs() -> list[str]:
    """Return the required programs that are not on the PATH."""
    return [program for program in REQUIRED_PROGRAMS if shutil.which(program) is None]


def archive_pages(site_url: str, pages: Sequence[str]) -> Row:
    """Archive these pages with auto-archiver, sequentially, because two parallel instances lost pages.

    It rejects loopback IP addresses, but not the machine's host name.

    Args:
        site_url: URL of the site on this machine.
        pages: Paths below it.

    Raises:
        subprocess.CalledProcessError: auto-archiver failed.
        ValueError: The number of screenshots differs from the number of pages.
    """
    site = f"http://{socket.gethostname()}:{site_url.rpartition(':')[2]}"
    command = [PEER_PROGRAM, *PEER_OPTIONS, *(site + page for page in pages)]
    # As in its container, this provides the virtual display that its browser needs.
    environment = os.environ | {"RUNNING_IN_DOCKER": "1"}
    with TemporaryDirectory() as folder:
        cpu_start, start_time = _read_child_seconds(), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment)
        seconds, cpu_seconds = time.perf_counter() - start_time, _read_child_seconds() - cpu_start
        files = list((Path(folder) / "local_archive").iterdir())
        size, screenshots = sum(file.stat().st_size for file in files), sum(file.suffix == ".png" for file in files)
    if screenshots != len(pages):
        raise ValueError(f"{PEER_PROGRAM} kept {screenshots} screenshots of {len(pages)} pages.")
    return {
        "captured with": f"{PEER_PROGRAM}, 1 process",
        "captures a minute": round(60 * screenshots / seconds, 1),
        "processor seconds of each": round(cpu_seconds / screenshots, 2),
        "median seconds": "–",
        "longest": "–",
        "MB kept of each": round(size / screenshots / 1e6, 2),
        "MB of memory of a browser": "–",
    }


def _read_child_seconds() -> float:
    """Return CPU seconds of all awaited child processes and their children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


WORKERS = 2
CAPTURES_PER_WORKER = 12
PHOTO_COUNT = 10
USER_AGENT = "ExhibitBot/0.1"
LOOPBACK_GUARD = Guard(allowed_networks=("127.0.0.1/32",))
STYLESHEET = (
    b"body{font:16px sans-serif;max-width:70em;margin:2em auto}figure{display:inline-block;margin:1em;width:18em}"
)
SCRIPT = b"fetch('/stock.json').then(r=>r.json()).then(s=>document.querySelector('#stock').textContent=s.left)"


@dataclass(frozen=True, slots=True)
class Measurements:
    """Measurements of one process.

    Attributes:
        seconds: Duration of each capture.
        sizes: Bytes stored by each capture.
        memory: Memory of the browser with all its processes at the end, bytes.
        cpu: CPU seconds of all captures, including the start of the browser.
    """

    seconds: Sequence[float]
    sizes: Sequence[int]
    memory: int = 0
    cpu: float = 0.0


def measure() -> list[Row]:
    """Measure captures per minute with a browser, without one, and by auto-archiver, if these are installed."""
    with _run_site() as site_url:
        browser = find_browser("") if find_spec("playwright") else None
        program = None if browser is None else browser.path
        rows = [_measure_row("browser", site_url, program)] if program else []
        rows.append(_measure_row("plain HTTP", site_url, None))
        missing_names = find_missing_programs()
        if missing_names:
            print(f"auto-archiver is left out: {', '.join(missing_names)} not on the PATH", file=sys.stderr)
            return rows
        pages = [f"/page-{number}" for number in range(CAPTURES_PER_WORKER)]
        return [*rows, archive_pages(site_url, pages)]


def _measure_row(name: str, site_url: str, program: Path | None) -> Row:
    context = multiprocessing.get_context("spawn")
    start_time = time.perf_counter()
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        results = list(pool.map(_run_worker, [site_url] * WORKERS, [program] * WORKERS))
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


def _run_worker(site_url: str, program: Path | None) -> Measurements:
    """Visit the shop's pages sequentially. The start of the browser is included."""
    if program is None:
        cpu_start = _read_processor_seconds()
        result = _visit_pages(HttpCapturer(LOOPBACK_GUARD, USER_AGENT), site_url, 0)
        return replace(result, cpu=_read_processor_seconds() - cpu_start)
    from evidence.capture.browser.capturer import BrowserCapturer  # noqa: PLC0415 - an optional component
    from exhibit.browser.running import measure_process_memory  # noqa: PLC0415

    cpu_start = _read_processor_seconds()
    capturer = BrowserCapturer(program, LOOPBACK_GUARD, USER_AGENT)
    result = _visit_pages(capturer, site_url, 1)
    memory = measure_process_memory(capturer.browser.pid)
    capturer.close()
    return replace(result, memory=memory, cpu=_read_processor_seconds() - cpu_start)


def _read_processor_seconds() -> float:
    """Return CPU seconds of this process and of its awaited descendants."""
    usages = [resource.getrusage(scope) for scope in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _visit_pages(capturer: Capturer, site_url: str, files: int) -> Measurements:
    digest = Digest.from_bytes(_make_photo(0))
    seconds, sizes = [], []
    for number in range(CAPTURES_PER_WORKER):
        start_time = time.perf_counter()
        captured = next(capturer.capture_all(f"{site_url}/page-{number}", [(f"{site_url}/photo-0.jpg", digest)]))
        seconds.append(time.perf_counter() - start_time)
        sizes.append(sum(len(file.data) for file in captured.files))
        _check_capture(captured, files)
    return Measurements(seconds, sizes)


def _check_capture(captured: CaptureResult, screenshots: int) -> None:
    """Check that a capture succeeded, because measurements of failed captures are meaningless."""
    screenshot_count = sum(file.role == "screenshot-boxed" for file in captured.files)
    assert (captured.outcome, screenshot_count) == ("captured", screenshots), captured.sentence


@contextmanager
def _run_site() -> Iterator[str]:
    """Serve the shop from a separate process, as from another machine."""
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
        images = "".join(
            f'<figure><img src="/photo-{n}.jpg" loading="lazy"><p>Print {n}</figure>' for n in range(PHOTO_COUNT)
        )
        head = '<!doctype html><title>A shop</title><link rel="stylesheet" href="/style.css">'
        for number in range(CAPTURES_PER_WORKER):
            site.page(
                f"/page-{number}",
                f'{head}<h1>Prints, page {number}: <span id="stock"></span></h1>{images}<script src="/s.js"></script>',
            )
        for number in range(PHOTO_COUNT):
            site.routes[f"/photo-{number}.jpg"] = Answer(_make_photo(number), media_type="image/jpeg")
        site.routes["/style.css"] = Answer(STYLESHEET, media_type="text/css")
        site.routes["/s.js"] = Answer(SCRIPT, media_type="text/javascript")
        site.routes["/stock.json"] = Answer(b'{"left": 7}', media_type="application/json")
        pipe.send(site.url("").rstrip("/"))
        pipe.recv()


def _make_photo(seed: int) -> bytes:
    return encode(generate_textured(seed, (900, 600)), "JPEG", quality=85)
