"""Small HTTP server on loopback that calls a function for each request."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_BODY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Request of a client: method, path with query, body, and headers with lower-case names."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Response to a client."""

    body: bytes
    media_type: str = "application/octet-stream"
    status: int = 200


class LoopbackServer:
    """HTTP server that listens on 127.0.0.1 from its creation, at a free port by default."""

    def __init__(self, port: int = 0) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Release the port."""
        self._server.server_close()

    @contextlib.contextmanager
    def serve(self, handle_request: Callable[[HttpRequest], HttpResponse]) -> Iterator[None]:
        """Respond in separate threads for the duration of the ``with`` block, then close the server."""
        self._server.RequestHandlerClass = _create_handler(handle_request)
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self.close()


def _create_handler(handle_request: Callable[[HttpRequest], HttpResponse]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            response = HttpResponse(b"too long\n", "text/plain", 413)
            if 0 <= length <= MAX_BODY_BYTES:
                fields = {name.lower(): value for name, value in self.headers.items()}
                response = handle_request(HttpRequest(self.command, self.path, self.rfile.read(length), fields))
            self.send_response(response.status)
            self.send_header("Content-Type", response.media_type)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - name in the base class
            """Log nothing, because clients report errors."""

    return Handler
