"""``python -m bench.reach``: which pictures of real pages does the crawler see, beside those that a browser asks for?

The pages are demonstrations, themes, documentation and applications that packages bring along. The clients of their
registries fetch them by name; they are served from this machine, and nothing else is reached: what lies elsewhere is
counted by its address. The crawler reads them twice: as served, and with a browser where that promises pictures.
"""

import argparse
import asyncio
import contextlib
import itertools
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag, urlsplit

from playwright.async_api import Browser, BrowserContext, Route, async_playwright

from bench.common import Row, machine, save_rows, show
from bench.crawling import serving
from crawler.formats.job import Job, Kind, Limits, Politeness, Render, Target
from crawler.formats.lines import PageLine, read_lines
from exhibit.files.delimited import records

_SECONDS = 300
_CLIENTS: Mapping[str, Sequence[str]] = {
    "npm": ("npm", "pack", "--silent", "{0}@{1}"),
    "pypi": ("pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "{0}=={1}"),
    "pypi-source": ("pip", "download", "--quiet", "--no-deps", "--no-binary=:all:", "{0}=={1}"),
    "debian": ("apt-get", "download", "-qq", "{0}={1}"),
}
"""Commands that download a package into the current folder, by registry."""


def fetch_package(folder: Path, registry: str, package: str, version: str) -> Path | None:
    """Return the files of a package, downloaded and unpacked once below this folder; None, with a message, on failure.

    In the registry ``folder``, a package is a local folder, such as a checkout of a site.
    """
    if registry == "folder":
        return Path(package)
    unpacked = folder / f"{package.replace('/', '-')}-{version}"
    if unpacked.exists():
        return unpacked
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        command = [part.format(package, version) for part in _CLIENTS[registry]]
        done = None
        if shutil.which(command[0]) is not None:
            done = subprocess.run(command, cwd=place, capture_output=True, check=False, timeout=_SECONDS)
        archives = list(place.iterdir())
        if done is None or done.returncode or len(archives) != 1:
            print(f"{package} {version} cannot be fetched with {command[0]} and is skipped.", file=sys.stderr)
            return None
        _unpack(archives[0], place / "files")
        (place / "files").rename(unpacked)
    return unpacked


def _unpack(archive: Path, folder: Path) -> None:
    if archive.suffix == ".deb":
        subprocess.run(["dpkg-deb", "--extract", archive, folder], check=True, timeout=_SECONDS)
    elif archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)  # noqa: S202 - zipfile leaves no name above the folder
    else:
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")


SITES = Path(__file__).with_name("reach_sites.csv")
PAGES_EACH = 30
"""Pages of a package, evenly selected, so that a package with hundreds does not outweigh all others."""
_SETTLE_MS = 700
_TABS = 3
_HOSTS = itertools.count(1)
_SMALLEST = 200
"""Minimum bytes of a page; smaller ones only redirect."""
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
    """Pictures requested by the browser and found by the crawler on one page."""

    url: str
    site: str  # base URL of the package, with its own host
    package: str
    kind: str
    requested: set[str] = field(default_factory=set)  # pictures requested by the browser
    sent: list[str] = field(default_factory=list)  # received HTML and style sheets, including inline scripts
    needs_others: bool = False  # whether a script from another host, or data requested by scripts, is missing
    crawled: set[str] = field(default_factory=set)  # URLs that the crawler requested or refused
    crawled_rendering: set[str] = field(default_factory=set)  # likewise, with a browser for pages where it seems useful
    is_rendered: bool = False  # whether it was rendered in that run

    def is_in_source(self, picture: str) -> bool:
        """Return True if the name of a picture occurs in the server's responses."""
        name = urlsplit(picture).path.rpartition("/")[2]
        names = {name, unquote(name), quote(unquote(name))} - {""}
        return any(candidate in text for text in self.sent for candidate in names)

    @property
    def is_aside(self) -> bool:
        """True if its package belongs to the third that is reserved for evaluation."""
        return is_aside(self.package)

    @property
    def is_whole(self) -> bool:
        """True if reading the page as served finds all its pictures, so that rendering is not needed."""
        return self.requested <= self.crawled


def main() -> int:
    """Download, serve and compare; print tables and save them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.reach", description=__doc__)
    parser.add_argument(
        "--sites", type=Path, default=SITES, help="a CSV of package, version, kind, registry, root and pages (folders)"
    )
    parser.add_argument("--each", type=int, default=PAGES_EACH, help="maximum pages per package")
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument("--without-aside", action="store_true", help="skip the packages that are held out")
    parser.add_argument("--missed", action="store_true", help="print missed pictures, and pages rendered without gain")
    options = parser.parse_args()
    if shutil.which("npm") is None or shutil.which("chromium") is None:
        print("npm and chromium are required. Install them and run the command again.", file=sys.stderr)
        return 3
    sites = list(records(options.sites))
    with contextlib.ExitStack() as stack:
        selected = (site for site in sites if not (options.without_aside and is_aside(site["package"])))
        pages = [page for site in selected for page in _serve_site(stack, site, options.out / "reach", options.each)]
        asyncio.run(_open_pages(pages))
        served = {page.package for page in pages if page.requested or not page.needs_others}
        without_pictures = sorted({page.package for page in pages} - served)
        print(
            f"{len(without_pictures)} packages show no pictures without other hosts: {', '.join(without_pictures)}",
            file=sys.stderr,
        )
        _crawl(pages := [page for page in pages if page.package in served])
    print(machine())
    for name, title, rows in (
        ("reach", "Pictures of real pages, without rendering", by_kind(pages, _row)),
        (
            "reach_rendering",
            "Pictures of real pages, rendered where that promises some",
            by_kind(pages, rendered_row),
        ),
    ):
        show(title, rows)
        save_rows(options.out, name, rows)
    if options.missed:
        _print_missed(pages)
    return 0


def is_aside(package: str) -> bool:
    """Return True if a package belongs to the third that is reserved for evaluation."""
    return int(sha256(package.encode()).hexdigest(), 16) % 3 == 0


def _serve_site(stack: contextlib.ExitStack, site: Mapping[str, str], out: Path, most: int) -> Iterator[Page]:
    """Yield the pages of a package, which is served until the stack ends."""
    folder = fetch_package(out, site["registry"], site["package"], site["version"])
    if folder is None:
        return
    root = folder / site["root"]
    base = stack.enter_context(serving(root, f"127.0.1.{next(_HOSTS)}"))
    for path in _pages(root, site["pages"], most):
        yield Page(f"{base}/{quote(path)}", base, site["package"], site["kind"])


def _pages(root: Path, folder: str, most: int) -> list[str]:
    """Return paths of HTML pages below a folder of the site, evenly selected."""
    html_files = (
        path for path in (root / folder).rglob("*.htm*") if path.is_file() and path.stat().st_size > _SMALLEST
    )
    every = sorted(str(path.relative_to(root)) for path in html_files)
    return every[:: max(1, -(-len(every) // most))]


async def _open_pages(pages: Sequence[Page]) -> None:
    """Open each page, scroll down, and record the pictures that it requests. Other hosts return one pixel."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        turns = asyncio.Semaphore(_TABS)
        await asyncio.gather(*(_load_page(browser, turns, page) for page in pages))
        await browser.close()


async def _load_page(browser: Browser, turns: asyncio.Semaphore, page: Page) -> None:
    async with turns:
        context = await browser.new_context(viewport={"width": 1280, "height": 900})
        await _show(context, page)
        await context.close()


async def _show(context: BrowserContext, page: Page) -> None:
    tab = await context.new_page()

    async def answer(route: Route) -> None:
        request = route.request
        if request.is_navigation_request() and request.frame == tab.main_frame and page.sent:
            await route.abort()  # navigation to another page
            return
        if request.resource_type == "image":
            page.requested.add(urldefrag(request.url).url)
        if request.url.startswith(page.site):
            response = await route.fetch()
            if request.resource_type == "image" and not response.ok:
                page.requested.discard(urldefrag(request.url).url)
            if request.resource_type in ("document", "stylesheet") and request.frame == tab.main_frame:
                page.sent.append((await response.body()).decode("utf-8", "replace"))
            await route.fulfill(response=response)
        elif request.resource_type == "image":
            await route.fulfill(body=_PIXEL, content_type="image/gif")
        else:
            page.needs_others |= request.resource_type in ("script", "xhr", "fetch")
            await route.abort()

    await tab.route(re.compile(".*"), answer)
    try:
        await tab.goto(page.url, wait_until="load", timeout=60_000)
        await tab.evaluate(_SCROLL)
        await tab.wait_for_timeout(_SETTLE_MS)
    except Exception as error:  # noqa: BLE001 - pages that fail are left out, whatever the error
        print(f"{page.url}: {str(error).splitlines()[0]}", file=sys.stderr)
    await tab.unroute_all(behavior="ignoreErrors")
    await tab.close()
    page.requested = {url for url in page.requested if _is_counted(url)}


def _is_counted(url: str) -> bool:
    """Return True if a picture counts: not a vector image, a favicon or a data URL."""
    path = urlsplit(url).path.lower()
    return url.startswith("http") and not path.endswith(_VECTORS) and "favicon" not in path


def _crawl(pages: Iterable[Page]) -> None:
    """Run the crawler twice, with jobs for exactly these URLs."""
    by_url = {page.url: page for page in pages}
    as_served, rendering = (_lines(by_url, render) for render in (Render.NEVER, Render.AUTO))
    refused, refused_rendering = _refused(as_served), _refused(rendering)
    for line in as_served:
        page = by_url[line.url]
        page.crawled |= _addresses(line) | (refused & page.requested)
    for line in rendering:
        page = by_url[line.url]
        page.crawled_rendering |= _addresses(line) | (refused_rendering & page.requested)
        page.is_rendered |= line.render_seconds > 0


def _lines(by_url: Mapping[str, Page], render: Render) -> list[PageLine]:
    with tempfile.TemporaryDirectory() as name:
        job = Job(
            bytes_dir=Path(name) / "bytes",
            urls=tuple(Target(url=url, kind=Kind.PAGE) for url in by_url),
            follow=False,
            limits=Limits(hosts=1_000, seconds=36_000, request_seconds=5, render_pages=10_000, render_seconds=36_000),
            politeness=Politeness(
                delay=0, concurrency_per_host=8, autothrottle=False, obey_robots=False, obey_reservations=False
            ),
            allowed_networks=("127.0.0.0/8",),
            render=render,
        )
        path = Path(name) / "job.json"
        path.write_text(job.to_json(), encoding="utf-8")
        done = subprocess.run([sys.executable, "-m", "crawler", str(path)], capture_output=True, check=True)
    output = read_lines(done.stdout.splitlines(keepends=True))
    return [line for line in output if isinstance(line, PageLine) and line.url in by_url]


def _addresses(line: PageLine) -> set[str]:
    return {sighting.image_url for sighting in line.sightings} | _refused([line])


def _refused(lines: Iterable[PageLine]) -> set[str]:
    """Return the refused URLs. A job reports each only once, however many pages show it."""
    return {refusal.url for line in lines for refusal in line.refusals}


def by_kind(pages: Sequence[Page], row: Callable[[str, Sequence[Page]], Row]) -> list[Row]:
    """Return a row for each kind, for all, and for the packages reserved for evaluation and the others."""
    kinds = dict.fromkeys(page.kind for page in pages)
    groups = [(kind, [page for page in pages if page.kind == kind]) for kind in kinds]
    groups += [
        ("**all**", list(pages)),
        ("of packages that were looked at", [page for page in pages if not page.is_aside]),
        ("of packages kept aside", [page for page in pages if page.is_aside]),
    ]
    return [row(name, some) for name, some in groups]


def _row(kind: str, pages: Sequence[Page]) -> Row:
    requested = sum(len(page.requested) for page in pages)
    crawled = sum(len(page.requested & page.crawled) for page in pages)
    in_source = [(page, picture) for page in pages for picture in page.requested if page.is_in_source(picture)]
    crawled_in_source = sum(picture in page.crawled for page, picture in in_source)
    return {
        "pages": kind,
        "number": len(pages),
        "pictures that the browser asks for": requested,
        "found": _share(crawled, requested),
        "of them named in HTML or CSS": len(in_source),
        "of those found": _share(crawled_in_source, len(in_source)),
        "found besides": sum(len(page.crawled - page.requested) for page in pages),
    }


def rendered_row(kind: str, pages: Sequence[Page]) -> Row:
    """Return the results with a browser where it seems useful, and how often it was used in vain."""
    requested = sum(len(page.requested) for page in pages)
    by_script = [(page, picture) for page in pages for picture in page.requested if not page.is_in_source(picture)]
    whole = [page for page in pages if page.is_whole]
    in_vain = sum(page.is_rendered for page in whole)
    return {
        "pages": kind,
        "number": len(pages),
        "pictures": requested,
        "found": _share(sum(len(page.requested & page.crawled_rendering) for page in pages), requested),
        "pictures that scripts name": len(by_script),
        "of those found": _share(sum(url in page.crawled_rendering for page, url in by_script), len(by_script)),
        "pages rendered": sum(page.is_rendered for page in pages),
        "pages that needed none": len(whole),
        "of those rendered": f"{in_vain} ({_share(in_vain, len(whole))})",
    }


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _print_missed(pages: Iterable[Page]) -> None:
    for page in pages:
        path = urlsplit(page.url).path
        for picture in sorted(page.requested - page.crawled_rendering):
            place = "in bytes" if page.is_in_source(picture) else "by script"
            print("missed", place, "rendered" if page.is_rendered else "as served", path, picture)
        if page.is_rendered and page.is_whole:
            print("in vain", path)


if __name__ == "__main__":
    sys.exit(main())
