"""Work that several processes share, of one thread each."""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any, TypeVar

from exhibit.errors import ServiceMissingError

Setting = TypeVar("Setting")
State = TypeVar("State")
Call = TypeVar("Call")
Result = TypeVar("Result")
_kept: list[Any] = []
"""The state of a process of :func:`in_processes`."""


def in_processes(
    jobs: int,
    made: tuple[Callable[[Setting], State], Setting],
    run: Callable[[State, Call], Result],
    calls: Iterable[Call],
    at_once: int = 1,
) -> Iterator[Result]:
    """Run calls in processes, or in this one for one job, and give what comes of them, in their order.

    ``made`` says how each makes the state that it keeps between calls, and of what. So many calls travel ``at_once``.
    Raises ``ServiceMissingError`` when a process died, of memory most likely.
    """
    if jobs == 1:
        state = made[0](made[1])
        yield from (run(state, call) for call in calls)
        return
    context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
    with ProcessPoolExecutor(jobs, context, _start, made) as pool:
        try:
            yield from pool.map(partial(_run, run), calls, chunksize=at_once)
        except BrokenProcessPool as error:
            raise ServiceMissingError(
                "A process died while it worked on a picture.", hint="Is memory short? Try --jobs 1."
            ) from error


def _start(make: Callable[[Setting], State], setting: Setting) -> None:
    _kept[:] = [make(setting)]


def _run(run: Callable[[State, Call], Result], call: Call) -> Result:
    return run(_kept[0], call)
