"""Cost of each page of the site with a seeded database (:mod:`bench.seed`): ``python -m bench.desk``.

A signed-in user requests every page and every list of the API repeatedly, each time for a different object. Server
time, database queries and bytes of the responses are measured. Meanwhile, the product crawls continuously.
"""

import argparse
import io
import logging
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, islice
from math import ceil
from pathlib import Path
from statistics import median
from string import Formatter
from typing import TYPE_CHECKING, Any, Final

from bench.seed import OWNER, USER_EMAIL
from demo.pictures import generate_textured
from demo.product import CommandError, Product
from exhibit.clock import now
from registry.configuration import load_config
from tests.assets.processes import free_port

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

    from django.test import Client
    from django.urls.resolvers import URLPattern

HOST: Final = "127.0.0.2"
SCENE_COUNT, PICTURES_PER_PAGE = 24, 6
"""Number of different scenes, and of pictures per page. The bytes of all pictures differ."""
START_TIMEOUT: Final = 120.0
PRODUCT_SETTINGS: Final = {
    "EXHIBIT_ALLOWED_NETWORKS": f"{HOST}/32",
    "EXHIBIT_CAPTURE_BROWSER": "none",
    "EXHIBIT_TICK_SECONDS": "1",
}


@contextmanager
def run_crawl(data: Path) -> Iterator[Callable[[], int]]:
    """Let the product of a data folder crawl continuously for the duration of the block. Django must be set up.

    Args:
        data: Data folder of the product.

    Yields:
        Function that returns the number of pictures that the crawl has fetched so far, which is not 0.

    Raises:
        CommandError: The crawl does not start.
    """
    product = Product(
        {"EXHIBIT_DATA": str(data), "EXHIBIT_WEB_PORT": str(free_port()), **PRODUCT_SETTINGS}, data / "beside.log"
    )
    with ExitStack() as stack:
        served_count, has_started, site_url = stack.enter_context(_run_endless_site())
        stack.callback(product.run, "down", accepted_codes=frozenset({0, 1, 3}))
        product.run("up", "--detach")
        name = f"Beside {now():%Y-%m-%d %H:%M:%S}"
        # No page is requested twice, and the site is local, so it needs no delay.
        pace_options = ("--delay", "0", "--pages", "1000000", "--depth", "1000000", "--every", "365d")
        product.run("watch", "add", name, "--owner", OWNER, "--site", site_url, *pace_options)
        product.run("watch", "run", name, "--owner", OWNER)
        stack.callback(_stop_crawl, name)
        if not has_started.wait(START_TIMEOUT):
            raise CommandError("The crawl doesn't begin.", hint=f"Its commands are in {product.log}.")
        yield lambda: int(served_count.value)


def _stop_crawl(name: str) -> None:
    """Stop the crawl and keep its results, so that it does not continue later."""
    from registry.crawls import crawling
    from registry.models import Crawl

    for crawl in Crawl.objects.filter(watch__name=name):
        crawling.stop_crawl(crawl.pk)


@contextmanager
def _run_endless_site() -> "Iterator[tuple[Synchronized[int], Event, str]]":
    """Serve a site from a separate process. Yields the picture count, an event for the first full page, and the URL."""
    context = multiprocessing.get_context("spawn")
    served, started, port = context.Value("i", 0), context.Event(), free_port()
    process = context.Process(target=_serve, args=(port, served, started), daemon=True)
    process.start()
    try:
        yield served, started, f"http://{HOST}:{port}/0"
    finally:
        process.terminate()
        process.join()


def _serve(port: int, counter: "Synchronized[int]", started: "Event") -> None:
    scenes = []
    for number in range(SCENE_COUNT):
        out = io.BytesIO()
        generate_textured(number, (1024, 768)).save(out, format="JPEG", quality=80)
        scenes.append(out.getvalue())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            if name.isdecimal():
                self._send("text/html", _make_page(int(name)))
            elif name.endswith(".jpg"):
                number = int(name.removesuffix(".jpg"))
                with counter.get_lock():
                    counter.value += 1
                    if counter.value == PICTURES_PER_PAGE:
                        started.set()
                self._send("image/jpeg", scenes[number % SCENE_COUNT] + str(number).encode())
            else:
                self._send("text/plain", b"", HTTPStatus.NOT_FOUND)

        def _send(self, media_type: str, body: bytes, status: HTTPStatus = HTTPStatus.OK) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Do not log requests."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Ignore a stopped crawler that disconnects during a response."""

    Server((HOST, port), Handler).serve_forever()


def _make_page(number: int) -> bytes:
    """Return a page that shows some pictures and links to two others."""
    pictures = range(number * PICTURES_PER_PAGE, (number + 1) * PICTURES_PER_PAGE)
    image_tags = "".join(f'<img src="/{picture}.jpg" alt="">' for picture in pictures)
    links = f'<a href="/{2 * number + 1}">On</a> <a href="/{2 * number + 2}">Also</a>'
    return f"<!doctype html><title>Page {number}</title>{image_tags}{links}".encode()


MAX_MS, MAX_QUERIES = 200, 25
EXCLUDED_PAGES = {"sign-out", "metrics", "healthz", "log-checkpoint", "log-tile", "log-entries"}
QUERIES_BY_PAGE = {
    "bundles": ("q=party-2", "party=party-1.example", "page=40"),
    "cases": (
        "state=all",
        "state=all&q=party-15.example/shop/778",
        "state=all&q=nowhere.example/x",
        "state=all&q=%23312",
        "q=party-1",
        "q=nothing+of+the+kind",
        "sort=reach&group=work",
        "state=all&skip=10000",
    ),
    "downloads": ("packages=20&reports=20",),
    "licences-for": ("cases=1+2+3+4+5+6+7+8+9+10",),
    "notices": ("page=80", "state=sent"),
    "works": (
        "q=harbour+photographer",
        "q=nothing+of+the+kind",
        "only=seen",
        "only=unsafe",
        "only=doubtful",
        "page=1900",
    ),
}
"""Query strings of pages, in addition to the empty one."""
SEEDED_PARAMETERS = frozenset({"owner", "number", "bundle", "crawl"})
"""Parameters of API paths for which there are seeded objects."""
DEEP_QUERY = "cursor=after-15000&limit=100"
"""Query string of API lists, in addition to the empty one."""


@dataclass(frozen=True, slots=True)
class PageMeasurements:
    """Measurements of a page.

    Attributes:
        name: Name of its URL.
        milliseconds: Server time of each request.
        queries: Number of database queries of each request.
        kilobytes: Size of each response.
    """

    name: str
    milliseconds: Sequence[float]
    queries: Sequence[int]
    kilobytes: Sequence[float]

    @property
    def is_slow(self) -> bool:
        """True if the page exceeds a target at the 95th percentile."""
        return compute_percentile(self.milliseconds) > MAX_MS or compute_percentile(self.queries) > MAX_QUERIES


def compute_percentile(values: Sequence[float], fraction: float = 0.95) -> float:
    """Return the value that this fraction of the values does not exceed."""
    return sorted(values)[max(0, ceil(fraction * len(values)) - 1)]


def measure_pages(client: "Client", times: int) -> Iterator[PageMeasurements]:
    """Request every page that a member can open, except those that need data that are not seeded."""
    for pattern in sorted(_list_url_patterns(), key=lambda entry: str(entry.name)):
        name = str(pattern.name)
        if pattern.name is None or name in EXCLUDED_PAGES:
            continue
        for query in ("", *QUERIES_BY_PAGE.get(name, ())):
            addresses = _generate_urls(pattern, query, random.Random(name))  # The seed is independent of other pages.
            yield from _measure_page(client, times, f"{name} {query}".strip(), addresses, "text/html")


def _generate_urls(pattern: "URLPattern", query: str, rng: random.Random) -> Iterator[str]:
    """Yield URLs of a page, each for a different object."""
    from django.urls import reverse

    name = str(pattern.name)
    while True:
        values = {key: _choose_value(name, key, rng) for key in pattern.pattern.converters}
        yield reverse(name, kwargs=values) + (f"?{query}" if query else "")


def measure_api(client: "Client", times: int) -> Iterator[PageMeasurements]:
    """Request every seeded list and object of the API."""
    from desk.api.api import api

    for path, operations in sorted(api.get_openapi_schema()["paths"].items()):
        if "get" not in operations:
            continue
        if not SEEDED_PARAMETERS.issuperset(name for _, name, _, _ in Formatter().parse(path) if name):
            continue
        is_list = operations["get"]["operationId"].startswith("list_")
        for query in ("", DEEP_QUERY) if is_list else ("",):
            addresses = _generate_api_urls(path, query, random.Random(path))
            yield from _measure_page(client, times, f"{path} {query}".strip(), addresses, "application/json")


def _generate_api_urls(path: str, query: str, rng: random.Random) -> Iterator[str]:
    """Yield URLs of a response, each for a different object."""
    kind = path.removeprefix("/api/v1/owners/{owner}")
    while True:
        values = {key: _choose_value(kind, key, rng) for key in ("number", "bundle", "crawl")}
        yield path.format_map({"owner": OWNER, **values}) + (f"?{query}" if query else "")


def _measure_page(
    client: "Client", times: int, name: str, urls: Iterator[str], media_type: str
) -> Iterator[PageMeasurements]:
    """Yield the measurements of a page; nothing if it does not exist."""
    measurements: list[tuple[float, int, float]] = []
    for url in islice(urls, times + 1):
        measurement = _measure_request(client, url, media_type)
        if measurement is None:
            return
        measurements.append(measurement)
    milliseconds, queries, kilobytes = zip(*measurements[1:], strict=True)  # The first request loads templates.
    yield PageMeasurements(name, milliseconds, queries, kilobytes)


def _list_url_patterns() -> "Iterator[URLPattern]":
    from django.urls import get_resolver
    from django.urls.resolvers import URLPattern

    pending: list[Any] = [get_resolver()]
    while pending:
        entry = pending.pop()
        if isinstance(entry, URLPattern):
            if entry.lookup_str.startswith("desk."):  # Only Exhibit's pages.
                yield entry
        elif not entry.namespace:  # The API has no pages.
            pending += entry.url_patterns


def _choose_value(name: str, key: str, rng: random.Random) -> object:
    """Return a value that exists in the seeded database."""
    from registry import models

    models_by_prefix: Mapping[str, Any] = {
        "package": models.Package,
        "report": models.Report,
        "notice": models.Notice,
        "upload": models.Upload,
        "case": models.Case,
        "work": models.Work,
        "licence": models.Licence,
    }
    model = next((candidate for prefix, candidate in models_by_prefix.items() if prefix in name), models.Watch)
    if key == "slug":
        return OWNER
    if key == "match":
        return rng.randint(1, models.CaseSighting.objects.count())
    if key == "bundle":
        return 1
    return rng.randint(1, min(model.objects.count(), 20) if model is models.Watch else model.objects.count())


def _measure_request(client: "Client", url: str, media_type: str) -> tuple[float, int, float] | None:
    """Return milliseconds, queries and kilobytes of a response; ``None`` if it is missing or of another media type."""
    with _count_queries() as queries:
        start_time = time.perf_counter()
        response = client.get(url)
        duration = (time.perf_counter() - start_time) * 1000
    if response.status_code != 200 or not response.headers.get("Content-Type", "").startswith(media_type):
        return None
    return duration, len(queries), len(response.content) / 1000


@contextmanager
def _count_queries() -> Iterator[list[str]]:
    from django.db import connection

    queries: list[str] = []

    def record_query(execute: Any, query: str, *rest: Any) -> Any:  # noqa: ANN401 - Django's wrapper
        queries.append(query)
        return execute(query, *rest)

    with connection.execute_wrapper(record_query):
        yield queries


def main() -> int:
    """Measure every page. Returns 1 if one exceeds a target, 2 if nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.desk", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="requests per page (default: 20)")
    parser.add_argument("--quiet", action="store_true", help="run no crawl at the same time")
    options = parser.parse_args()
    os.environ["EXHIBIT_API_REQUESTS_A_MINUTE"] = "1000000"  # Repeated requests must not be limited.
    from workers.servers.keeper import ensure_servers

    config = load_config()
    with ensure_servers(config):
        from workers.database.schema import migrate

        migrate()
        from django.test import Client

        from registry.models import User

        user = User.objects.filter(email=USER_EMAIL).first()
        if user is None:
            print("There is no data. Create it: python -m bench.seed", file=sys.stderr)
            return 2
        logging.getLogger("django.request").setLevel(logging.ERROR)  # For objects that are not seeded.
        client = Client(SERVER_NAME="localhost")
        client.force_login(user)
        with nullcontext() if options.quiet else run_crawl(config.data_dir) as count_served:
            crawl_start, start_time = count_served() if count_served else 0, time.perf_counter()
            slow = _print_pages(chain(measure_pages(client, options.times), measure_api(client, options.times)))
            seconds = time.perf_counter() - start_time
            crawled_count = count_served() - crawl_start if count_served else 0
    if count_served is None:
        return int(bool(slow))
    print(f"Concurrent crawl: {crawled_count:,} pictures in {seconds:.0f} s, {crawled_count / seconds:.1f} per second.")
    if crawled_count < seconds:
        print("The crawl fetched less than one picture per second, so the measurements are invalid.", file=sys.stderr)
        return 2
    return int(bool(slow))


def _print_pages(measured_pages: Iterator[PageMeasurements]) -> int:
    """Print a line for each page. Returns the number of pages that exceed a target."""
    slow = 0
    print(f"{'page':<76} {'ms':>6} {'95%':>6} {'queries':>8} {'95%':>4} {'kB':>7}")
    for page in measured_pages:
        slow += page.is_slow
        measurements = f"{median(page.milliseconds):>6.0f} {compute_percentile(page.milliseconds):>6.0f}"
        sizes = f"{median(page.queries):>8.0f} {compute_percentile(page.queries):>4.0f} {median(page.kilobytes):>7.1f}"
        print(f"{page.name:<76} {measurements} {sizes}{'  beyond' if page.is_slow else ''}", flush=True)
    return slow


if __name__ == "__main__":
    sys.exit(main())
