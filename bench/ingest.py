"""Cost of large lists of URLs: generated as Parquet and CSV, imported into the frontier of a crawl, and assigned."""

import csv
import multiprocessing
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

from bench.common import Row, TitledTable
from bench.product import OWNER_SLUG, Product

WORDS = (
    "sunset", "beach", "portrait", "old bridge", "red dress", "product photo", "free shipping", "view over city",
    "at night", "vintage poster", "wallpaper", "illustration", "green leaves", "close up", "wedding", "street market",
)  # fmt: skip
COLUMNS = ("url", "caption", "width", "height")
INVALID_URLS = ("not an address", "ftp://files.example/a.jpg", "http://10.0.0.7/inside.jpg", "")
ROW_GROUP_SIZE = 50_000
"""Number of rows per Parquet row group."""
REPETITIONS = 20


def measure(lines: int, seed: int) -> Iterator[TitledTable]:
    """Measure import and assignment in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="exhibit-bench-") as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "lists"
        folder.mkdir()
        parquet, table = folder / "list.parquet", folder / "list.csv"
        write_parquet(parquet, lines, seed)
        write_csv(table, lines, seed + 1)
        os.environ |= {"EXHIBIT_DATA": name, "DJANGO_SETTINGS_MODULE": "desk.settings"}
        with Product():
            results = [_run_in_process(_ingest_list, path) for path in (parquet, table)]
            yield "ingest", f"Lists of {lines:,} addresses", results
            count = sum(row["kept"] for row in results)  # type: ignore[misc]
            rows_timed: list[Row] = _run_in_process(_measure_frontier)  # type: ignore[assignment]
            yield "ingest-frontier", f"Queries of a frontier of {count:,} rows", rows_timed


def generate_rows(lines: int, seed: int) -> Iterator[tuple[str, str, int, int]]:
    """Yield URLs with captions and sizes. A few hosts have many URLs; one URL in a thousand is invalid."""
    random_ = random.Random(seed)
    for number in range(lines):
        host = int(random_.paretovariate(0.7)) % (lines // 10 + 1)
        url = f"https://images{host}.example.com/{seed}/gallery/{random_.getrandbits(64):016x}/{number}.jpg"
        if number % 1000 == 500:
            url = INVALID_URLS[number // 1000 % len(INVALID_URLS)]
        yield url, " ".join(random_.choices(WORDS, k=5)), random_.randrange(100, 2000), random_.randrange(100, 2000)


def write_parquet(path: Path, lines: int, seed: int) -> None:
    """Write a list in img2dataset's format, one row group at a time."""
    import pyarrow as pa
    from pyarrow import parquet

    data_rows, types = generate_rows(lines, seed), (pa.string(), pa.string(), pa.int32(), pa.int32())
    with parquet.ParquetWriter(path, pa.schema(zip(COLUMNS, types, strict=True))) as writer:
        while group := list(islice(data_rows, ROW_GROUP_SIZE)):
            writer.write_table(
                pa.Table.from_pydict(dict(zip(COLUMNS, zip(*group, strict=True), strict=True)), writer.schema)
            )


def write_csv(path: Path, lines: int, seed: int) -> None:
    """Write a list as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(generate_rows(lines, seed))


def _run_in_process(function: Callable[..., object], *arguments: object) -> Row:
    """Run a function in a separate process with its own memory."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()  # type: ignore[return-value]


def _ingest_list(path: Path) -> Row:
    import django

    django.setup()
    from crawler.lists.line import LineFilter
    from exhibit.network.guard import Guard
    from registry.crawls.list_ingestion import IngestOptions, ingest_lists
    from registry.crawls.url_lists import get_or_create_watch
    from registry.models import Owner

    watch = get_or_create_watch(Owner.objects.get(slug=OWNER_SLUG), "bench", by="bench")
    server, is_early = _make_server_clock(), 0.0
    start_time, own_seconds, server_seconds = time.perf_counter(), time.process_time(), server()
    for progress, _left_out in ingest_lists(
        [path], IngestOptions(watch=watch, line_filter=LineFilter(min_width=200), guard=Guard())
    ):
        if not is_early and progress.fraction > 0.25:
            is_early = _read_peak_memory()
    seconds, own_seconds, server_seconds = (
        time.perf_counter() - start_time,
        time.process_time() - own_seconds,
        server() - server_seconds,
    )
    return {
        "list": path.suffix[1:],
        "lines": progress.row.lines,
        "kept": progress.row.kept,
        "lines a second": round(progress.row.lines / seconds),
        "processor µs a line": round(own_seconds / progress.row.lines * 1e6),
        "PostgreSQL's": round(server_seconds / progress.row.lines * 1e6),
        "MiB at a quarter": round(is_early),
        "MiB at most": round(_read_peak_memory()),
    }


def _make_server_clock() -> Callable[[], float]:
    """Return a function for the CPU seconds of the PostgreSQL process that serves this process."""
    import psutil
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        process = psutil.Process(cursor.fetchone()[0])
    return lambda: process.cpu_times().user + process.cpu_times().system


def _read_peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measure_frontier() -> list[Row]:
    import django

    django.setup()
    from django.db import connection

    from registry.crawls import crawling
    from registry.crawls.budgets import get_remaining_budget
    from registry.models import Crawl

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE registry_frontierurl")
    crawl = Crawl.objects.select_related("watch").get()
    actions: dict[str, Callable[[], object]] = {
        "remaining budget": lambda: get_remaining_budget(crawl),
        "number of visited and waiting URLs": lambda: crawling.count_urls(crawl.pk),
        "check for the end of the crawl": lambda: crawling.end_crawl_if_finished(crawl.pk),
        "a slice of 200 addresses of 20 hosts": lambda: crawling.plan_slice(crawl.pk, max_urls=200, max_hosts=20),
    }
    return [
        {"query": action_name, "ms (median)": _measure_milliseconds(action)} for action_name, action in actions.items()
    ]


def _measure_milliseconds(action: Callable[[], object]) -> float:
    durations = []
    for _ in range(REPETITIONS):
        start_time = time.perf_counter()
        action()
        durations.append(time.perf_counter() - start_time)
    return statistics.median(durations) * 1000
