"""Test that the loopback server forwards requests, refuses endless bodies, and releases its port."""

import socket

import requests

from evidence.development.server import MAX_BODY_BYTES, HttpRequest, HttpResponse, LoopbackServer


def test_server_forwards_requests_and_releases_port() -> None:
    received: list[HttpRequest] = []

    def answer(question: HttpRequest) -> HttpResponse:
        received.append(question)
        return HttpResponse(b"told", "text/plain", 418)

    server = LoopbackServer()
    with server.serve(answer):
        got = requests.get(f"{server.url}/a?b=c", headers={"X-Name": "v"}, timeout=5)
        posted = requests.post(server.url, data=b"body", timeout=5)
        refused = requests.post(server.url, headers={"Content-Length": str(MAX_BODY_BYTES + 1)}, timeout=5)
    assert (got.status_code, got.content, got.headers["Content-Type"]) == (418, b"told", "text/plain")
    assert (posted.status_code, refused.status_code) == (418, 413)
    assert [(request.method, request.path, request.body) for request in received] == [
        ("GET", "/a?b=c", b""),
        ("POST", "/", b"body"),
    ]
    assert received[0].headers["x-name"] == "v"
    with socket.create_server(("127.0.0.1", int(server.url.rpartition(":")[2]))):
        """Verify that the port is free."""
