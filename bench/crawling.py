"""Wall and CPU time of Exhibit's crawler, with and without rows, and of a minimal Scrapy spider on a local site.

``python -m bench.crawling`` prints the bytes of log lines per page.
"""

import contextlib
import http.server
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from bench.common import Row
from bench.product import Product
from crawler.formats.job import Job, Limits, Politeness, Source, SourceKind

IMAGES_PER_PAGE = 20
LOG_LINE_PAGES = 30
LINKS_PER_PAGE = 60
HOST = "127.0.0.2"


def measure(photos: Sequence[Path], images: int) -> list[Row]:
    """Crawl a site with ``images`` images made from these photos, once with each crawler."""
    with tempfile.TemporaryDirectory() as name, serve_folder(_make_site(Path(name) / "site", photos, images)) as base:
        rows = [_run_exhibit(base, Path(name)), _run_bare_spider(base, Path(name))]
        rows.append(_run_exhibit(base, Path(name)) | {"what": "Exhibit's crawler, again"})
        rows.append(_run_watch(base, Path(name) / "data"))
    return rows


def _run_watch(base: str, folder: Path) -> Row:
    """Crawl the same site with a watch, which stores blobs and rows, without matching."""
    Path(folder.parent).chmod(0o755)
    folder.mkdir(mode=0o755)
    values = {"DATA": str(folder), "ALLOWED_NETWORKS": f"{HOST}/32"}
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "desk.settings",
        **{f"EXHIBIT_{name}": counts for name, counts in values.items()},
    }
    with Product() as product:
        started, cpu_start = time.monotonic(), read_processor_seconds()
        product.visit_site("site", f"{base}/index.html")
        cpu, seconds = read_processor_seconds() - cpu_start, time.monotonic() - started
        return _build_row("from URL to row, worker and child", product.count_sightings(), seconds, cpu)


def read_processor_seconds() -> float:
    """Return CPU seconds of this process and its finished child processes."""
    usages = [resource.getrusage(scope) for scope in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure_line_bytes(*, stored: bool) -> float:
    """Return the bytes of log lines per page of a site of 30 pages.

    Each page has 60 links, 60 pictures and a style sheet with 60 vector images. The pictures are stored ones, which
    differ on each page, or vector images that all pages use.
    """
    with tempfile.TemporaryDirectory() as name:
        site = Path(name) / "site"
        site.mkdir()
        sheet = "".join(f".i{n}{{background:url(icon-{n}.svg)}}" for n in range(LINKS_PER_PAGE))
        (site / "style.css").write_text(sheet, encoding="utf-8")
        links = "".join(f'<a href="/page-{n}.html">Page {n}</a> ' for n in range(LINKS_PER_PAGE))
        for page in range(LOG_LINE_PAGES):
            names = [f"{page}-{n}.png" if stored else f"{n}.svg" for n in range(LINKS_PER_PAGE)]
            image_tags = "".join(f'<img src="/{name}" alt="Picture">' for name in names)
            html = f'<link rel="stylesheet" href="/style.css"><p>Page {page}</p>{links}{image_tags}'
            (site / f"page-{page}.html").write_text(html, encoding="utf-8")
            for index, get_image_name in enumerate(names if stored else ()):
                Image.new("L", (32, 32), index).save(site / get_image_name)
        shutil.copy(site / "page-0.html", site / "index.html")
        with serve_folder(site) as base:
            _run_exhibit(base, Path(name))
        lines = (Path(name) / "exhibit" / "lines").read_bytes().splitlines(keepends=True)
        return sum(map(len, lines)) / sum(line.startswith(b'{"type":"page"') for line in lines)


def _make_site(folder: Path, photos: Sequence[Path], images: int) -> Path:
    """Create pages with twenty images each. Every image has different bytes."""
    folder.mkdir()
    for number in range(images):
        photo = photos[number % len(photos)]
        (folder / f"{number}.jpg").write_bytes(photo.read_bytes() + b"%d" % number)
    pages = range(0, images, IMAGES_PER_PAGE)
    for start in pages:
        image_tags = "".join(
            f'<img src="/{n}.jpg" alt="Picture {n}">' for n in range(start, min(images, start + IMAGES_PER_PAGE))
        )
        (folder / f"page-{start}.html").write_text(f"<html><body>{image_tags}</body></html>", encoding="utf-8")
    links = "".join(f'<a href="/page-{start}.html">{start}</a>' for start in pages)
    (folder / "index.html").write_text(f"<html><body>{links}</body></html>", encoding="utf-8")
    return folder


@contextlib.contextmanager
def serve_folder(folder: Path, host: str = HOST) -> Iterator[str]:
    """Serve the folder from a separate process at a loopback address."""
    ready: multiprocessing.Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=_serve, args=(folder, host, ready), daemon=True)
    server.start()
    try:
        yield f"http://{host}:{ready.get(timeout=30)}"
    finally:
        server.kill()  # The server has nothing to clean up.
        server.join()


def _serve(folder: Path, host: str, ready: "multiprocessing.Queue[int]") -> None:
    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]  # as the server passes them

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer((host, 0), Handler)
    ready.put(server.server_address[1])
    server.serve_forever()


def _run_exhibit(base: str, folder: Path) -> dict[str, object]:
    spool = folder / "exhibit"
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir()
    job = Job(
        bytes_dir=spool / "bytes",
        sources=(Source(kind=SourceKind.SITE, url=f"{base}/index.html"),),
        limits=Limits(pages=100_000, images=1_000_000),
        politeness=Politeness(delay=0, concurrency_per_host=16, concurrency=32, autothrottle=False),
        allowed_networks=(f"{HOST}/32",),
    )
    job.bytes_dir.mkdir()
    (spool / "job.json").write_text(job.to_json(), encoding="utf-8")
    cost = _measure_command([sys.executable, "-m", "crawler", str(spool / "job.json"), "--out", str(spool / "lines")])
    end = json.loads((spool / "lines").read_text(encoding="utf-8").splitlines()[-1])
    return _build_row("Exhibit's crawler", end["counts"]["images"], *cost)


def _run_bare_spider(base: str, folder: Path) -> Row:
    out = folder / "bare"
    out.mkdir()
    cost = _measure_command([sys.executable, "-m", "bench.bare_spider", f"{base}/index.html", str(out)])
    return _build_row("bare Scrapy pipeline", len(list(out.iterdir())), *cost)


def _measure_command(command: list[str]) -> tuple[float, float]:
    """Return wall seconds and CPU seconds of a command, including all processes that it started."""
    started, usage_before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    usage_after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = usage_after.ru_utime + usage_after.ru_stime - usage_before.ru_utime - usage_before.ru_stime
    return time.monotonic() - started, cpu


def _build_row(crawler: str, images: int, seconds: float, cpu: float) -> dict[str, object]:
    rates = {"images a second": images / seconds, "images a CPU second": images / cpu}
    return {"what": crawler, "images": images, "seconds": seconds, "CPU seconds": cpu, **rates}


if __name__ == "__main__":
    print(f"pictures that are kept: {measure_line_bytes(stored=True) / 1000:.1f} KB a page")
    print(f"vectors, which aren't:  {measure_line_bytes(stored=False) / 1000:.1f} KB a page")
