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
from bench.product import Product, running_product
from bench.recrawling import HOST, as_jpeg, serving_in_process
from evidence.facts.archive_answers import compute_sha1
from exhibit.periods import capture_time

DOMAIN = "photos.example"
PICTURES_PER_RUN = 500
"""Pictures fetched in each run."""
CAPTURES_PER_PICTURE = 4
"""Captures of each picture."""
SIZES = (PICTURES_PER_RUN * CAPTURES_PER_PICTURE, 10_000_000)
"""Captures in an index."""


def measure() -> list[Row]:
    """Fetch 500 pictures from indexes of two sizes, and run again for new ones."""
    with running_product(HOST) as product:
        return [row for size in SIZES for row in _runs(product, size)]


def _runs(product: Product, size: int) -> Iterator[Row]:
    with serving_in_process(_serve, size) as (url, counts):
        for run in (1, 2):
            before, start_time = processor_seconds(), time.monotonic()
            pictures = product.take_captures(url, f"index-{size}", DOMAIN, PICTURES_PER_RUN)
            seconds, wall = processor_seconds() - before, time.monotonic() - start_time
            counts.send("counts")
            requests: tuple[int, int] = counts.recv()
            peak_memory = max(
                resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
            )
            yield {
                "captures in the index": size, "run": run, "requests to the index": requests[0],
                "captures fetched": requests[1], "pictures taken": pictures, "CPU seconds": seconds, "seconds": wall,
                "MiB at most": peak_memory // 1024,
            }  # fmt: skip


def _line(number: int) -> tuple[str, str]:
    """Return timestamp and URL of a capture by its number, in the order of an index: by URL, then by timestamp."""
    return (
        f"20{10 + number % CAPTURES_PER_PICTURE}0303120000",
        f"http://{DOMAIN}/{number // CAPTURES_PER_PICTURE:07}.jpg",
    )


def _serve(size: int, questions: Connection) -> None:
    counts = [0, 0]

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path)
            if path.path == "/cdx/search/cdx":
                counts[0] += 1
                self._send("text/plain", self._index_lines(parse_qs(path.query)))
                return
            counts[1] += 1
            stamp, _, address = self.path.removeprefix("/web/").partition("id_/")
            moment = capture_time(stamp)
            assert moment is not None
            self._send("image/jpeg", as_jpeg(address), ("Memento-Datetime", format_datetime(moment, usegmt=True)))

        @staticmethod
        def _index_lines(query: dict[str, list[str]]) -> bytes:
            first = int(query.get("resumeKey", ["0"])[0])
            last = min(first + int(query["limit"][0]), size)
            lines = []
            for number in range(first, last):
                stamp, address = _line(number)
                lines.append(f"{stamp} {address} image/jpeg 200 {compute_sha1(as_jpeg(address))} 900\n")
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
