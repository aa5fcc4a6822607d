"""Test that the loopback server forwards requests, refuses endless bodies, and releases its port."""

import socket

import requests

from evidence.development.server import MAX_BODY, Answer, LoopbackServer, Question


def test_it_hands_over_what_was_asked_and_gives_its_port_back() -> None:
    asked: list[Question] = []

    def answer(question: Question) -> Answer:
        asked.append(question)
        return Answer(b"told", "text/plain", 418)

    server = LoopbackServer()
    with server.running(answer):
        got = requests.get(f"{server.url}/a?b=c", headers={"X-Name": "v"}, timeout=5)
        posted = requests.post(server.url, data=b"body", timeout=5)
        refused = requests.post(server.url, headers={"Content-Length": str(MAX_BODY + 1)}, timeout=5)
    assert (got.status_code, got.content, got.headers["Content-Type"]) == (418, b"told", "text/plain")
    assert (posted.status_code, refused.status_code) == (418, 413)
    assert [(one.method, one.path, one.body) for one in asked] == [("GET", "/a?b=c", b""), ("POST", "/", b"body")]
    assert asked[0].headers["x-name"] == "v"
    with socket.create_server(("127.0.0.1", int(server.url.rpartition(":")[2]))):
        """Verify that the port is free."""
