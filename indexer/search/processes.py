"""Distribution of work among several processes with one thread each."""

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
_process_state: list[Any] = []
"""State of a worker process of :func:`run_in_processes`."""


def run_in_processes(
    jobs: int,
    factory: tuple[Callable[[Setting], State], Setting],
    run: Callable[[State, Call], Result],
    calls: Iterable[Call],
    batch_size: int = 1,
) -> Iterator[Result]:
    """Run calls in processes, or in this one for a single job, and yield their results in order.

    The processes end immediately if this process is interrupted or killed, or no longer needs their results. Their
    temporary files are in a folder that is removed when this process ends.

    Args:
        jobs: Number of processes.
        factory: Function that creates the state of each process, and its argument.
        run: Function that processes a call with the state.
        calls: The calls.
        batch_size: Number of calls sent to a process together.

    Yields:
        The results.

    Raises:
        ServiceMissingError: A process died, most likely because of memory.
    """
    if jobs == 1:
        state = factory[0](factory[1])
        yield from (run(state, call) for call in calls)
        return
    with tempfile.TemporaryDirectory(prefix="exhibit-processes-") as scratch:
        yield from _run_in_pool(jobs, (*factory, scratch), partial(_run_call, run), calls, batch_size)


def _run_in_pool(
    jobs: int,
    initializer_arguments: tuple[Any, ...],
    run: Callable[[Call], Result],
    calls: Iterable[Call],
    batch_size: int,
) -> Iterator[Result]:
    context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
    pool = ProcessPoolExecutor(jobs, context, _start_process, initializer_arguments)
    try:
        remaining = iter(calls)
        batches = iter(lambda: list(islice(remaining, batch_size)), [])
        futures = deque(pool.submit(_run_batch, run, batch) for batch in batches)
        while futures:  # Executor.map cancels pending calls while the pool reports a dead process to them
            yield from futures.popleft().result()
    except BrokenProcessPool as error:
        raise ServiceMissingError(
            "A process died while it processed a picture.", hint="If the machine has too little memory, try --jobs 1."
        ) from error
    except BaseException:
        for process in list((pool._processes or {}).values()):  # noqa: SLF001 - of Python 3.14 on: kill_workers()
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _run_batch(run: Callable[[Call], Result], calls: list[Call]) -> list[Result]:
    return [run(call) for call in calls]


def _start_process(factory: Callable[[Setting], State], setting: Setting, scratch: str) -> None:
    tempfile.tempdir = scratch
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends this process
    threading.Thread(target=_end_with_parent, args=(scratch,), daemon=True).start()
    _process_state[:] = [factory(setting)]


def _end_with_parent(scratch: str) -> None:
    """Wait until the parent has ended, remove its folder of temporary files, and end this process."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)


def _run_call(run: Callable[[State, Call], Result], call: Call) -> Result:
    return run(_process_state[0], call)
