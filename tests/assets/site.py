"""A website on loopback for tests: pages by path, and a record of all requests."""

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from PIL import Image

from tests.assets.badfiles import encode


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A received request: path with query, headers by lower-case name, monotonic time in seconds, and body."""

    path: str
    headers: Mapping[str, str]
    at: float
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response.

    Attributes:
        body: Bytes of the body.
        media_type: Content-Type header; none if empty.
        status: Status code.
        headers: Additional headers.
        length: Content-Length, if it is to be wrong; negative for none.
        pieces: Number of bytes sent one by one after the body, each after :attr:`pause` seconds.
        pause: Pause in seconds.
    """

    body: bytes = b""
    media_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None
    pieces: int = 0
    pause: float = 0.0


Route = Answer | Callable[[ReceivedRequest], Answer]


@dataclass(slots=True)
class Site:
    """A site that runs during its ``with`` block.

    Attributes:
        host: Loopback address on which it listens; different addresses make different hosts.
        routes: Responses by path with query, or by path alone; a function decides by the request.
        seen: Requests in order of arrival.
        tls: TLS context; without one the site uses plain HTTP.
        fallback: Response for every other path.
    """

    host: str = "127.0.0.1"
    routes: dict[str, Route] = field(default_factory=dict)
    requests: list[ReceivedRequest] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    fallback: Route = Answer(b"<h1>not here</h1>", status=404)
    _server: ThreadingHTTPServer = field(init=False)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        self._server = _Server((self.host, 0), _handler(self))
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/") -> str:
        """Return the URL of a path."""
        return f"http{'s' if self.tls else ''}://{self.host}:{self.port}{path}"

    def page(self, path: str, html: str, **more: object) -> None:
        """Serve HTML."""
        self.routes[path] = Answer(html.encode(), **more)  # type: ignore[arg-type]

    def image(self, path: str, seed: int | None = None, **more: object) -> bytes:
        """Serve a small unique JPEG, and return its bytes."""
        data = picture(len(self.routes) if seed is None else seed)
        self.routes[path] = Answer(data, media_type="image/jpeg", **more)  # type: ignore[arg-type]
        return data

    def requested_paths(self) -> list[str]:
        """Return the requested paths, in order."""
        return [request.path for request in self.requests]

    def count_requests(self, path: str) -> int:
        """Return how often a path was requested."""
        return self.requested_paths().count(path)


def picture(seed: int) -> bytes:
    """Return a small JPEG that is unique to the seed."""
    shade = (seed * 37 % 256, seed * 91 % 256, seed // 256 % 256)
    image = Image.new("RGB", (48, 32), shade)
    image.paste((255, 255, 255), (seed % 40, 4, seed % 40 + 6, 20))
    return encode(image, "JPEG", quality=90)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore errors: clients that disconnect are part of the tests."""


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        of_site = site

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    of_site: Site

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _answer(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = ReceivedRequest(self.path, headers, time.monotonic(), body)
        self.of_site.requests.append(request)
        routes = self.of_site.routes
        route = routes.get(self.path) or routes.get(self.path.partition("?")[0])
        if route is None:
            route = self.of_site.fallback
        self._send(route if isinstance(route, Answer) else route(request))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.media_type:
            self.send_header("Content-Type", answer.media_type)
        length = len(answer.body) if answer.length is None else answer.length
        if length >= 0:
            self.send_header("Content-Length", str(length))
        if answer.length is not None:
            self.send_header("Connection", "close")
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        for _ in range(answer.pieces):
            time.sleep(answer.pause)
            self.wfile.write(b"\xff" * 16)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Log nothing."""
