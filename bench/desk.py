"""``python -m bench.desk``: what each page of the site takes at the size of a seeded database (``bench.seed``).

Every page and every list of the API is asked for again and again, each time about another thing, by a person who is
signed in: the time of the server, the questions to the database, and the bytes of the answer. The product runs
meanwhile and crawls without a pause.
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

from bench.seed import OWNER, PERSON
from demo.pictures import textured
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
SCENES, PICTURES_PER_PAGE = 24, 6
"""Scenes, and pictures on a page. All pictures of the site have different bytes."""
START_TIMEOUT: Final = 120.0
SETTINGS: Final = {
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
        Function that returns how many pictures the site has served to the crawl so far; at least some.

    Raises:
        CommandError: The crawl does not start.
    """
    product = Product(
        {"EXHIBIT_DATA": str(data), "EXHIBIT_WEB_PORT": str(free_port()), **SETTINGS}, data / "beside.log"
    )
    with ExitStack() as stack:
        served, has_started, address = stack.enter_context(_endless_site())
        stack.callback(product.run, "down", accept=frozenset({0, 1, 3}))
        product.run("up", "--detach")
        name = f"Beside {now():%Y-%m-%d %H:%M:%S}"
        # No page is requested twice, and the site is local, so it needs no delay.
        pace = ("--delay", "0", "--pages", "1000000", "--depth", "1000000", "--every", "365d")
        product.run("watch", "add", name, "--owner", OWNER, "--site", address, *pace)
        product.run("watch", "run", name, "--owner", OWNER)
        stack.callback(_stop, name)
        if not has_started.wait(START_TIMEOUT):
            raise CommandError("The crawl doesn't begin.", hint=f"Its commands are in {product.log}.")
        yield lambda: int(served.value)


def _stop(name: str) -> None:
    """Stop the crawl with its results so far, so that it does not continue later."""
    from registry.crawls import crawling
    from registry.models import Crawl

    for crawl in Crawl.objects.filter(watch__name=name):
        crawling.stop_crawl(crawl.pk)


@contextmanager
def _endless_site() -> "Iterator[tuple[Synchronized[int], Event, str]]":
    """Serve a site from a separate process. Yields the count of pictures, an event for a page's worth, and the URL."""
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
    for number in range(SCENES):
        out = io.BytesIO()
        textured(number, (1024, 768)).save(out, format="JPEG", quality=80)
        scenes.append(out.getvalue())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            if name.isdecimal():
                self._send("text/html", _crawled_page(int(name)))
            elif name.endswith(".jpg"):
                number = int(name.removesuffix(".jpg"))
                with counter.get_lock():
                    counter.value += 1
                    if counter.value == PICTURES_PER_PAGE:
                        started.set()
                self._send("image/jpeg", scenes[number % SCENES] + str(number).encode())
            else:
                self._send("text/plain", b"", HTTPStatus.NOT_FOUND)

        def _send(self, media_type: str, body: bytes, status: HTTPStatus = HTTPStatus.OK) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Ignore a crawler that is stopped and disconnects during a response."""

    Server((HOST, port), Handler).serve_forever()


def _crawled_page(number: int) -> bytes:
    """Return a page that shows some pictures and links to two others."""
    pictures = range(number * PICTURES_PER_PAGE, (number + 1) * PICTURES_PER_PAGE)
    image_tags = "".join(f'<img src="/{picture}.jpg" alt="">' for picture in pictures)
    links = f'<a href="/{2 * number + 1}">On</a> <a href="/{2 * number + 2}">Also</a>'
    return f"<!doctype html><title>Page {number}</title>{image_tags}{links}".encode()


MAX_MS, MAX_QUERIES = 200, 25
EXCLUDED_PAGES = {"sign-out", "metrics", "healthz", "log-checkpoint", "log-tile", "log-entries"}
QUERIES = {
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
"""Additional queries for pages, besides their default view."""
SEEDED_PARAMETERS = frozenset({"owner", "number", "bundle", "crawl"})
"""Parameters that the requested API paths may have."""
DEEP_QUERY = "cursor=after-15000&limit=100"
"""Additional query for the lists of the API, besides their beginning."""


@dataclass(frozen=True, slots=True)
class Page:
    """Measurements of a page.

    Attributes:
        name: Name of its URL.
        milliseconds, queries, kilobytes: Values of each request.
    """

    name: str
    milliseconds: Sequence[float]
    queries: Sequence[int]
    kilobytes: Sequence[float]

    @property
    def is_slow(self) -> bool:
        """True if the page exceeds a target at the 95th percentile."""
        return percentile(self.milliseconds) > MAX_MS or percentile(self.queries) > MAX_QUERIES


def percentile(values: Sequence[float], share: float = 0.95) -> float:
    """Return the value that this share of the values does not exceed."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def pages(client: "Client", times: int) -> Iterator[Page]:
    """Request every page that a member can open, except those that need data that are not seeded."""
    for pattern in sorted(_patterns(), key=lambda entry: str(entry.name)):
        name = str(pattern.name)
        if pattern.name is None or name in EXCLUDED_PAGES:
            continue
        for query in ("", *QUERIES.get(name, ())):
            addresses = _addresses(pattern, query, random.Random(name))  # independent of what other pages exist
            yield from _page(client, times, f"{name} {query}".strip(), addresses, "text/html")


def _addresses(pattern: "URLPattern", query: str, chance: random.Random) -> Iterator[str]:
    """Yield URLs of a page, each for a different object."""
    from django.urls import reverse

    name = str(pattern.name)
    while True:
        values = {key: _value(name, key, chance) for key in pattern.pattern.converters}
        yield reverse(name, kwargs=values) + (f"?{query}" if query else "")


def api_pages(client: "Client", times: int) -> Iterator[Page]:
    """Request every seeded list and object of the API."""
    from desk.api.api import api

    for path, operations in sorted(api.get_openapi_schema()["paths"].items()):
        if "get" not in operations:
            continue
        if not SEEDED_PARAMETERS.issuperset(name for _, name, _, _ in Formatter().parse(path) if name):
            continue
        is_list = operations["get"]["operationId"].startswith("list_")
        for query in ("", DEEP_QUERY) if is_list else ("",):
            addresses = _api_addresses(path, query, random.Random(path))
            yield from _page(client, times, f"{path} {query}".strip(), addresses, "application/json")


def _api_addresses(path: str, query: str, chance: random.Random) -> Iterator[str]:
    """Yield URLs of a response, each for a different object."""
    kind = path.removeprefix("/api/v1/owners/{owner}")
    while True:
        values = {key: _value(kind, key, chance) for key in ("number", "bundle", "crawl")}
        yield path.format_map({"owner": OWNER, **values}) + (f"?{query}" if query else "")


def _page(client: "Client", times: int, name: str, addresses: Iterator[str], media_type: str) -> Iterator[Page]:
    """Yield the measurements of a page; nothing if it does not exist."""
    measurements: list[tuple[float, int, float]] = []
    for address in islice(addresses, times + 1):
        measurement = _measure_request(client, address, media_type)
        if measurement is None:
            return
        measurements.append(measurement)
    milliseconds, queries, kilobytes = zip(*measurements[1:], strict=True)  # the first one loads templates
    yield Page(name, milliseconds, queries, kilobytes)


def _patterns() -> "Iterator[URLPattern]":
    from django.urls import get_resolver
    from django.urls.resolvers import URLPattern

    pending: list[Any] = [get_resolver()]
    while pending:
        entry = pending.pop()
        if isinstance(entry, URLPattern):
            if entry.lookup_str.startswith("desk."):  # Exhibit's own pages
                yield entry
        elif not entry.namespace:  # an API has no pages
            pending += entry.url_patterns


def _value(name: str, key: str, chance: random.Random) -> object:
    """Return a value that exists in the seeded database."""
    from registry import models

    models_by_word: Mapping[str, Any] = {
        "package": models.Package,
        "report": models.Report,
        "notice": models.Notice,
        "upload": models.Upload,
        "case": models.Case,
        "work": models.Work,
        "licence": models.Licence,
    }
    model = next((candidate for word, candidate in models_by_word.items() if word in name), models.Watch)
    if key == "slug":
        return OWNER
    if key == "match":
        return chance.randint(1, models.CaseSighting.objects.count())
    if key == "bundle":
        return 1
    return chance.randint(1, min(model.objects.count(), 20) if model is models.Watch else model.objects.count())


def _measure_request(client: "Client", address: str, media_type: str) -> tuple[float, int, float] | None:
    """Return milliseconds, queries and kilobytes of a response; ``None`` if it is missing or of another media type."""
    with _count_queries() as queries:
        start_time = time.perf_counter()
        answer = client.get(address)
        duration = (time.perf_counter() - start_time) * 1000
    if answer.status_code != 200 or not answer.headers.get("Content-Type", "").startswith(media_type):
        return None
    return duration, len(queries), len(answer.content) / 1000


@contextmanager
def _count_queries() -> Iterator[list[str]]:
    from django.db import connection

    queries: list[str] = []

    def note(execute: Any, query: str, *rest: Any) -> Any:  # noqa: ANN401 - Django's wrapper
        queries.append(query)
        return execute(query, *rest)

    with connection.execute_wrapper(note):
        yield queries


def main() -> int:
    """Measure every page. Returns 1 if one exceeds a target, 2 if nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.desk", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="requests per page (default: 20)")
    parser.add_argument("--quiet", action="store_true", help="run no crawl at the same time")
    options = parser.parse_args()
    os.environ["EXHIBIT_API_REQUESTS_A_MINUTE"] = "1000000"  # no limit for repeated requests
    from workers.servers.keeper import ensure_servers

    config = load_config()
    with ensure_servers(config):
        from workers.database.schema import migrate

        migrate()
        from django.test import Client

        from registry.models import User

        person = User.objects.filter(email=PERSON).first()
        if person is None:
            print("There is no data. Create it: python -m bench.seed", file=sys.stderr)
            return 2
        logging.getLogger("django.request").setLevel(logging.ERROR)  # for objects that are not seeded
        client = Client(SERVER_NAME="localhost")
        client.force_login(person)
        with nullcontext() if options.quiet else run_crawl(config.data_dir) as count_served:
            before, start_time = count_served() if count_served else 0, time.perf_counter()
            slow = _print_pages(chain(pages(client, options.times), api_pages(client, options.times)))
            seconds = time.perf_counter() - start_time
            crawled = count_served() - before if count_served else 0
    if count_served is None:
        return int(bool(slow))
    print(f"Concurrent crawl: {crawled:,} pictures in {seconds:.0f} s, {crawled / seconds:.1f} per second.")
    if crawled < seconds:
        print("The crawl fetched less than one picture per second, so the measurements are invalid.", file=sys.stderr)
        return 2
    return int(bool(slow))


def _print_pages(measured_pages: Iterator[Page]) -> int:
    """Print a line for each page. Returns the number of pages that exceed a target."""
    slow = 0
    print(f"{'page':<76} {'ms':>6} {'95%':>6} {'queries':>8} {'95%':>4} {'kB':>7}")
    for page in measured_pages:
        slow += page.is_slow
        figures = f"{median(page.milliseconds):>6.0f} {percentile(page.milliseconds):>6.0f}"
        sizes = f"{median(page.queries):>8.0f} {percentile(page.queries):>4.0f} {median(page.kilobytes):>7.1f}"
        print(f"{page.name:<76} {figures} {sizes}{'  beyond' if page.is_slow else ''}", flush=True)
    return slow


if __name__ == "__main__":
    sys.exit(main())
