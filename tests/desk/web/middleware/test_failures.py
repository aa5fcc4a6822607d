"""Test what a visitor sees when the machine fails."""

import errno
import threading

from django.http import HttpResponse
from django.test import RequestFactory

from desk.web.middleware.failures import run_checks, server_error


def respond_to(error: Exception) -> HttpResponse:
    try:
        raise error
    except type(error):
        return server_error(RequestFactory().get("/"))


def test_infrastructure_failure_is_distinguished_from_a_bug() -> None:
    full = respond_to(OSError(errno.ENOSPC, "No space left on device", "/data/blobs"))
    assert (full.status_code, full.headers["Retry-After"]) == (503, "10")
    error_response = respond_to(KeyError("secret"))
    assert error_response.status_code == 500
    assert "Retry-After" not in error_response.headers
    assert full.content != error_response.content
    for page in (full.content.decode(), error_response.content.decode()):
        assert "/data/blobs" not in page
        assert "secret" not in page


def test_timeouts_and_errors_are_reported_as_failed_checks() -> None:
    event = threading.Event()
    results = run_checks(0.2, well=lambda: 1, not_well=lambda: 0, broken=lambda: 1 / 0, silent=lambda: event.wait(30))
    event.set()
    assert results == {"well": True, "not_well": False, "broken": False, "silent": False}
