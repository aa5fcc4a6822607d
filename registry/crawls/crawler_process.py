"""Run the crawler as a child process, which may die at any time, and read its output line by line."""

import selectors
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import crawler
from crawler.formats.job import Job
from exhibit.errors import ExitCode, ServiceMissingError
from exhibit.logs import read_last_lines

_READ_SIZE = 1 << 16
_CHECKOUT = Path(crawler.__file__).parents[1]


@contextmanager
def crawl_child(job: Job, spool: Path, *, pause: float) -> Iterator[Iterator[bytes | None]]:
    """Run the crawler for the duration of the block, then kill the process.

    Yields an iterator over the child's output: complete lines with their newline, and ``None`` after ``pause`` seconds
    without output. An incomplete last line is dropped. The iterator raises ``ServiceMissingError`` if the child ended
    because it cannot write. The job file and the child's messages are stored in ``spool``, which is created if needed.
    """
    for folder in (spool.parent, spool, job.bytes_dir):  # never creates the data folder, which may have been moved
        folder.mkdir(mode=0o700, exist_ok=True)
    job_file = spool / "job.json"
    job_file.write_text(job.to_json(), encoding="utf-8")
    command = [sys.executable, "-m", "crawler", str(job_file)]
    with (
        (spool / "child.log").open("wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, cwd=_CHECKOUT
        ) as process,
    ):
        try:
            yield _iterate_lines(process, spool, pause)
        finally:
            process.kill()


def _iterate_lines(process: "subprocess.Popen[bytes]", spool: Path, pause: float) -> Iterator[bytes | None]:
    assert process.stdout is not None
    incomplete_line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(pause):
                yield None
                continue
            chunk = process.stdout.read1(_READ_SIZE)  # type: ignore[attr-defined] # a pipe's reader is buffered
            if not chunk:
                if process.wait() == ExitCode.SERVICE_MISSING:
                    raise ServiceMissingError(read_last_lines(spool, "child", 1).removeprefix("crawler: "))
                return
            *complete_lines, incomplete_line = (incomplete_line + chunk).split(b"\n")
            yield from (line + b"\n" for line in complete_lines)
