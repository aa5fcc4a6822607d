"""A small site behind the web server, within this process, and clients that send and read as slowly as they like."""

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from django.http import HttpResponse, StreamingHttpResponse

from desk.server.bodies import Whose
from desk.server.connections import Connection
from desk.server.limits import Limits
from desk.server.run import Server
from desk.server.site import Doors, Environ, Site
from tests.assets.processes import free_port, wait_until

KIB = 1024
BIG = 4 * KIB * KIB
OF_NOBODY, OF_KNOWN = 100 * KIB, 1_000 * KIB


@dataclass
class Pages:
    """A WSGI application that answers what tests ask.

    Attributes:
        made: the addresses whose pages were made.
        closed: the addresses whose answers were closed.
        pieces: how many pieces of an endless answer were made.
        held: pages at ``/held`` are made when it is set.
        at_work: how many of these have a thread.
    """

    made: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    pieces: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    at_work: int = 0

    def __call__(self, environ: Environ, start: Callable[..., object]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.made.append(path)
        answer = self._answer(path, environ)
        answer._resource_closers.append(lambda: self.closed.append(path))  # type: ignore[union-attr]
        if int(environ["CONTENT_LENGTH"] or 0) > OF_KNOWN or (
            int(environ["CONTENT_LENGTH"]) > OF_NOBODY and "HTTP_AUTHORIZATION" not in environ
        ):
            answer = HttpResponse(b"too much", status=413)
        start(f"{answer.status_code} OK", list(answer.items()))
        return answer

    def _answer(self, path: str, environ: Environ) -> HttpResponse | StreamingHttpResponse:
        if path == "/held":
            self.at_work += 1
            self.held.wait(60)
        if path == "/endless":
            return StreamingHttpResponse(self._endless())
        if path == "/big":
            return HttpResponse(b"b" * BIG, headers={"Content-Length": str(BIG)})
        if path == "/told":
            told = sorted((name, str(value)) for name, value in environ.items() if name.startswith("HTTP_"))
            return HttpResponse(repr(told))
        data = environ["wsgi.input"].read()
        return HttpResponse(f"{len(data)} bytes", headers={"Content-Length": str(len(f"{len(data)} bytes"))})

    def _endless(self) -> Iterator[bytes]:
        while True:
            self.pieces += 1
            yield b"e" * 64 * KIB


@dataclass
class Served:
    """A running server."""

    port: int
    pages: Pages
    site: Site
    server: uvicorn.Server
    well: threading.Event
    looks: int = 0

    def look(self) -> tuple[bool, bytes]:
        """Whether all is well."""
        self.looks += 1
        return self.well.is_set(), b'{"well": true}'

    def connect(self, sent: bytes = b"", *, small: bool = False) -> socket.socket:
        """A client that has sent something; a small one's system takes few bytes that it doesn't read."""
        client = socket.socket()
        if small:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
        client.settimeout(20)
        client.connect(("127.0.0.1", self.port))
        client.sendall(sent)
        return client

    def ask(self, path: str = "/", body: bytes = b"", *headers: str, method: str = "") -> tuple[int, bytes, bytes]:
        """Status, headers and body of an answer."""
        lines = [f"{method or ('POST' if body else 'GET')} {path} HTTP/1.1", "Host: x", "Connection: close", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        with self.connect() as client:
            with suppress(ConnectionError):  # what is refused isn't read
                client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            return answer_of(everything(client))

    def seconds_for(self, path: str) -> float:
        """How long an answer takes that has to be 200."""
        begun = time.monotonic()
        assert self.ask(path)[0] == 200
        return time.monotonic() - begun

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return self.site.waiting

    def on_disk(self, whose: str) -> int:
        """Bytes of somebody's on the disk."""
        return self.site.room.taken(Whose(whose))

    @property
    def connections(self) -> set[Any]:
        """The connections that are open."""
        return self.server.server_state.connections


def everything(client: socket.socket) -> bytes:
    """All that comes until the end of a connection."""
    found = bytearray()
    with suppress(ConnectionResetError):
        while piece := client.recv(1 << 16):
            found += piece
    return bytes(found)


def answer_of(data: bytes) -> tuple[int, bytes, bytes]:
    """Status, headers and body."""
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head.lower(), body


@contextmanager
def served(folder: Path | None = None, *, proxies: int = 0, **limits: float) -> Iterator[Served]:
    """The small site, with limits of its own."""
    pages = Pages()

    def most(environ: Environ) -> tuple[int, str]:
        caller = environ.get("HTTP_AUTHORIZATION", "")
        return (OF_KNOWN if caller else OF_NOBODY), caller

    site = Site(
        pages, Doors(OF_NOBODY, most), lambda: made.look(), lambda _: ("text/plain", b"busy"),  # noqa: PLW0108 - made below
        proxies=proxies, folder=folder, limits=Limits(**limits),  # type: ignore[arg-type]
    )  # fmt: skip
    port = free_port()
    config = uvicorn.Config(
        site, host="127.0.0.1", port=port, http=Connection, ws="none", lifespan="off", interface="asgi3",
        loop="asyncio", log_config=None, access_log=False, proxy_headers=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = Server(config)
    made = Served(port, pages, site, server, threading.Event())
    made.well.set()
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started, 20)
        yield made
    finally:
        pages.held.set()
        server.handle_exit(signal.SIGTERM, None)
        thread.join(20)
        assert not thread.is_alive()
