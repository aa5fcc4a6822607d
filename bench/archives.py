"""Cost of a watch of a web archive. A local server with the documented API lists captures of a domain and serves them.

The rate limits for archives are disabled. By default, Exhibit sends a query every 2.5 seconds and fetches one capture
per second.
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
from bench.crawling import read_processor_seconds
from bench.product import Product, run_product
from bench.recrawling import HOST, make_jpeg, serve_in_process
from evidence.facts.archive_responses import compute_sha1
from exhibit.periods import parse_capture_time

DOMAIN = "photos.example"
PICTURES_PER_RUN = 500
"""Number of pictures fetched in each run."""
CAPTURES_PER_PICTURE = 4
"""Number of captures per picture."""
INDEX_SIZES = (PICTURES_PER_RUN * CAPTURES_PER_PICTURE, 10_000_000)
"""Numbers of captures in the indexes."""


def measure() -> list[Row]:
    """Fetch 500 pictures from indexes of two sizes, then repeat the runs, which fetch new ones."""
    with run_product(HOST) as product:
        return [row for size in INDEX_SIZES for row in _measure_runs(product, size)]


def _measure_runs(product: Product, size: int) -> Iterator[Row]:
    with serve_in_process(_serve, size) as (url, counts):
        for run in (1, 2):
            cpu_start, start_time = read_processor_seconds(), time.monotonic()
            pictures = product.fetch_captures(url, f"index-{size}", DOMAIN, PICTURES_PER_RUN)
            seconds, wall_seconds = read_processor_seconds() - cpu_start, time.monotonic() - start_time
            counts.send("counts")
            requests: tuple[int, int] = counts.recv()
            peak_memory = max(
                resource.getrusage(scope).ru_maxrss for scope in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
            )
            yield {
                "captures in the index": size, "run": run, "requests to the index": requests[0],
                "captures fetched": requests[1], "pictures taken": pictures, "CPU seconds": seconds,
                "seconds": wall_seconds,
                "MiB at most": peak_memory // 1024,
            }  # fmt: skip


def _make_capture(number: int) -> tuple[str, str]:
    """Return timestamp and URL of a capture by its number in the index, which is ordered by URL and timestamp."""
    return (
        f"20{10 + number % CAPTURES_PER_PICTURE}0303120000",
        f"http://{DOMAIN}/{number // CAPTURES_PER_PICTURE:07}.jpg",
    )


def _serve(size: int, pipe: Connection) -> None:
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
            timestamp, _, url = self.path.removeprefix("/web/").partition("id_/")
            captured_at = parse_capture_time(timestamp)
            assert captured_at is not None
            self._send("image/jpeg", make_jpeg(url), ("Memento-Datetime", format_datetime(captured_at, usegmt=True)))

        @staticmethod
        def _index_lines(query: dict[str, list[str]]) -> bytes:
            first = int(query.get("resumeKey", ["0"])[0])
            last = min(first + int(query["limit"][0]), size)
            lines = []
            for number in range(first, last):
                timestamp, url = _make_capture(number)
                lines.append(f"{timestamp} {url} image/jpeg 200 {compute_sha1(make_jpeg(url))} 900\n")
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
    pipe.send(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while pipe.recv():
        pipe.send(tuple(counts))
        counts[:] = [0, 0]
