"""Errors that a user may read: a sentence, a hint of what to do, and whether trying again can help.

The desk says them in the reader's language (``desk/texts/sentences.py``, by the catalogue in ``desk/locale``).
"""

import copyreg
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar

from exhibit.sentences import following

Given = TypeVar("Given")


class ExitCode(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    CHECK_FAILED = 1
    WRONG_USE = 2
    SERVICE_MISSING = 3
    INCOMPLETE = 4
    INTERRUPTED = 130


def ended(main: Callable[[], int | None], name: str = "") -> int:
    """Run a program; returns its exit code, and says an error of ours on standard error, behind its name."""
    try:
        return int(main() or ExitCode.DONE)
    except ExhibitError as error:
        sys.stderr.write(f"{name}{error}\n")
        return int(error.exit_code)


def passes(check: Callable[[Given], object], given: Given, *errors: type[Exception]) -> bool:
    """Whether a check of something raises neither a ``ValueError`` nor one of these errors."""
    refusals: tuple[type[Exception], ...] = (ValueError, *errors)
    try:
        check(given)
    except refusals:
        return False
    return True


class ExhibitError(Exception):
    """The one root of all errors that Exhibit raises on purpose.

    Message and hint are for the user: one sentence, without a trace or an internal name, and what to do about it.
    ``retry`` says whether the same call may succeed later.
    """

    exit_code = ExitCode.CHECK_FAILED

    def __init__(self, message: str, *, hint: str = "", retry: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retry = retry

    @property
    def sentence(self) -> str:
        """Message and hint, for a row or a page: what they were made of is known."""
        return following(self.message, self.hint)

    def __str__(self) -> str:
        return str(self.sentence)

    def __reduce__(self) -> tuple[Any, ...]:
        """Between processes it travels as it is, whatever it was made of."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class WrongUseError(ExhibitError):
    """The caller asked for something that can't be asked for like this."""

    exit_code = ExitCode.WRONG_USE


class ConflictError(WrongUseError):
    """It stands otherwise by now, such as a case that somebody else has decided: look again, then decide."""


class ConfigError(WrongUseError):
    """A setting has a value that can't be used; names the setting."""


class NotFoundError(ExhibitError):
    """The thing isn't there, or belongs to another owner: the two read the same."""

    exit_code = ExitCode.WRONG_USE


class ServiceMissingError(ExhibitError):
    """A server, a program or an optional package isn't there."""

    exit_code = ExitCode.SERVICE_MISSING

    def __init__(self, message: str, *, hint: str = "", retry: bool = True) -> None:
        super().__init__(message, hint=hint, retry=retry)


class StorageError(ServiceMissingError):
    """The store of the exact bytes doesn't answer, refuses or is full, which no picture is to blame for."""


class RefusedError(ExhibitError):
    """A rule of the installation forbids it: an address, a size, a blocklist entry.

    The reason is a short stable word for counting, such as ``private-address`` or ``too-many-pixels``.
    """

    exit_code = ExitCode.WRONG_USE

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class UnreadablePictureError(RefusedError):
    """The bytes aren't a picture that can be decoded within the limits."""


class IntegrityError(ExhibitError):
    """Stored bytes or rows aren't what their digest or key says."""
