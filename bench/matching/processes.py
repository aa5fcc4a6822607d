"""One task on many items in several processes, in order, a few items ahead."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

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
