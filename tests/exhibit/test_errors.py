import copy

import pytest

from exhibit.errors import (
    ConfigError,
    ExhibitError,
    ExitCode,
    IntegrityError,
    NotFoundError,
    RefusedError,
    ServiceMissingError,
    UnreadablePictureError,
    WrongUseError,
    passes,
)


def test_a_check_passes_unless_it_raises_one_of_the_errors() -> None:
    assert [passes(int, text) for text in ("7", "seven")] == [True, False]
    assert [passes({"a": 1}.__getitem__, name, KeyError) for name in "ab"] == [True, False]


def test_an_error_reads_as_its_sentence_and_its_hint() -> None:
    assert str(ExhibitError("It is so.", hint="Do this.")) == "It is so. Do this."
    assert str(ExhibitError("It is so.")) == "It is so."


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ExhibitError("x"), ExitCode.CHECK_FAILED),
        (IntegrityError("x"), ExitCode.CHECK_FAILED),
        (RefusedError("x", reason="y"), ExitCode.WRONG_USE),
        (UnreadablePictureError("x", reason="y"), ExitCode.WRONG_USE),
        (WrongUseError("x"), ExitCode.WRONG_USE),
        (ConfigError("x"), ExitCode.WRONG_USE),
        (NotFoundError("x"), ExitCode.WRONG_USE),
        (ServiceMissingError("x"), ExitCode.SERVICE_MISSING),
    ],
)
def test_each_error_ends_a_command_with_its_code(error: ExhibitError, code: ExitCode) -> None:
    assert error.exit_code is code


def test_only_a_missing_service_may_come_back_by_itself() -> None:
    assert ServiceMissingError("x").retry
    assert not ExhibitError("x").retry
    assert not RefusedError("x", reason="y").retry


def test_a_refusal_keeps_its_reason() -> None:
    assert UnreadablePictureError("x", reason="empty").reason == "empty"


def test_a_refusal_travels_between_processes_as_it_is() -> None:
    error = UnreadablePictureError("x", reason="empty", hint="y")
    again = copy.copy(error)  # like pickling
    assert (type(again), str(again), again.reason, again.retry) == (UnreadablePictureError, "x y", "empty", False)
