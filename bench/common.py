"""What benchmarks share: tables, how far they are, processor time, and one task on many items in several processes."""

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

from indexer.picture.descriptor import kernel

Row = Mapping[str, object]
Titled = tuple[str, str, Sequence[Row]]
"""A table: its name as a file, its title, its rows."""


def show(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a Markdown table, ready for the documentation."""
    print(f"\n### {title}\n")
    print(as_markdown(rows))


def as_markdown(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table; a sentence where there are none."""
    if not rows:
        return "Nothing to show."
    columns = list(rows[0])
    lines = [columns, *([_text(row[column]) for column in columns] for row in rows)]
    shown = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([shown[0], "|" + "---|" * len(columns), *shown[1:]])


def _text(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def keep(out: Path, name: str, rows: Sequence[Row]) -> None:
    """Keep rows as JSON beside what they were measured on."""
    out.mkdir(parents=True, exist_ok=True)
    kept = {"machine": machine(), "date": datetime.now(UTC).date().isoformat(), "rows": [dict(row) for row in rows]}
    (out / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def machine() -> str:
    """The machine in a few words: cores, memory, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    python = platform.python_version()
    return f"{cores} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, CPython {python}, {kernel()}"


EVERY = 5.0
"""Seconds between two words on how far it is."""


class Progress:
    """Says on standard error how far something is, every few seconds.

    Args:
        title: of what.
        total: how many there are.
    """

    def __init__(self, title: str, total: int) -> None:
        self._title, self._total = title, total
        self._started = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        """So many are done."""
        now = time.monotonic()
        if now - self._said < EVERY and done != self._total:
            return
        self._said = now
        left = (now - self._started) / max(1, done) * (self._total - done)
        print(f"  {self._title}: {done:,} of {self._total:,}, {left / 60:.1f} min left", file=sys.stderr, flush=True)


def processor_seconds() -> float:
    """Processor time of this process and its running children so far, in seconds; of a child its first thread's.

    In nanoseconds by the scheduler (proc(5), ``schedstat``): psutil's ticks of a hundredth say nothing of one picture.
    """
    tasks = (path.read_text(encoding="ascii") for path in Path("/proc/self/task").glob("*/children"))
    children = [number for text in tasks for number in text.split()]
    spent = sum(int(Path(f"/proc/{number}/schedstat").read_text(encoding="ascii").split()[0]) for number in children)
    return time.process_time() + spent / 1e9


AHEAD = 4
"""Items that wait for each process: the pictures are made while others are asked, and don't fill the memory."""

T = TypeVar("T")
R = TypeVar("R")
_tasks: list[Callable[[Any], Any]] = []


def each(task: Callable[[T], R], items: Iterable[T], jobs: int) -> Iterator[R]:
    """Run a task on each item; what it knows is inherited by the processes and not sent to them.

    Args:
        task: on one item.
        items: taken as they are needed.
        jobs: processes; with one, everything happens in this one.
    """
    if jobs == 1:
        yield from map(task, items)
        return
    _tasks[:] = [task]
    waiting: deque[Future[R]] = deque()
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork"), _undisturbed) as pool:
        for item in items:
            waiting.append(pool.submit(_run, item))
            if len(waiting) >= AHEAD * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _undisturbed() -> None:
    """Ctrl-C ends the process that asks; these finish what they do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(item: Any) -> Any:  # noqa: ANN401 - the task's own types
    return _tasks[0](item)
