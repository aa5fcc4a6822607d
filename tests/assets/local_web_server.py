"""A small site behind the web server, in this process, and clients that send and read arbitrarily slowly."""

import io
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import FileWrapper

from waitress import wasyncore

from desk.access_classes import KIB, MIB
from desk.server import Server

LARGE = 4 * MIB
"""Bytes of ``/large`` and ``/file``: more than the buffers of a connection hold."""


@dataclass
class WsgiApplication:
    """A WSGI application with the pages that tests request.

    Attributes:
        requested: Paths of processed requests, in order.
        closed: Paths of responses that were closed.
        readers: Threads that read the file of ``/file``.
        release: Event for which the response of ``/held`` waits.
    """

    requested: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    readers: set[threading.Thread] = field(default_factory=set)
    release: threading.Event = field(default_factory=threading.Event)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.requested.append(path)
        if path == "/held":
            self.release.wait(60)
        if path == "/large":
            size, body = LARGE, self._large(path)
        elif path == "/file":
            file = _File(self.readers)
            size, body = len(file.getvalue()), environ.get("wsgi.file_wrapper", FileWrapper)(file)
        else:
            text = str(environ.get("HTTP_X_FORWARDED_FOR")) if path == "/forwarded" else f"{_length(environ)} bytes"
            size, body = len(text), iter([text.encode()])
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(size))])
        return body

    def _large(self, path: str) -> Iterator[bytes]:
        try:
            for _ in range(LARGE // (64 * KIB)):
                yield b"a" * (64 * KIB)
        finally:
            self.closed.append(path)


class _File(io.BytesIO):
    """A file that records which threads read it."""

    def __init__(self, readers: set[threading.Thread]) -> None:
        super().__init__(b"a" * LARGE)
        self._readers = readers

    def read(self, size: int | None = -1, /) -> bytes:
        self._readers.add(threading.current_thread())
        return super().read(size)


def _length(environ: WSGIEnvironment) -> int:
    """Return the number of bytes of a body."""
    return sum(map(len, iter(lambda: environ["wsgi.input"].read(MIB), b"")))


@dataclass
class RunningServer:
    """A running server."""

    server: Server
    pages: WsgiApplication
    main_thread: threading.Thread

    def connect(self, sent: bytes = b"", *, reads_slowly: bool = False) -> socket.socket:
        """Return the connection of a client that has sent some bytes."""
        client = socket.socket()
        if reads_slowly:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
        client.settimeout(20)
        client.connect(("127.0.0.1", int(self.server.getsockname()[1])))
        client.sendall(sent)
        return client

    def request(self, path: str = "/", body: bytes = b"", *headers: str, method: str = "GET") -> tuple[int, bytes]:
        """Return the status and body of the response."""
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        with self.connect() as client:
            with suppress(ConnectionError):  # a refused body is not read
                client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            return parse(read_all(client))

    @property
    def connections(self) -> int:
        """Return the number of open connections."""
        return len(self.server.active_channels)  # type: ignore[arg-type] # its types name one channel


def _close(server: Server) -> None:
    """Close all connections and the server's socket, which ends the main loop."""
    for channel in list(server.active_channels.values()):  # type: ignore[attr-defined] # its types name one channel
        channel.handle_close()
    wasyncore.close_all(server._map)  # type: ignore[attr-defined] # as above


def read_all(client: socket.socket) -> bytes:
    """Return all bytes received until the connection is closed."""
    received = bytearray()
    with suppress(ConnectionResetError):
        while piece := client.recv(1 << 16):
            received += piece
    return bytes(received)


def parse(response: bytes) -> tuple[int, bytes]:
    """Return the status and body of a response."""
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


@contextmanager
def run_test_server(*, connections: int = 100, **options: int) -> Iterator[RunningServer]:
    """Run the small site with some settings of waitress."""
    pages = WsgiApplication()
    server = Server(pages, "127.0.0.1", 0, connections=connections, **options)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield RunningServer(server, pages, thread)
    finally:
        pages.release.set()
        server.task_dispatcher.shutdown()
        server.trigger.pull_trigger(lambda: _close(server))  # type: ignore[attr-defined] # its types say `int`
        thread.join(20)
        assert not thread.is_alive()
