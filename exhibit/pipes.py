"""Programs whose output is read only in part, as by ``head``: they end without a trace, as usual tools do."""

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
"""What shells show as the exit code of a tool whose reader has gone."""


def ends_with_reader(main: Callable[Parameters, int]) -> Callable[Parameters, int]:
    """Let a program's main function return :data:`CLOSED_PIPE` when nobody reads its output any more.

    Another pipe or connection that breaks is an error as before.
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
        except SystemExit as end:  # click ends so when a pipe is closed
            if end.code != 1 or not has_lost_reader():
                raise
        nowhere = os.open(os.devnull, os.O_WRONLY)  # for what the interpreter still flushes as it ends
        for number in _without_reader():
            os.dup2(nowhere, number)
        os.close(nowhere)
        return CLOSED_PIPE

    return run


def has_lost_reader() -> bool:
    """Whether standard output or standard error is a pipe that nobody reads any more."""
    return bool(_without_reader())


def _without_reader() -> list[int]:
    pipes = select.poll()
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError):  # it was replaced or closed
            if stream is not None:
                pipes.register(stream.fileno(), 0)
    return [number for number, event in pipes.poll(0) if event & select.POLLERR]
