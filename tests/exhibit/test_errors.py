import copy

import pytest

from exhibit.errors import (
    ConfigError,
    ExhibitError,
    ExitCode,
    IntegrityError,
    InvalidRequestError,
    NotFoundError,
    RefusedError,
    ServiceMissingError,
    UnreadablePictureError,
    is_accepted,
)


def test_check_passes_unless_it_raises_an_expected_error() -> None:
    assert [is_accepted(int, text) for text in ("7", "seven")] == [True, False]
    assert [is_accepted({"a": 1}.__getitem__, name, KeyError) for name in "ab"] == [True, False]


def test_error_text_has_sentence_and_hint() -> None:
    assert str(ExhibitError("It is so.", hint="Do this.")) == "It is so. Do this."
    assert str(ExhibitError("It is so.")) == "It is so."


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ExhibitError("x"), ExitCode.CHECK_FAILED),
        (IntegrityError("x"), ExitCode.CHECK_FAILED),
        (RefusedError("x", reason="y"), ExitCode.INVALID_REQUEST),
        (UnreadablePictureError("x", reason="y"), ExitCode.INVALID_REQUEST),
        (InvalidRequestError("x"), ExitCode.INVALID_REQUEST),
        (ConfigError("x"), ExitCode.INVALID_REQUEST),
        (NotFoundError("x"), ExitCode.INVALID_REQUEST),
        (ServiceMissingError("x"), ExitCode.SERVICE_MISSING),
    ],
)
def test_each_error_sets_its_exit_code(error: ExhibitError, code: ExitCode) -> None:
    assert error.exit_code is code


def test_only_missing_service_errors_are_retryable() -> None:
    assert ServiceMissingError("x").retry
    assert not ExhibitError("x").retry
    assert not RefusedError("x", reason="y").retry


def test_refusal_keeps_its_reason() -> None:
    assert UnreadablePictureError("x", reason="empty").reason == "empty"


def test_refusal_round_trips_between_processes() -> None:
    error = UnreadablePictureError("x", reason="empty", hint="y")
    again = copy.copy(error)  # like pickling
    assert (type(again), str(again), again.reason, again.retry) == (UnreadablePictureError, "x y", "empty", False)
