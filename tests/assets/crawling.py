"""Running the crawler as its users do: a job in, a child process, lines and bytes out."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from crawler.formats.lines import EndLine, Line, PageLine, RefusalLine, read_lines
from exhibit.digests import Digest
from exhibit.types import Sighting
from tests.assets.site import Site

Value: TypeAlias = Any
"""Any JSON value."""

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = ["127.0.0.0/8"]
FAST = {"delay": 0, "concurrency_per_host": 4, "autothrottle": False}


@dataclass(frozen=True, slots=True)
class Crawled:
    """What a crawl left."""

    lines: tuple[Line, ...]
    code: int
    folder: Path
    errors: str

    @property
    def pages(self) -> list[PageLine]:
        return [line for line in self.lines if isinstance(line, PageLine)]

    @property
    def refusals(self) -> dict[str, str]:
        """Reasons by address, of lines and of images."""
        of_lines = {line.url: line.reason for line in self.lines if isinstance(line, RefusalLine)}
        return of_lines | {one.url: one.reason for page in self.pages for one in page.refusals}

    @property
    def sightings(self) -> list[Sighting]:
        return [one for page in self.pages for one in page.sightings]

    @property
    def end(self) -> EndLine:
        (end,) = (line for line in self.lines if isinstance(line, EndLine))
        return end

    def sighting(self, url: str) -> Sighting:
        """The first sighting of an image address."""
        return next(one for one in self.sightings if one.image_url == url)

    def bytes_of(self, sighting: Sighting) -> bytes:
        """The bytes that were kept for a sighting."""
        return (self.folder / sighting.digest.hex).read_bytes()


def crawl(folder: Path, **job: Value) -> Crawled:
    """Run a job to its end; loopback is allowed and nobody is spared, unless the job says otherwise."""
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:crawler", "-m", "crawler", "-"],
        input=whole_job(folder, **job),
        capture_output=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    errors = done.stderr.decode()
    assert "Traceback" not in errors, errors
    kept = folder / "bytes"
    for path in kept.iterdir() if kept.exists() else ():
        assert Digest.of_file(path).hex == path.name
    return Crawled(tuple(read_lines(done.stdout.splitlines(keepends=True))), done.returncode, kept, errors)


def whole_job(folder: Path, **job: Value) -> bytes:
    """The JSON of a job for tests."""
    defaults = {"bytes_dir": str(folder / "bytes"), "allowed_networks": LOOPBACK}
    politeness = FAST | job.pop("politeness", {})
    return json.dumps(defaults | {"politeness": politeness} | job).encode()


def start(folder: Path, out: Path, **job: Value) -> subprocess.Popen[bytes]:
    """Start a job whose lines go to a file."""
    path = folder / "job.json"
    path.write_bytes(whole_job(folder, **job))
    return subprocess.Popen([sys.executable, "-m", "crawler", str(path), "--out", str(out)], cwd=ROOT)


def large_site(site: Site, pages: int, images: int) -> None:
    """Pages in a row, each with images of its own and a link to the next two."""
    for page in range(pages):
        names = [f"/i/{page}-{n}.jpg" for n in range(images)]
        links = "".join(f'<a href="/{page + step}">next</a>' for step in (1, 2) if page + step < pages)
        site.page(f"/{page}", links + "".join(f'<img src="{name}">' for name in names))
        for n, name in enumerate(names):
            site.image(name, page * images + n)


def kept(site: Site, delay: float) -> bool:
    """Whether requests came so far apart; a busy machine may notice one of them late by half of it."""
    times = [one.at for one in site.seen if not one.path.startswith(("/robots", "/.well-known"))]
    return len(times) > 1 and times[-1] - times[0] >= delay * (len(times) - 1.5)
