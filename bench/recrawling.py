"""Repeated crawls of unchanged sites: requests, bytes and CPU time of each run."""

import csv
import http.server
import io
import mimetypes
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PIL import Image

from bench.common import Row
from bench.crawling import read_processor_seconds
from bench.product import Product, run_product
from bench.reach import SITES_FILE, fetch_package

HOST = "127.0.0.2"
LIST_COUNT, PAGES_PER_LIST, PICTURES_PER_PAGE = 15, 20, 2
RUN_COUNT, REPORTED_RUNS = 5, (1, 2, 5)
Response = tuple[str, bytes]
"""Media type and body."""
NOT_FOUND: Response = ("", b"")
RESPONSE_KINDS = {
    "validators": "`ETag` with each answer",
    "nothing": "neither validators nor dates",
    "lastmod": "a sitemap with `lastmod`",
}


def measure() -> list[Row]:
    """Crawl a site with each kind of responses five times."""
    with run_product(HOST) as product:
        return [row for kind in RESPONSE_KINDS for row in _measure_runs(product, kind)]


def measure_packaged_sites(out: Path, count: int = 12) -> list[Row]:
    """Crawl sites from npm packages three times, over a server that sends an ``ETag`` with each file.

    Args:
        out: Folder for the packages.
        count: Number of packages, the first of ``bench/reach_sites.csv``.
    """
    roots = list(islice(_iterate_site_folders(out), count))
    totals: dict[int, list[int]] = {run: [0, 0, 0] for run in (1, 2, 3)}
    with run_product(HOST) as product:
        for root in roots:
            with serve_in_process(_serve_folder, root) as (base, counts):
                for total in totals.values():
                    product.visit_site(str(root), f"{base}/")
                    counts.send("counts")
                    total[:] = map(sum, zip(total, counts.recv(), strict=True))
    return [
        {
            "sites": len(roots), "run": run, "requests": requests, "answered 304": unchanged_responses,
            "KB sent": sent_bytes // 1000, "of the first's": sent_bytes / totals[1][2],
        }
        for run, (requests, unchanged_responses, sent_bytes) in totals.items()
    ]  # fmt: skip


def _iterate_site_folders(out: Path) -> Iterator[Path]:
    """Fetch npm packages one by one, and yield the folder of the first page of each that has one."""
    with SITES_FILE.open(encoding="utf-8", newline="") as file:
        for site in csv.DictReader(file):
            folder = (
                fetch_package(out / "packages", "npm", site["package"], site["version"])
                if site["registry"] == "npm"
                else None
            )
            pages = [] if folder is None else sorted((folder / site["root"]).rglob("index.html"))
            if pages:
                yield min(pages, key=lambda page: len(page.parts)).parent


def _serve_folder(root: Path, pipe: Connection) -> None:
    def read_file(path: str) -> Response:
        file = root / unquote(urlsplit(path).path).lstrip("/")
        file = file / "index.html" if file.is_dir() else file
        is_served = file.is_file() and file.resolve().is_relative_to(root.resolve())
        return (mimetypes.guess_type(file.name)[0] or "text/plain", file.read_bytes()) if is_served else NOT_FOUND

    server, counts = _create_server(read_file, sends_validators=True)
    _run_server(server, counts, pipe)


def _create_server(
    find: Callable[[str], Response], *, sends_validators: bool
) -> tuple[http.server.ThreadingHTTPServer, list[int]]:
    """Create a server, and its counts of requests, of 304 responses and of sent bytes."""
    counts = [0, 0, 0]

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            media_type, body = find(self.path)
            tag = f'"{sha256(body).hexdigest()[:16]}"'
            is_known = bool(sends_validators and media_type and self.headers.get("If-None-Match") == tag)
            self.send_response(304 if is_known else 200 if media_type else 404)
            body = b"" if is_known else body
            self.send_header("Content-Type", media_type or "text/plain")
            self.send_header("Content-Length", str(len(body)))
            if sends_validators:
                self.send_header("ETag", tag)
            self.end_headers()
            self.wfile.write(body)
            for index, more in enumerate((1, is_known, len(body))):
                counts[index] += more

        def log_message(self, *_: object) -> None:
            pass

    return http.server.ThreadingHTTPServer((HOST, 0), Handler), counts


def _run_server(server: http.server.ThreadingHTTPServer, counts: list[int], pipe: Connection) -> None:
    """Serve, and return the counts since the last call whenever the pipe asks for them."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.send(server.server_address[1])
    while pipe.recv():
        pipe.send(tuple(counts))
        counts[:] = [0] * len(counts)


def _measure_runs(product: Product, kind: str) -> Iterator[Row]:
    first = 0
    with serve_in_process(_serve, kind) as (base, counts):
        for run in range(1, RUN_COUNT + 1):
            cpu_start, start_time = read_processor_seconds(), time.monotonic()
            product.visit_site(kind, f"{base}/")
            seconds, wall_seconds = read_processor_seconds() - cpu_start, time.monotonic() - start_time
            counts.send("counts")
            counters: tuple[int, int, int] = counts.recv()
            requests, unchanged_responses, sent_bytes = counters
            first = first or requests
            if run in REPORTED_RUNS:
                yield {
                    "the site sends": RESPONSE_KINDS[kind], "run": run, "requests": requests,
                    "of the first's": requests / first,
                    "answered 304": unchanged_responses, "KB sent": sent_bytes // 1000,
                    "CPU seconds": seconds, "seconds": wall_seconds,
                }  # fmt: skip


def _make_site() -> dict[str, tuple[str, bytes]]:
    """Return media type and bytes by path, for a home page, 15 lists, 300 pages and 600 pictures."""
    pages = {f"/list-{n}": [f"/page-{n}-{m}" for m in range(PAGES_PER_LIST)] for n in range(LIST_COUNT)}
    site = {"/": ("text/html", _make_links(pages))}
    for path, links in pages.items():
        site[path] = ("text/html", _make_links(links))
        for page in links:
            names = [f"{page}-{picture}.jpg" for picture in range(PICTURES_PER_PAGE)]
            image_tags = "".join(f'<img src="{name}" alt="Picture">' for name in names)
            site[page] = ("text/html", f"<title>{page}</title><p>All about {page}.</p>{image_tags}".encode())
            site |= {name: ("image/jpeg", make_jpeg(name)) for name in names}
    site["/robots.txt"] = ("text/plain", b"User-agent: *\nAllow: /\n")
    return site


def _make_links(paths: Iterable[str]) -> bytes:
    return "".join(f'<a href="{path}">{path}</a>' for path in paths).encode()


def make_jpeg(name: str) -> bytes:
    """Return a small JPEG that differs by name."""
    digest, file = sha256(name.encode()).digest(), io.BytesIO()
    Image.frombytes("RGB", (2, 5), digest[:30]).resize((160, 120)).save(file, "JPEG")
    return file.getvalue()


@contextmanager
def serve_in_process(serve: Callable[..., None], *arguments: object) -> Iterator[tuple[str, Connection]]:
    """Serve from a separate process. Through the pipe, it returns the number of requests since the last call."""
    parent_end, child_end = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(*arguments, child_end), daemon=True)
    server.start()
    try:
        yield f"http://{HOST}:{parent_end.recv()}", parent_end
    finally:
        server.kill()  # The server has nothing to clean up.
        server.join()


def _serve(kind: str, pipe: Connection) -> None:
    site = _make_site()
    server, counts = _create_server(lambda path: site.get(path, NOT_FOUND), sends_validators=kind == "validators")
    base = f"http://{HOST}:{server.server_address[1]}"
    if kind == "lastmod":
        pages = [path for path in site if site[path][0] == "text/html"]
        has_dates = "".join(f"<url><loc>{base}{path}</loc><lastmod>2025-11-01</lastmod></url>" for path in pages)
        site["/sitemap.xml"] = ("application/xml", f"<urlset>{has_dates}</urlset>".encode())
        site["/robots.txt"] = ("text/plain", f"Sitemap: {base}/sitemap.xml\n".encode())
    _run_server(server, counts, pipe)
