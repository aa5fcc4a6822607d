"""Work that several processes share, of one thread each."""

import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
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
    The processes end at once when this one is interrupted or killed, or wants no more of what they do; their temporary
    files lie in a folder that goes with this one. Raises ``ServiceMissingError`` when a process died, of memory
    most likely.
    """
    if jobs == 1:
        state = made[0](made[1])
        yield from (run(state, call) for call in calls)
        return
    with tempfile.TemporaryDirectory(prefix="exhibit-processes-") as scratch:
        yield from _from_pool(jobs, (*made, scratch), partial(_run, run), calls, at_once)


def _from_pool(
    jobs: int, started: tuple[Any, ...], run: Callable[[Call], Result], calls: Iterable[Call], at_once: int
) -> Iterator[Result]:
    context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
    pool = ProcessPoolExecutor(jobs, context, _start, started)
    try:
        rest = iter(calls)
        batches = iter(lambda: list(islice(rest, at_once)), [])
        waiting = deque(pool.submit(_run_each, run, batch) for batch in batches)
        while waiting:  # not Executor.map: that cancels what waits while the pool tells it of a process that died
            yield from waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ServiceMissingError(
            "A process died while it worked on a picture.", hint="Is memory short? Try --jobs 1."
        ) from error
    except BaseException:
        for process in list((pool._processes or {}).values()):  # noqa: SLF001 - of Python 3.14 on: kill_workers()
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _run_each(run: Callable[[Call], Result], calls: list[Call]) -> list[Result]:
    return [run(call) for call in calls]


def _start(make: Callable[[Setting], State], setting: Setting, scratch: str) -> None:
    tempfile.tempdir = scratch
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's matter, which ends this process
    threading.Thread(target=_end_with_parent, args=(scratch,), daemon=True).start()
    _kept[:] = [make(setting)]


def _end_with_parent(scratch: str) -> None:
    """Wait for the end of the parent; one that was killed has left the folder of temporary files to its processes."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)


def _run(run: Callable[[State, Call], Result], call: Call) -> Result:
    return run(_kept[0], call)
