"""A small HTTP server on loopback that responds with one function."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Question:
    """A client's request: method, path with query, body, and headers with lower-case names."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """The response."""

    body: bytes
    media_type: str = "application/octet-stream"
    status: int = 200


class LoopbackServer:
    """Listens on 127.0.0.1 from its creation, at any free port if none is given."""

    def __init__(self, port: int = 0) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Release the port."""
        self._server.server_close()

    @contextlib.contextmanager
    def running(self, answer: Callable[[Question], Answer]) -> Iterator[None]:
        """Respond in separate threads for the duration of the ``with`` block, then close."""
        self._server.RequestHandlerClass = _handler(answer)
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self.close()


def _handler(answer: Callable[[Question], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            given = Answer(b"too long\n", "text/plain", 413)
            if 0 <= length <= MAX_BODY:
                fields = {name.lower(): value for name, value in self.headers.items()}
                given = answer(Question(self.command, self.path, self.rfile.read(length), fields))
            self.send_response(given.status)
            self.send_header("Content-Type", given.media_type)
            self.send_header("Content-Length", str(len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Log nothing: clients report errors themselves."""

    return Handler
