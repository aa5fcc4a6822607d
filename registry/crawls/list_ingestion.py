"""Ingestion of bulk URL lists into a crawl's frontier, batch by batch."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from crawler.lists.files import ListFile
from crawler.lists.line import Line, LineFilter
from crawler.reading.document import MAX_URL_LENGTH, is_visitable
from exhibit.errors import RefusedError
from exhibit.network.guard import Guard
from registry.crawls import url_lists
from registry.crawls.crawling import NewUrl
from registry.crawls.forecasts import HostForecast
from registry.crawls.models import AddressList, Watch

BATCH_SIZE = 20_000
"""Number of lines per transaction; bounds memory and the work lost if the process is killed."""

SkippedLine = tuple[str, str]
"""A skipped line: the reason, one of :data:`crawler.lists.line.SKIP_REASONS`, and the URL."""


@dataclass(slots=True)
class ListProgress:
    """The progress of reading one list."""

    path: Path
    row: AddressList  # counts of lines read, accepted and skipped, including earlier runs
    earlier_lines: int  # number of lines that earlier runs had read
    has_changed: bool = False  # the file has changed since an earlier run, so it is read from the start
    fraction: float = 0.0  # fraction of the file that has been read
    seconds: float = 0.0  # duration of this run so far
    remaining_seconds: float | None = None  # estimated remaining seconds, once known
    problem: str = ""  # reason why reading stopped early, and the fix
    _first: tuple[float, float] | None = None  # fraction and seconds after the first batch

    def update(self, fraction: float, seconds: float) -> None:
        """Record the fraction of the file that was read after a number of seconds."""
        self.fraction, self.seconds = fraction, seconds
        first_fraction, first_seconds = self._first = self._first or (fraction, seconds)
        self.remaining_seconds = (
            (seconds - first_seconds) * (1 - fraction) / (fraction - first_fraction)
            if fraction > first_fraction
            else None
        )


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """Settings of an ingestion run: the watch and the filter for lines."""

    watch: Watch | None  # if None, lines are only counted
    line_filter: LineFilter
    guard: Guard
    column: str = ""  # column of tables that contains the URLs
    kind: str = "image"  # kind of the URLs in tables
    is_stopped: Callable[[], bool] = field(default=lambda: False)  # checked after each batch
    hosts: HostForecast = field(default_factory=HostForecast)  # counts the accepted URLs if there is no watch


def ingest_lists(paths: Sequence[Path], options: IngestOptions) -> Iterator[tuple[ListProgress, list[SkippedLine]]]:
    """Read lists, continuing where earlier runs stopped; yield progress and skipped lines after each batch.

    If a list cannot be read any further, its ``problem`` states the reason, and the next list is read. If stopped,
    reading ends after the current batch.

    Raises:
        ConflictError: Another process reads the same list, or the crawl is being stopped.
    """
    for path in paths:
        progress = _start_list(path, options)
        yield progress, []
        if progress.row.whole:
            continue
        try:
            yield from _read_list(progress, options)
        except RefusedError as error:
            progress.problem = str(error)
            yield progress, []
        if options.is_stopped():
            return


def _start_list(path: Path, options: IngestOptions) -> ListProgress:
    file_stat = path.stat()
    stamp = f"{file_stat.st_size} {file_stat.st_mtime_ns}"
    if options.watch is None:
        return ListProgress(path, AddressList(path=str(path), stamp=stamp), 0)
    filter_key = f"{options.line_filter} {options.column} {options.kind}"
    row, has_changed = url_lists.start_list(options.watch, os.fspath(path), filter_key, stamp)
    return ListProgress(path, row, row.lines, has_changed)


def _read_list(progress: ListProgress, options: IngestOptions) -> Iterator[tuple[ListProgress, list[SkippedLine]]]:
    file, started_at = ListFile(progress.path, options.column, options.kind), time.monotonic()
    batches = _iterate_batches(file.read_lines(progress.row.lines), options)
    with ThreadPoolExecutor(1) as executor:
        next_batch = executor.submit(next, batches, None)
        while batch := next_batch.result():
            # While this batch is stored
            fraction, next_batch = (
                file.get_read_fraction(),
                executor.submit(next, batches, None),
            )
            if options.watch is None:
                url_lists.count_lines(progress.row, len(batch.urls), batch.skipped, batch.lines)
                options.hosts.add(url.url for url in batch.urls.values())
            else:
                batch.skipped = url_lists.add_list_urls(progress.row, batch.urls, batch.skipped, batch.lines)
            progress.update(fraction, time.monotonic() - started_at)
            yield progress, batch.skipped
            if options.is_stopped():
                return
    progress.row.whole = True
    if options.watch is not None:
        progress.row.save(update_fields=["whole"])
    yield progress, []


@dataclass(slots=True)
class _Batch:
    lines: int = 0
    urls: dict[bytes, NewUrl] = field(default_factory=dict)  # by key
    skipped: list[SkippedLine] = field(default_factory=list)

    def add(self, line: Line, options: IngestOptions) -> None:
        self.lines += 1
        if reason := options.line_filter.get_skip_reason(line, options.guard):
            self.skipped.append((reason, line.url))
            return
        page = line.page_url if _is_page(line.page_url) and line.page_url != line.url else ""
        new_url = NewUrl(line.url, line.kind, 0, page, line.context)
        if (key := new_url.key) in self.urls:
            self.skipped.append((url_lists.ALREADY_KNOWN, line.url))
        else:
            self.urls[key] = new_url


def _iterate_batches(lines: Iterator[Line], options: IngestOptions) -> Iterator[_Batch]:
    """Group lines into batches.

    A ``RefusedError`` raised while reading is re-raised after the earlier lines have been yielded.
    """
    pending_error: RefusedError | None = None
    while pending_error is None:
        batch = _Batch()
        try:
            for line in islice(lines, BATCH_SIZE):
                batch.add(line, options)
        except RefusedError as error:
            pending_error = error
        if batch.lines:
            yield batch
        elif pending_error is None:
            return
    raise pending_error


def _is_page(url: str) -> bool:
    return is_visitable(url) and len(url) <= MAX_URL_LENGTH and url.isprintable() and " " not in url
