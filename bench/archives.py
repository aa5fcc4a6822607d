"""Cost of a watch over a web archive. A stand-in with the documented API lists captures of a domain and serves them.

The rate limits of real archives are disabled: Exhibit queries a real one every 2.5 seconds, and fetches one capture a
second.
"""

import http.server
import resource
import threading
import time
from collections.abc import Iterator
from email.utils import format_datetime
from multiprocessing.connection import Connection
from urllib.parse import parse_qs, urlsplit

from bench.common import Row
from bench.crawling import processor_seconds
from bench.product import Product, visiting
from bench.recrawling import HOST, apart, as_jpeg
from evidence.facts.elsewhere import sha1_of
from exhibit.periods import capture_time

DOMAIN = "photos.example"
TAKES = 500
"""Pictures fetched in each run."""
TIMES = 4
"""Captures of each picture."""
SIZES = (TAKES * TIMES, 10_000_000)
"""Captures in an index."""


def measure() -> list[Row]:
    """Fetch 500 pictures from indexes of two sizes, and run again for new ones."""
    with visiting(HOST) as product:
        return [row for size in SIZES for row in _runs(product, size)]


def _runs(product: Product, size: int) -> Iterator[Row]:
    with apart(_serve, size) as (url, counts):
        for run in (1, 2):
            before, start_time = processor_seconds(), time.monotonic()
            pictures = product.take_captures(url, f"index-{size}", DOMAIN, TAKES)
            seconds, wall = processor_seconds() - before, time.monotonic() - start_time
            counts.send("counts")
            requests: tuple[int, int] = counts.recv()
            most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
            yield {
                "captures in the index": size, "run": run, "requests to the index": requests[0],
                "captures fetched": requests[1], "pictures taken": pictures, "CPU seconds": seconds, "seconds": wall,
                "MiB at most": most // 1024,
            }  # fmt: skip


def _line(number: int) -> tuple[str, str]:
    """Return timestamp and URL of a capture by its number, in the order of an index: by URL, then by timestamp."""
    return f"20{10 + number % TIMES}0303120000", f"http://{DOMAIN}/{number // TIMES:07}.jpg"


def _serve(size: int, questions: Connection) -> None:
    counts = [0, 0]

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path)
            if path.path == "/cdx/search/cdx":
                counts[0] += 1
                self._send("text/plain", self._listed(parse_qs(path.query)))
                return
            counts[1] += 1
            stamp, _, address = self.path.removeprefix("/web/").partition("id_/")
            moment = capture_time(stamp)
            assert moment is not None
            self._send("image/jpeg", as_jpeg(address), ("Memento-Datetime", format_datetime(moment, usegmt=True)))

        @staticmethod
        def _listed(asked: dict[str, list[str]]) -> bytes:
            first = int(asked.get("resumeKey", ["0"])[0])
            last = min(first + int(asked["limit"][0]), size)
            lines = []
            for number in range(first, last):
                stamp, address = _line(number)
                lines.append(f"{stamp} {address} image/jpeg 200 {sha1_of(as_jpeg(address))} 900\n")
            return ("".join(lines) + (f"\n{last}\n" if last < size else "")).encode()

        def _send(self, media_type: str, body: bytes, *headers: tuple[str, str]) -> None:
            self.send_response(200)
            for name, value in (("Content-Type", media_type), ("Content-Length", str(len(body))), *headers):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
    questions.send(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while questions.recv():
        questions.send(tuple(counts))
        counts[:] = [0, 0]
