"""Shared code of benchmarks: tables, progress, CPU time, and tasks in several processes."""

import json
import multiprocessing
import os
import platform
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from indexer.picture.descriptor import describe_kernel

Row = Mapping[str, object]
TitledTable = tuple[str, str, Sequence[Row]]
"""A table: file name, title, rows."""


def print_table(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a Markdown table, ready for the documentation."""
    print(f"\n### {title}\n")
    print(to_markdown(rows))


def to_markdown(rows: Sequence[Row]) -> str:
    """Format rows as a Markdown table, or as a sentence if there are none."""
    if not rows:
        return "Nothing to show."
    columns = list(rows[0])
    lines = [columns, *([_format_value(row[column]) for column in columns] for row in rows)]
    table_lines = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([table_lines[0], "|" + "---|" * len(columns), *table_lines[1:]])


def _format_value(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def save_rows(out: Path, name: str, rows: Sequence[Row]) -> None:
    """Save rows as JSON, with a description of the machine."""
    out.mkdir(parents=True, exist_ok=True)
    record = {
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "rows": [dict(row) for row in rows],
    }
    (out / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def describe_machine() -> str:
    """Describe the machine: cores, memory, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    python = platform.python_version()
    return (
        f"{cores} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, CPython "
        f"{python}, {describe_kernel()}"
    )


PROGRESS_SECONDS = 5.0
"""Seconds between two progress messages."""


class Progress:
    """Prints progress on standard error every few seconds.

    Args:
        title: Name of the work.
        total: Number of items.
    """

    def __init__(self, title: str, total: int) -> None:
        self._title, self._total = title, total
        self._started = self._reported_at = time.monotonic()

    def __call__(self, done: int) -> None:
        """Report the number of processed items."""
        now = time.monotonic()
        if now - self._reported_at < PROGRESS_SECONDS and done != self._total:
            return
        self._reported_at = now
        remaining = (now - self._started) / max(1, done) * (self._total - done)
        print(
            f"  {self._title}: {done:,} of {self._total:,}, {remaining / 60:.1f} min left", file=sys.stderr, flush=True
        )


def read_processor_seconds() -> float:
    """Return CPU seconds of this process and of the first threads of its running children.

    The time is read from ``schedstat`` (proc(5)) in nanoseconds, because psutil's resolution of 10 ms is too coarse for
    one picture.
    """
    tasks = (path.read_text(encoding="ascii") for path in Path("/proc/self/task").glob("*/children"))
    children = [number for text in tasks for number in text.split()]
    total = sum(int(Path(f"/proc/{number}/schedstat").read_text(encoding="ascii").split()[0]) for number in children)
    return time.process_time() + total / 1e9


TASKS_AHEAD = 4
"""Queued items per process, so that items are generated while others are processed, with limited memory."""

T = TypeVar("T")
R = TypeVar("R")
_tasks: list[Callable[[Any], Any]] = []


def run_tasks(task: Callable[[T], R], items: Iterable[T], jobs: int) -> Iterator[R]:
    """Run a task on each item. The processes inherit the data of the task by fork, so that it is not pickled.

    Args:
        task: Function of one item.
        items: Items, consumed as needed.
        jobs: Number of processes. With one, the tasks run in this process.
    """
    if jobs == 1:
        yield from map(task, items)
        return
    _tasks[:] = [task]
    pending: deque[Future[R]] = deque()
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork"), _ignore_interrupts) as pool:
        for item in items:
            pending.append(pool.submit(_run_task, item))
            if len(pending) >= TASKS_AHEAD * jobs:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _ignore_interrupts() -> None:
    """Ignore Ctrl-C in child processes: it ends the parent, and they finish their item."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run_task(item: Any) -> Any:  # noqa: ANN401 - the task's own types
    return _tasks[0](item)
