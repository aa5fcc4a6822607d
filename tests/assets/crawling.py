"""Running the crawler as its callers do: a job as input, a child process, lines and bytes as output."""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, BinaryIO, ClassVar, Self, TypeAlias

from crawler.formats.lines import EndLine, Line, PageLine, RefusalLine, read_lines
from crawler.reading import helper
from exhibit.digests import Digest
from exhibit.types import Sighting
from tests.assets.site import Site

Value: TypeAlias = Any
"""Any JSON value."""

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = ["127.0.0.0/8"]
_FORK_LOCK = threading.Lock()
FAST = {"delay": 0, "concurrency_per_host": 4, "autothrottle": False}


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """The results of a crawl."""

    lines: tuple[Line, ...]
    code: int
    folder: Path
    errors: str

    @property
    def pages(self) -> list[PageLine]:
        return [line for line in self.lines if isinstance(line, PageLine)]

    @property
    def refusals(self) -> dict[str, str]:
        """Return refusal reasons by URL, of lines and of images."""
        of_lines = {line.url: line.reason for line in self.lines if isinstance(line, RefusalLine)}
        return of_lines | {refusal.url: refusal.reason for page in self.pages for refusal in page.refusals}

    @property
    def sightings(self) -> list[Sighting]:
        return [sighting for page in self.pages for sighting in page.sightings]

    @property
    def end(self) -> EndLine:
        (end,) = (line for line in self.lines if isinstance(line, EndLine))
        return end

    def sighting(self, url: str) -> Sighting:
        """Return the first sighting of an image URL."""
        return next(item for item in self.sightings if item.image_url == url)

    def bytes_of(self, sighting: Sighting) -> bytes:
        """Return the stored bytes of a sighting."""
        return (self.folder / sighting.digest.hex).read_bytes()


def crawl(folder: Path, *, read_seconds: Value = 8.0, **job: Value) -> CrawlResult:
    """Run a job to its end. Loopback is allowed and delays are minimal, unless the job sets other values.

    Args:
        folder: Folder for the bytes.
        read_seconds: Processor time that the document reader has for each document, in seconds.
        **job: Fields of the job to override.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job_file, lines, error_file = (folder / name for name in ("job", "lines", "errors"))
    job_file.write_bytes(build_job(folder, **job))
    files = [str(job_file), str(lines), str(error_file)]
    code = ForkedCrawl(files, ["-"], seconds=read_seconds, alarm=120).wait()
    errors = error_file.read_text("utf-8")
    assert "Traceback" not in errors, errors
    bytes_dir = folder / "bytes"
    for path in bytes_dir.iterdir() if bytes_dir.exists() else ():
        assert Digest.from_file(path).hex == path.name
    return CrawlResult(tuple(read_lines(lines.read_bytes().splitlines(keepends=True))), code, bytes_dir, errors)


class ForkedCrawl:
    """A crawl in a child of the process that has loaded Scrapy (:mod:`tests.assets.crawl_forks`)."""

    running: ClassVar[set[int]] = set()
    """Process IDs of crawls that have not been waited for."""

    def __init__(
        self, files: list[str], arguments: list[str], *, seconds: float = helper.CPU_SECONDS, alarm: int = 0
    ) -> None:
        request = {"files": files, "arguments": arguments, "seconds": seconds, "alarm": alarm}
        self.pid = _send_request(request | {"environ": dict(os.environ)})
        self.returncode: int | None = None
        self._waiting = threading.Lock()
        self.running.add(self.pid)

    def wait(self) -> int:
        """Wait for the end of the crawl and return its exit code."""
        with self._waiting:
            if self.returncode is None:
                self.returncode = _send_request({"wait": self.pid})
                self.running.discard(self.pid)
            return self.returncode

    def kill(self) -> None:
        """Kill the process."""
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)


class ForkedChild(ForkedCrawl):
    """Stand-in for ``subprocess.Popen`` in the workers: starts the same crawl without its second of imports.

    The command is ``python -m crawler JOB``; its output is read through a pipe.
    """

    def __init__(self, command: list[str], *, stdout: int, stderr: BinaryIO, **_: object) -> None:
        assert command[1:3] == ["-m", "crawler"]
        assert stdout == subprocess.PIPE
        with TemporaryDirectory() as name:
            pipe = Path(name) / "lines"
            os.mkfifo(pipe)
            super().__init__([os.devnull, str(pipe), stderr.name], command[3:])
            self.stdout = pipe.open("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.wait()


forked_subprocess = SimpleNamespace(Popen=ForkedChild, DEVNULL=subprocess.DEVNULL, PIPE=subprocess.PIPE)
"""Stand-in for the module ``subprocess``."""


def _send_request(request: dict[str, Value]) -> int:
    """Send a request to the forking process and return its reply."""
    pipes = _forking_process()
    assert pipes.stdin is not None
    assert pipes.stdout is not None
    with _FORK_LOCK:
        print(json.dumps(request), file=pipes.stdin, flush=True)
        return int(pipes.stdout.readline())


@cache
def _forking_process() -> "subprocess.Popen[str]":
    """Start the forking process at the first crawl. It ends with this process, when its standard input closes."""
    command = [sys.executable, "-W", "error::DeprecationWarning:crawler", "-m", "tests.assets.crawl_forks"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    atexit.register(process.communicate)
    return process


def build_job(folder: Path, **job: Value) -> bytes:
    """Return the JSON of a job for tests."""
    defaults = {"bytes_dir": str(folder / "bytes"), "allowed_networks": LOOPBACK}
    politeness = FAST | job.pop("politeness", {})
    return json.dumps(defaults | {"politeness": politeness} | job).encode()


def start(folder: Path, out: Path, **job: Value) -> subprocess.Popen[bytes]:
    """Start a job that writes its lines to a file."""
    path = folder / "job.json"
    path.write_bytes(build_job(folder, **job))
    return subprocess.Popen([sys.executable, "-m", "crawler", str(path), "--out", str(out)], cwd=ROOT)


def large_site(site: Site, pages: int, images: int) -> None:
    """Serve a sequence of pages, each with its own images and links to the next two pages."""
    for page in range(pages):
        names = [f"/i/{page}-{n}.jpg" for n in range(images)]
        links = "".join(f'<a href="/{page + step}">next</a>' for step in (1, 2) if page + step < pages)
        site.page(f"/{page}", links + "".join(f'<img src="{name}">' for name in names))
        for n, name in enumerate(names):
            site.image(name, page * images + n)


def has_delay(site: Site, delay: float) -> bool:
    """Return True if requests were ``delay`` seconds apart on average.

    A busy machine may record one of them late, by up to half a delay.
    """
    times = [request.at for request in site.requests if not request.path.startswith(("/robots", "/.well-known"))]
    return len(times) > 1 and times[-1] - times[0] >= delay * (len(times) - 1.5)


WORDS = " ".join(f"word{number}" for number in range(60))
"""A text long enough to be compared with others."""
