"""A crawl that goes on while something else is measured: the product as ``exhibit up`` runs it, and an endless site."""

import io
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.seed import OWNER
from demo.pictures import textured
from demo.product import CommandError, Product
from exhibit.clock import now
from tests.assets.processes import free_port

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

HOST: Final = "127.0.0.2"
SCENES, ON_A_PAGE = 24, 6
"""Scenes, and pictures of a page; no two pictures of the site have the same bytes."""
COMES_UP: Final = 120.0
SETTINGS: Final = {
    "EXHIBIT_ALLOWED_NETWORKS": f"{HOST}/32",
    "EXHIBIT_CAPTURE_BROWSER": "none",
    "EXHIBIT_TICK_SECONDS": "1",
}


@contextmanager
def crawl_beside(data: Path) -> Iterator[Callable[[], int]]:
    """Let the product of a data folder crawl without a pause until the block ends; Django has been set up.

    Yields:
        Tells how many pictures the site has given to the crawl so far; some have been given when the block begins.

    Raises:
        CommandError: the crawl doesn't begin.
    """
    product = Product(
        {"EXHIBIT_DATA": str(data), "EXHIBIT_WEB_PORT": str(free_port()), **SETTINGS}, data / "beside.log"
    )
    with ExitStack() as stack:
        given, begun, address = stack.enter_context(_endless_site())
        stack.callback(product.run, "down", accept=frozenset({0, 1, 3}))
        product.run("up", "--detach")
        name = f"Beside {now():%Y-%m-%d %H:%M:%S}"
        # no page is asked for twice, and the site is ours: nobody has to be spared
        pace = ("--delay", "0", "--pages", "1000000", "--depth", "1000000", "--every", "365d")
        product.run("watch", "add", name, "--owner", OWNER, "--site", address, *pace)
        product.run("watch", "run", name, "--owner", OWNER)
        stack.callback(_stop, name)
        if not begun.wait(COMES_UP):
            raise CommandError("The crawl doesn't begin.", hint=f"Its commands are in {product.log}.")
        yield lambda: int(given.value)


def _stop(name: str) -> None:
    """Let the crawl end with what it has, so that it doesn't go on at another time."""
    from registry.crawls import crawling
    from registry.models import Crawl

    for crawl in Crawl.objects.filter(watch__name=name):
        crawling.stop(crawl.pk)


@contextmanager
def _endless_site() -> "Iterator[tuple[Synchronized[int], Event, str]]":
    """A site in a process of its own: how many pictures it has given, whether those of a page, and where it begins."""
    context = multiprocessing.get_context("spawn")
    given, begun, port = context.Value("i", 0), context.Event(), free_port()
    process = context.Process(target=_serve, args=(port, given, begun), daemon=True)
    process.start()
    try:
        yield given, begun, f"http://{HOST}:{port}/0"
    finally:
        process.terminate()
        process.join()


def _serve(port: int, given: "Synchronized[int]", begun: "Event") -> None:
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
                self._send("text/html", _page(int(name)))
            elif name.endswith(".jpg"):
                number = int(name.removesuffix(".jpg"))
                with given.get_lock():
                    given.value += 1
                    if given.value == ON_A_PAGE:
                        begun.set()
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
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A crawler that is stopped lets go in the middle of an answer."""

    Server((HOST, port), Handler).serve_forever()


def _page(number: int) -> bytes:
    """A page that shows some pictures and leads to two others."""
    pictures = range(number * ON_A_PAGE, (number + 1) * ON_A_PAGE)
    shown = "".join(f'<img src="/{one}.jpg" alt="">' for one in pictures)
    links = f'<a href="/{2 * number + 1}">On</a> <a href="/{2 * number + 2}">Also</a>'
    return f"<!doctype html><title>Page {number}</title>{shown}{links}".encode()
