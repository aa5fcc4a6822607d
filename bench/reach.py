"""Fraction of the pictures requested by a browser on real pages that the crawler finds: ``python -m bench.reach``.

The pages are demonstrations, themes, documentation and applications that are included in packages. Registry clients
download the packages, and a local server serves the pages. Other hosts are not contacted; pictures on them are counted
by URL. The crawler reads the pages twice: as served, and with a browser for pages where rendering seems useful.
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

from bench.common import Row, describe_machine, print_table, save_rows
from bench.crawling import serve_folder
from crawler.formats.job import Job, Kind, Limits, Politeness, Render, Target
from crawler.formats.lines import PageLine, read_lines
from exhibit.files.delimited import read_records

_TIMEOUT_SECONDS = 300
_CLIENT_COMMANDS: Mapping[str, Sequence[str]] = {
    "npm": ("npm", "pack", "--silent", "{0}@{1}"),
    "pypi": ("pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "{0}=={1}"),
    "pypi-source": ("pip", "download", "--quiet", "--no-deps", "--no-binary=:all:", "{0}=={1}"),
    "debian": ("apt-get", "download", "-qq", "{0}={1}"),
}
"""Commands that download a package into the current folder, by registry. {0} is the name, {1} the version."""


def fetch_package(folder: Path, registry: str, package: str, version: str) -> Path | None:
    """Download and unpack a package below this folder, once. Returns its files, or None, with a message, on failure.

    With the registry ``folder``, the package is the path of a local folder, such as a checkout of a site.
    """
    if registry == "folder":
        return Path(package)
    package_folder = folder / f"{package.replace('/', '-')}-{version}"
    if package_folder.exists():
        return package_folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work_folder = Path(name)
        command = [part.format(package, version) for part in _CLIENT_COMMANDS[registry]]
        result = None
        if shutil.which(command[0]) is not None:
            result = subprocess.run(
                command, cwd=work_folder, capture_output=True, check=False, timeout=_TIMEOUT_SECONDS
            )
        archives = list(work_folder.iterdir())
        if result is None or result.returncode or len(archives) != 1:
            print(f"{package} {version} cannot be fetched with {command[0]} and is skipped.", file=sys.stderr)
            return None
        _unpack_archive(archives[0], work_folder / "files")
        (work_folder / "files").rename(package_folder)
    return package_folder


def _unpack_archive(archive: Path, folder: Path) -> None:
    if archive.suffix == ".deb":
        subprocess.run(["dpkg-deb", "--extract", archive, folder], check=True, timeout=_TIMEOUT_SECONDS)
    elif archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as package:
            package.extractall(folder)  # noqa: S202 - zipfile leaves no name above the folder
    else:
        with tarfile.open(archive) as package:
            package.extractall(folder, filter="data")


SITES_FILE = Path(__file__).with_name("reach_sites.csv")
PAGES_PER_PACKAGE = 30
"""Maximum number of pages of a package, so that a package with hundreds does not outweigh the others."""
_SETTLE_MS = 700
_MAX_TABS = 3
_HOST_NUMBERS = itertools.count(1)
_MIN_PAGE_BYTES = 200
"""Minimum bytes of a page. Smaller pages only redirect."""
_VECTOR_SUFFIXES = (".svg", ".svgz")
_PIXEL_GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_SCROLL_SCRIPT = """async () => {
  for (let top = 0; top < Math.min(document.documentElement.scrollHeight, 20000); top += innerHeight) {
    scrollTo(0, top); await new Promise((done) => setTimeout(done, 40));
  }
}"""


@dataclass
class PageCoverage:
    """Pictures requested by the browser and found by the crawler on one page."""

    url: str
    site: str  # Base URL of the package, with a separate host.
    package: str
    kind: str
    requested_urls: set[str] = field(default_factory=set)  # Pictures requested by the browser.
    responses: list[str] = field(default_factory=list)  # Received HTML and style sheets, including inline scripts.
    needs_other_hosts: bool = False  # True if scripts from other hosts or data for scripts are missing.
    crawled_urls: set[str] = field(default_factory=set)  # URLs that the crawler requested or refused.
    rendered_crawl_urls: set[str] = field(default_factory=set)  # The same with rendering.
    is_rendered: bool = False  # True if the page was rendered in the run with rendering.

    def is_in_source(self, picture: str) -> bool:
        """Return True if the file name of a picture occurs in the server's responses."""
        name = urlsplit(picture).path.rpartition("/")[2]
        names = {name, unquote(name), quote(unquote(name))} - {""}
        return any(candidate in text for text in self.responses for candidate in names)

    @property
    def is_held_out(self) -> bool:
        """True if its package belongs to the third that is held out for evaluation."""
        return is_held_out_package(self.package)

    @property
    def is_complete(self) -> bool:
        """True if the crawler finds all pictures of the page as served, so that rendering is not needed."""
        return self.requested_urls <= self.crawled_urls


def main() -> int:
    """Download, serve and crawl the pages; print tables and save them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.reach", description=__doc__)
    parser.add_argument(
        "--sites",
        type=Path,
        default=SITES_FILE,
        help="a CSV of package, version, kind, registry, root and pages (folders)",
    )
    parser.add_argument("--each", type=int, default=PAGES_PER_PACKAGE, help="maximum pages per package")
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument("--without-aside", action="store_true", help="skip the packages that are held out")
    parser.add_argument("--missed", action="store_true", help="print missed pictures, and pages rendered without gain")
    options = parser.parse_args()
    if shutil.which("npm") is None or shutil.which("chromium") is None:
        print("npm and chromium are required. Install them and run the command again.", file=sys.stderr)
        return 3
    sites = list(read_records(options.sites))
    with contextlib.ExitStack() as stack:
        selected = (site for site in sites if not (options.without_aside and is_held_out_package(site["package"])))
        pages = [page for site in selected for page in _serve_site(stack, site, options.out / "reach", options.each)]
        asyncio.run(_open_pages(pages))
        served_packages = {page.package for page in pages if page.requested_urls or not page.needs_other_hosts}
        without_pictures = sorted({page.package for page in pages} - served_packages)
        print(
            f"{len(without_pictures)} packages show no pictures without other hosts: {', '.join(without_pictures)}",
            file=sys.stderr,
        )
        _crawl_pages(pages := [page for page in pages if page.package in served_packages])
    print(describe_machine())
    for name, title, rows in (
        ("reach", "Pictures of real pages, without rendering", build_rows_by_kind(pages, _build_row)),
        (
            "reach_rendering",
            "Pictures of real pages, rendered where that promises some",
            build_rows_by_kind(pages, build_rendered_row),
        ),
    ):
        print_table(title, rows)
        save_rows(options.out, name, rows)
    if options.missed:
        _print_missed(pages)
    return 0


def is_held_out_package(package: str) -> bool:
    """Return True if a package belongs to the third that is held out for evaluation."""
    return int(sha256(package.encode()).hexdigest(), 16) % 3 == 0


def _serve_site(
    stack: contextlib.ExitStack, site: Mapping[str, str], out: Path, max_pages: int
) -> Iterator[PageCoverage]:
    """Serve a package until the stack is closed, and yield its pages."""
    folder = fetch_package(out, site["registry"], site["package"], site["version"])
    if folder is None:
        return
    root = folder / site["root"]
    base = stack.enter_context(serve_folder(root, f"127.0.1.{next(_HOST_NUMBERS)}"))
    for path in _list_pages(root, site["pages"], max_pages):
        yield PageCoverage(f"{base}/{quote(path)}", base, site["package"], site["kind"])


def _list_pages(root: Path, folder: str, max_pages: int) -> list[str]:
    """Return paths of evenly selected HTML pages below a folder of the site."""
    html_files = (
        path for path in (root / folder).rglob("*.htm*") if path.is_file() and path.stat().st_size > _MIN_PAGE_BYTES
    )
    paths = sorted(str(path.relative_to(root)) for path in html_files)
    return paths[:: max(1, -(-len(paths) // max_pages))]


async def _open_pages(pages: Sequence[PageCoverage]) -> None:
    """Open each page, scroll down, and record the pictures that it requests. Other hosts return one pixel."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        tab_limit = asyncio.Semaphore(_MAX_TABS)
        await asyncio.gather(*(_load_page(browser, tab_limit, page) for page in pages))
        await browser.close()


async def _load_page(browser: Browser, tab_limit: asyncio.Semaphore, page: PageCoverage) -> None:
    async with tab_limit:
        context = await browser.new_context(viewport={"width": 1280, "height": 900})
        await _record_requests(context, page)
        await context.close()


async def _record_requests(context: BrowserContext, page: PageCoverage) -> None:
    tab = await context.new_page()

    async def handle_route(route: Route) -> None:
        request = route.request
        if request.is_navigation_request() and request.frame == tab.main_frame and page.responses:
            await route.abort()  # Navigation to another page.
            return
        if request.resource_type == "image":
            page.requested_urls.add(urldefrag(request.url).url)
        if request.url.startswith(page.site):
            response = await route.fetch()
            if request.resource_type == "image" and not response.ok:
                page.requested_urls.discard(urldefrag(request.url).url)
            if request.resource_type in ("document", "stylesheet") and request.frame == tab.main_frame:
                page.responses.append((await response.body()).decode("utf-8", "replace"))
            await route.fulfill(response=response)
        elif request.resource_type == "image":
            await route.fulfill(body=_PIXEL_GIF, content_type="image/gif")
        else:
            page.needs_other_hosts |= request.resource_type in ("script", "xhr", "fetch")
            await route.abort()

    await tab.route(re.compile(".*"), handle_route)
    try:
        await tab.goto(page.url, wait_until="load", timeout=60_000)
        await tab.evaluate(_SCROLL_SCRIPT)
        await tab.wait_for_timeout(_SETTLE_MS)
    except Exception as error:  # noqa: BLE001 - pages that fail are left out, whatever the error
        print(f"{page.url}: {str(error).splitlines()[0]}", file=sys.stderr)
    await tab.unroute_all(behavior="ignoreErrors")
    await tab.close()
    page.requested_urls = {url for url in page.requested_urls if _is_counted_picture(url)}


def _is_counted_picture(url: str) -> bool:
    """Return True if a picture counts: not a vector image, a favicon or a data URL."""
    path = urlsplit(url).path.lower()
    return url.startswith("http") and not path.endswith(_VECTOR_SUFFIXES) and "favicon" not in path


def _crawl_pages(pages: Iterable[PageCoverage]) -> None:
    """Crawl exactly these URLs twice: without and with rendering."""
    by_url = {page.url: page for page in pages}
    served_lines, rendered_lines = (_run_crawler(by_url, render) for render in (Render.NEVER, Render.AUTO))
    refused_urls, refused_rendered_urls = _list_refused_urls(served_lines), _list_refused_urls(rendered_lines)
    for line in served_lines:
        page = by_url[line.url]
        page.crawled_urls |= _list_urls(line) | (refused_urls & page.requested_urls)
    for line in rendered_lines:
        page = by_url[line.url]
        page.rendered_crawl_urls |= _list_urls(line) | (refused_rendered_urls & page.requested_urls)
        page.is_rendered |= line.render_seconds > 0


def _run_crawler(by_url: Mapping[str, PageCoverage], render: Render) -> list[PageLine]:
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
        result = subprocess.run([sys.executable, "-m", "crawler", str(path)], capture_output=True, check=True)
    output = read_lines(result.stdout.splitlines(keepends=True))
    return [line for line in output if isinstance(line, PageLine) and line.url in by_url]


def _list_urls(line: PageLine) -> set[str]:
    return {sighting.image_url for sighting in line.sightings} | _list_refused_urls([line])


def _list_refused_urls(lines: Iterable[PageLine]) -> set[str]:
    """Return the refused URLs. A job reports each only once, however many pages show it."""
    return {refusal.url for line in lines for refusal in line.refusals}


def build_rows_by_kind(
    pages: Sequence[PageCoverage], build_row: Callable[[str, Sequence[PageCoverage]], Row]
) -> list[Row]:
    """Return a row for each kind, for all pages, for held-out packages, and for the other packages."""
    kinds = dict.fromkeys(page.kind for page in pages)
    groups = [(kind, [page for page in pages if page.kind == kind]) for kind in kinds]
    groups += [
        ("**all**", list(pages)),
        ("of packages that were looked at", [page for page in pages if not page.is_held_out]),
        ("of packages kept aside", [page for page in pages if page.is_held_out]),
    ]
    return [build_row(name, group) for name, group in groups]


def _build_row(kind: str, pages: Sequence[PageCoverage]) -> Row:
    requested = sum(len(page.requested_urls) for page in pages)
    crawled = sum(len(page.requested_urls & page.crawled_urls) for page in pages)
    in_source = [(page, picture) for page in pages for picture in page.requested_urls if page.is_in_source(picture)]
    crawled_in_source = sum(picture in page.crawled_urls for page, picture in in_source)
    return {
        "pages": kind,
        "number": len(pages),
        "pictures that the browser asks for": requested,
        "found": _format_fraction(crawled, requested),
        "of them named in HTML or CSS": len(in_source),
        "of those found": _format_fraction(crawled_in_source, len(in_source)),
        "found besides": sum(len(page.crawled_urls - page.requested_urls) for page in pages),
    }


def build_rendered_row(kind: str, pages: Sequence[PageCoverage]) -> Row:
    """Return the results with rendering, and the number of pages that were rendered without need."""
    requested = sum(len(page.requested_urls) for page in pages)
    by_script = [(page, picture) for page in pages for picture in page.requested_urls if not page.is_in_source(picture)]
    complete_pages = [page for page in pages if page.is_complete]
    needless_renderings = sum(page.is_rendered for page in complete_pages)
    return {
        "pages": kind,
        "number": len(pages),
        "pictures": requested,
        "found": _format_fraction(
            sum(len(page.requested_urls & page.rendered_crawl_urls) for page in pages), requested
        ),
        "pictures that scripts name": len(by_script),
        "of those found": _format_fraction(
            sum(url in page.rendered_crawl_urls for page, url in by_script), len(by_script)
        ),
        "pages rendered": sum(page.is_rendered for page in pages),
        "pages that needed none": len(complete_pages),
        "of those rendered": f"{needless_renderings} ({_format_fraction(needless_renderings, len(complete_pages))})",
    }


def _format_fraction(part: int, total: int) -> str:
    return f"{part / total:.1%}" if total else "–"


def _print_missed(pages: Iterable[PageCoverage]) -> None:
    for page in pages:
        path = urlsplit(page.url).path
        for picture in sorted(page.requested_urls - page.rendered_crawl_urls):
            origin = "in bytes" if page.is_in_source(picture) else "by script"
            print("missed", origin, "rendered" if page.is_rendered else "as served", path, picture)
        if page.is_rendered and page.is_complete:
            print("in vain", path)


if __name__ == "__main__":
    sys.exit(main())
