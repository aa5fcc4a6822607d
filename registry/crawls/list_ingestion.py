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
from crawler.reading.found import MAX_ADDRESS, is_visitable
from exhibit.errors import RefusedError
from exhibit.network.guard import Guard
from registry.crawls import url_lists
from registry.crawls.crawling import NewUrl
from registry.crawls.forecasts import Hosts
from registry.crawls.models import AddressList, Watch

BATCH = 20_000
"""Number of lines per transaction; bounds memory and the work lost if the process is killed."""

LeftOut = tuple[str, str]
"""A skipped line: the reason, one of :data:`crawler.lists.line.REASONS`, and the URL."""


@dataclass(slots=True)
class ListProgress:
    """The progress of reading one list."""

    path: Path
    row: AddressList  # lines read, kept and skipped, including earlier runs
    before: int  # number of lines that earlier runs had read
    changed: bool = False  # the file has changed since an earlier run, so it is read from the start
    share: float = 0.0  # share of the file that has been read
    seconds: float = 0.0  # duration of this run so far
    remaining_seconds: float | None = None  # estimated remaining seconds, once known
    problem: str = ""  # why reading stopped early, and what to do
    _first: tuple[float, float] | None = None  # share and seconds after the first batch, which may include earlier runs

    def update(self, share: float, seconds: float) -> None:
        """Record the share of the file read after a number of seconds."""
        self.share, self.seconds = share, seconds
        first, first_seconds = self._first = self._first or (share, seconds)
        self.remaining_seconds = (seconds - first_seconds) * (1 - share) / (share - first) if share > first else None


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """The settings of a reading run: the watch, and which lines to accept."""

    watch: Watch | None  # without a watch, lines are only counted
    line_filter: LineFilter
    guard: Guard
    column: str = ""  # column of tables that contains the URLs
    kind: str = "image"  # kind of the URLs in tables
    is_stopped: Callable[[], bool] = field(default=lambda: False)  # checked after each batch
    hosts: Hosts = field(default_factory=Hosts)  # counts the accepted URLs if there is no watch


def ingest(paths: Sequence[Path], order: IngestOptions) -> Iterator[tuple[ListProgress, list[LeftOut]]]:
    """Read lists, each from where an earlier run stopped; yield the progress and the skipped lines after each batch.

    If a list cannot be read any further, its ``problem`` says why, and the next list is read. When stopped, reading
    ends after the current batch.

    Raises:
        ConflictError: Another process reads the same list, or the crawl is being stopped.
    """
    for path in paths:
        progress = _start_list(path, order)
        yield progress, []
        if progress.row.whole:
            continue
        try:
            yield from _read_list(progress, order)
        except RefusedError as error:
            progress.problem = str(error)
            yield progress, []
        if order.is_stopped():
            return


def _start_list(path: Path, order: IngestOptions) -> ListProgress:
    file_stat = path.stat()
    stamp = f"{file_stat.st_size} {file_stat.st_mtime_ns}"
    if order.watch is None:
        return ListProgress(path, AddressList(path=str(path), stamp=stamp), 0)
    filter_key = f"{order.line_filter} {order.column} {order.kind}"
    row, changed = url_lists.start_list(order.watch, os.fspath(path), filter_key, stamp)
    return ListProgress(path, row, row.lines, changed)


def _read_list(progress: ListProgress, order: IngestOptions) -> Iterator[tuple[ListProgress, list[LeftOut]]]:
    file, start = ListFile(progress.path, order.column, order.kind), time.monotonic()
    batches = _iterate_batches(file.lines(progress.row.lines), order)
    with ThreadPoolExecutor(1) as executor:
        next_batch = executor.submit(next, batches, None)
        while batch := next_batch.result():
            share, next_batch = file.share(), executor.submit(next, batches, None)  # while this batch is stored
            if order.watch is None:
                url_lists.count_lines(progress.row, len(batch.urls), batch.skipped, batch.lines)
                order.hosts.add(url.url for url in batch.urls.values())
            else:
                batch.skipped = url_lists.add_list_urls(progress.row, batch.urls, batch.skipped, batch.lines)
            progress.update(share, time.monotonic() - start)
            yield progress, batch.skipped
            if order.is_stopped():
                return
    progress.row.whole = True
    if order.watch is not None:
        progress.row.save(update_fields=["whole"])
    yield progress, []


@dataclass(slots=True)
class _Batch:
    lines: int = 0
    urls: dict[bytes, NewUrl] = field(default_factory=dict)  # by key
    skipped: list[LeftOut] = field(default_factory=list)

    def add(self, line: Line, order: IngestOptions) -> None:
        self.lines += 1
        if reason := order.line_filter.refusal(line, order.guard):
            self.skipped.append((reason, line.url))
            return
        page = line.page_url if _is_page(line.page_url) and line.page_url != line.url else ""
        new = NewUrl(line.url, line.kind, 0, page, line.context)
        if (key := new.key) in self.urls:
            self.skipped.append((url_lists.ALREADY_KNOWN, line.url))
        else:
            self.urls[key] = new


def _iterate_batches(lines: Iterator[Line], order: IngestOptions) -> Iterator[_Batch]:
    """Group lines into batches.

    A ``RefusedError`` while reading is raised after the lines before it have been yielded.
    """
    pending_error: RefusedError | None = None
    while pending_error is None:
        batch = _Batch()
        try:
            for line in islice(lines, BATCH):
                batch.add(line, order)
        except RefusedError as error:
            pending_error = error
        if batch.lines:
            yield batch
        elif pending_error is None:
            return
    raise pending_error


def _is_page(url: str) -> bool:
    return is_visitable(url) and len(url) <= MAX_ADDRESS and url.isprintable() and " " not in url
