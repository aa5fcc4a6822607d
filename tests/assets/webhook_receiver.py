"""A local receiver of webhooks, which reads messages as the standard specifies."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import standardwebhooks


class MessageReceiver(ABC):
    """A server that receives messages and responds with a configured status.

    Attributes:
        status, headers: Status and headers of its responses.
    """

    status = 204

    def __init__(self) -> None:
        self.headers = dict[str, str]()
        self.server = self.listening()
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @abstractmethod
    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        """Store a message."""

    def listening(self) -> ThreadingHTTPServer:
        """Return the server, already listening."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        return ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def close(self) -> None:
        """Stop the server."""
        self.server.shutdown()
        self.server.server_close()


class Receiver(MessageReceiver):
    """A server that stores the messages that it receives."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:  # noqa: ARG002 - it has one address
        """Store a message."""
        self.got.append((headers, body))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    new_receiver = Receiver()
    yield new_receiver
    new_receiver.close()


def verify_message(got: tuple[dict[str, str], bytes], secret: str) -> Any:  # noqa: ANN401 - JSON
    """Verify a message's signature and return its contents."""
    return standardwebhooks.Webhook(secret).verify(got[1], got[0])
