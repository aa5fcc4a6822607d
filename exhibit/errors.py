"""Errors for users: a message, a hint with the next step, and a flag that is true if a retry can help.

The package ``desk`` translates them (``desk/texts/sentences.py``, with the catalogue in ``desk/locale``).
"""

import copyreg
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar

from exhibit.sentences import concatenate_sentences

Value = TypeVar("Value")


class ExitCode(IntEnum):
    """Exit codes of all commands."""

    DONE = 0
    CHECK_FAILED = 1
    INVALID_REQUEST = 2
    SERVICE_MISSING = 3
    INCOMPLETE = 4
    INTERRUPTED = 130


def run_program(main: Callable[[], int | None], name: str = "") -> int:
    """Run a program and return its exit code. Exhibit errors are printed to standard error, prefixed with ``name``."""
    try:
        return int(main() or ExitCode.DONE)
    except ExhibitError as error:
        sys.stderr.write(f"{name}{error}\n")
        return int(error.exit_code)


def is_accepted(check: Callable[[Value], object], value: Value, *errors: type[Exception]) -> bool:
    """Return True if ``check(value)`` raises neither ``ValueError`` nor one of ``errors``."""
    error_types: tuple[type[Exception], ...] = (ValueError, *errors)
    try:
        check(value)
    except error_types:
        return False
    return True


class ExhibitError(Exception):
    """Base class of all errors that Exhibit raises deliberately.

    Message and hint are shown to users. The message is one sentence without internal names, the hint is the next step.
    ``retry`` is true if the same call may succeed later.
    """

    exit_code = ExitCode.CHECK_FAILED

    def __init__(self, message: str, *, hint: str = "", retry: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retry = retry

    @property
    def sentence(self) -> str:
        """Message and hint as one text for a row or a page. It keeps their templates and values for translation."""
        return concatenate_sentences(self.message, self.hint)

    def __str__(self) -> str:
        return str(self.sentence)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle all attributes, so that another process receives the error unchanged."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class InvalidRequestError(ExhibitError):
    """The request or its arguments are not valid."""

    exit_code = ExitCode.INVALID_REQUEST


class ConflictError(InvalidRequestError):
    """The state has changed in the meantime, for example because another user has decided the case."""


class ConfigError(InvalidRequestError):
    """A setting has an unusable value. The message names the setting."""


class NotFoundError(ExhibitError):
    """The object does not exist or belongs to another owner. The message is the same in both cases."""

    exit_code = ExitCode.INVALID_REQUEST


class ServiceMissingError(ExhibitError):
    """A server, a program or an optional package is missing or not reachable."""

    exit_code = ExitCode.SERVICE_MISSING

    def __init__(self, message: str, *, hint: str = "", retry: bool = True) -> None:
        super().__init__(message, hint=hint, retry=retry)


class StorageError(ServiceMissingError):
    """The blob store does not respond, refuses the request or is full. The picture itself is not the cause."""


class RefusedError(ExhibitError):
    """A rule of the installation forbids the action, for example because of a URL, a size or a blocklist entry.

    ``reason`` is a short stable identifier for statistics, such as ``private-address`` or ``too-many-pixels``.
    """

    exit_code = ExitCode.INVALID_REQUEST

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class UnreadablePictureError(RefusedError):
    """The bytes cannot be decoded as an image within the limits."""


class IntegrityError(ExhibitError):
    """Stored bytes or rows do not match their digest or key."""
