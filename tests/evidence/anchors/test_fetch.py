"""Test that a timestamp service without response or with an endless one is missing, and that no key is leaked."""

import pytest

from evidence.anchors.fetch import send_request
from evidence.development.server import HttpRequest, HttpResponse, LoopbackServer
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session

SESSION = guarded_session(Guard(allowed_networks=("127.0.0.0/8",)), timeout=5)


def test_one_question_has_a_method_by_its_body_and_an_answer_within_its_limit() -> None:
    def answer(question: HttpRequest) -> HttpResponse:
        return HttpResponse(question.method.encode() + question.body, status=404)

    server = LoopbackServer()
    with server.serve(answer):
        assert send_request(SESSION, server.url) == (404, b"GET")
        assert send_request(SESSION, server.url, b"x", {"Content-Type": "a/b"}, limit=5) == (404, b"POSTx")
        with pytest.raises(ServiceMissingError, match="did not respond: The response exceeds 5 bytes"):
            send_request(SESSION, server.url, b"xy", limit=5)


def test_a_key_in_the_address_is_not_shown_and_what_the_guard_refuses_stays_refused() -> None:
    with pytest.raises(ServiceMissingError) as raised:
        send_request(SESSION, "http://127.0.0.1:9/v3/secret-of-mine")
    assert str(raised.value) == "http://127.0.0.1:9 did not respond."
    with pytest.raises(RefusedError):
        send_request(guarded_session(Guard(), timeout=5), "http://127.0.0.1:9/")
