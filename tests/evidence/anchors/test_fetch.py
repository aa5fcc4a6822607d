"""Test requests to timestamp services: silent services, oversized responses, and keys in URLs."""

import pytest

from evidence.anchors.fetch import send_request
from evidence.development.server import HttpRequest, HttpResponse, LoopbackServer
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session

SESSION = create_guarded_session(Guard(allowed_networks=("127.0.0.0/8",)), timeout=5)


def test_request_method_follows_body_and_response_is_limited() -> None:
    def answer(question: HttpRequest) -> HttpResponse:
        return HttpResponse(question.method.encode() + question.body, status=404)

    server = LoopbackServer()
    with server.serve(answer):
        assert send_request(SESSION, server.url) == (404, b"GET")
        assert send_request(SESSION, server.url, b"x", {"Content-Type": "a/b"}, max_bytes=5) == (404, b"POSTx")
        with pytest.raises(ServiceMissingError, match="did not respond: The response exceeds 5 bytes"):
            send_request(SESSION, server.url, b"xy", max_bytes=5)


def test_api_key_in_url_is_redacted_and_guard_refusals_propagate() -> None:
    with pytest.raises(ServiceMissingError) as raised:
        send_request(SESSION, "http://127.0.0.1:9/v3/secret-of-mine")
    assert str(raised.value) == "http://127.0.0.1:9 did not respond."
    with pytest.raises(RefusedError):
        send_request(create_guarded_session(Guard(), timeout=5), "http://127.0.0.1:9/")
