"""Work that several processes share, of one thread each."""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from exhibit.errors import ServiceMissingError

Setting = TypeVar("Setting")
Call = TypeVar("Call")
Result = TypeVar("Result")


def in_processes(
    jobs: int,
    start: tuple[Callable[[Setting], None], Setting],
    run: Callable[[Call], Result],
    calls: Iterable[Call],
    at_once: int = 1,
) -> Iterator[Result]:
    """Run calls in processes, each begun by ``start``, and give what comes of them, in their order.

    So many calls travel ``at_once``. Raises ``ServiceMissingError`` when a process died, of memory most likely.
    """
    context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
    with ProcessPoolExecutor(jobs, context, start[0], start[1:]) as pool:
        try:
            yield from pool.map(run, calls, chunksize=at_once)
        except BrokenProcessPool as error:
            raise ServiceMissingError(
                "A process died while it worked on a picture.", hint="Is memory short? Try --jobs 1."
            ) from error
