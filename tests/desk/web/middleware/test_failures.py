"""Test what a visitor sees when the machine fails."""

import errno
import threading

from django.http import HttpResponse
from django.test import RequestFactory

from desk.web.middleware.failures import each_within, failed


def answer_to(error: Exception) -> HttpResponse:
    try:
        raise error
    except type(error):
        return failed(RequestFactory().get("/"))


def test_a_machine_that_fails_is_told_apart_from_a_mistake_of_ours() -> None:
    full = answer_to(OSError(errno.ENOSPC, "No space left on device", "/data/blobs"))
    assert (full.status_code, full.headers["Retry-After"]) == (503, "10")
    ours = answer_to(KeyError("secret"))
    assert ours.status_code == 500
    assert "Retry-After" not in ours.headers
    assert full.content != ours.content
    for page in (full.content.decode(), ours.content.decode()):
        assert "/data/blobs" not in page
        assert "secret" not in page


def test_what_has_not_answered_in_time_or_breaks_counts_as_no() -> None:
    held = threading.Event()
    told = each_within(0.2, well=lambda: 1, not_well=lambda: 0, broken=lambda: 1 / 0, silent=lambda: held.wait(30))
    held.set()
    assert told == {"well": True, "not_well": False, "broken": False, "silent": False}
