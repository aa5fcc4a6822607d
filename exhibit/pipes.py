"""Exit without a traceback when the reader of a program's output, such as ``head``, closes the pipe."""

import argparse
import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

Parameters = ParamSpec("Parameters")
CLOSED_PIPE = 128 + signal.SIGPIPE
"""Exit code that shells report for a program after the reader of its output has closed the pipe."""


class ArgumentParser(argparse.ArgumentParser):
    """Argument parser that raises an error if its help cannot be written, which Python ignores since a 3.11 release."""

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        if message:
            (file or sys.stderr).write(message)


def exit_on_closed_pipe(main: Callable[Parameters, int]) -> Callable[Parameters, int]:
    """Decorate a main function to return :data:`CLOSED_PIPE` if the reader of its output has closed the pipe.

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
        except SystemExit as exit_error:  # click exits like this when a pipe is closed
            if exit_error.code != 1 or not has_lost_reader():
                raise
        null_device = os.open(os.devnull, os.O_WRONLY)  # for the output that the interpreter flushes on exit
        for descriptor in _find_unread_descriptors():
            os.dup2(null_device, descriptor)
        os.close(null_device)
        return CLOSED_PIPE

    return run


def has_lost_reader() -> bool:
    """Return True if standard output or standard error is a pipe whose reader has closed it."""
    return bool(_find_unread_descriptors())


def _find_unread_descriptors() -> list[int]:
    pipes = select.poll()
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError):  # the stream was replaced or closed
            if stream is not None:
                pipes.register(stream.fileno(), 0)
    return [descriptor for descriptor, event in pipes.poll(0) if event & select.POLLERR]
