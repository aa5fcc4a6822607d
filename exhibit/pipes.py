"""Programs whose output is read only in part, for example by ``head``: they exit without a traceback."""

import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec

Parameters = ParamSpec("Parameters")
CLOSED_PIPE = 128 + signal.SIGPIPE
"""Exit code that shells show for a tool whose reader has closed the pipe."""


def ends_with_reader(main: Callable[Parameters, int]) -> Callable[Parameters, int]:
    """Make a program's main function return :data:`CLOSED_PIPE` when the reader of its output has closed the pipe.

    Other broken pipes and connections still raise an error.
    """

    @wraps(main)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> int:
        try:
            try:
                return main(*args, **kwargs)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
        except BrokenPipeError:
            if not has_lost_reader():
                raise
        except SystemExit as end:  # click exits like this when a pipe is closed
            if end.code != 1 or not has_lost_reader():
                raise
        nowhere = os.open(os.devnull, os.O_WRONLY)  # receives what the interpreter still flushes on exit
        for number in _without_reader():
            os.dup2(nowhere, number)
        os.close(nowhere)
        return CLOSED_PIPE

    return run


def has_lost_reader() -> bool:
    """Return True if standard output or standard error is a pipe whose reader has closed it."""
    return bool(_without_reader())


def _without_reader() -> list[int]:
    pipes = select.poll()
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError):  # the stream was replaced or closed
            if stream is not None:
                pipes.register(stream.fileno(), 0)
    return [number for number, event in pipes.poll(0) if event & select.POLLERR]
