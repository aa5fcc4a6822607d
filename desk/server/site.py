"""The site behind its connections: bodies come whole before a thread is taken, and no thread waits for a reader.

An ASGI application around a WSGI one. What a client sends is kept until it is all there; what it is told is made in one
of few threads, and then piece by piece as it is read. Whether everything runs is answered beside the line for threads.
"""

import asyncio
import contextvars
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit
from wsgiref.types import WSGIApplication

from desk.server.bodies import Body, Client, RefusedRequestError, Room, Whose
from desk.server.connections import MAX_HEADERS, Connection, Phase, Watch, network_of
from desk.server.limits import KIB, Limits
from desk.server.turns import BusyError, GoneError, Turns

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope

P = ParamSpec("P")
T = TypeVar("T")
Environ = dict[str, Any]
Headers = list[tuple[bytes, bytes]]
HEALTH = "/healthz"
RETRY_SECONDS = "5"
PLAIN = "text/plain; charset=utf-8"
_SECONDS_UNTIL_LOOK, _SECONDS_OF_HEALTH = 2.0, 5.0
_SLICE = 64 * KIB
_THREADS_FOR_PIECES = 2
_OF_CGI = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


@dataclass(frozen=True, slots=True)
class Doors:
    """How much may come in, of whom.

    Attributes:
        of_nobody: bytes of a request that anybody may send to any address.
        most: bytes that this one may send there, and the name of the caller where it is known, by the environment of a
            request that is larger; asked in a thread of the site.
    """

    of_nobody: int
    most: Callable[[Environ], tuple[int, str]]


@dataclass(slots=True)
class Answer:
    """What the site answers: status, headers, the first piece, and what makes the others, unless that is all."""

    status: int
    headers: Headers
    first: bytes
    rest: Iterator[bytes] | None = None
    close: Callable[[], object] = lambda: None


@dataclass
class Site:
    """The site of one process.

    Attributes:
        wsgi: makes pages.
        doors: how much may come in.
        health: whether all that is needed answers, and what is told of that, as JSON.
        busy: the page for whoever comes while too many wait, as media type and bytes, by the environment.
        proxies: how many proxies stand before the site, whose ``X-Forwarded-For`` counts.
        folder: where bodies lie that don't fit into memory.
        limits: what clients may take.
    """

    wsgi: WSGIApplication
    doors: Doors
    health: Callable[[], tuple[bool, bytes]]
    busy: Callable[[Environ], tuple[str, bytes]]
    proxies: int = 0
    folder: Path | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.watch = Watch(self.limits)
        self.room = Room(self.limits, self.folder)
        self._turns = Turns(self.limits)
        self._pages = ThreadPoolExecutor(self.limits.threads, "page")
        self._pieces = ThreadPoolExecutor(_THREADS_FOR_PIECES, "piece")
        self._asked = ThreadPoolExecutor(1, "health")
        self._health, self._health_at = (False, b"{}"), float("-inf")
        self._look: asyncio.Future[None] | None = None

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return self._turns.waiting

    async def __call__(self, scope: "HTTPScope", receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
        """Answer one request, as ASGI says; its connection stands in the state."""
        connection: Connection = scope["state"]["connection"]
        environ: Environ = {}
        try:
            environ = environ_of(scope)
            if self.proxies:
                connection.peer = forwarded_for(environ, self.proxies) or connection.peer
            await connection.flow.drain()  # an answer before this one that nobody reads
            if environ["PATH_INFO"] == HEALTH and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
                await self._tell_health(send)
                return
            client = Client(connection.peer)
            with closing(Body(self.room, Whose.STRANGERS, client)) as body:
                await self._fill(body, connection, environ, receive)
                environ["wsgi.input"] = body.file
                kept = partial(Body, self.room, Whose.ANSWERS, client, self.limits.piece)
                answer = await self._in_turn(connection, _begin, self.wsgi, environ, kept, self.limits.piece)
            await self._send(connection, answer, send)
        except GoneError:
            return
        except BusyError:
            await _tell(send, HTTPStatus.SERVICE_UNAVAILABLE, *self.busy(environ))
        except RefusedRequestError as refused:
            told = f"{refused.sentence}\n".encode()
            await _tell(send, refused.status, PLAIN, told, (b"connection", b"close"))

    async def _tell_health(self, send: "ASGISendCallable") -> None:
        """Look, once for all who ask meanwhile; while no thread is free, what was found a moment ago counts as well."""
        age = asyncio.get_running_loop().time() - self._health_at
        is_recent = self._turns.are_taken and age <= _SECONDS_OF_HEALTH
        if (self._look is None or self._look.done()) and not (is_recent and age <= _SECONDS_UNTIL_LOOK):
            self._look = asyncio.ensure_future(self._look_at_health())
        if self._look is not None and not is_recent:
            await asyncio.shield(self._look)
        is_well, told = self._health
        await _tell(send, HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE, "application/json", told)

    async def _look_at_health(self) -> None:
        """Look once for all who ask, in a thread that does nothing else."""
        self._health = await _in(self._asked, self.health)
        self._health_at = asyncio.get_running_loop().time()

    async def _fill(self, body: Body, connection: Connection, environ: Environ, receive: "ASGIReceiveCallable") -> None:
        """Wait for the whole body; of one that is larger than this client may send for nothing more.

        The site refuses that one by its length.
        """
        told, most, was_asked = int(environ.get("CONTENT_LENGTH") or 0), self.doors.of_nobody, False
        size, more_comes = told, True
        while more_comes:
            if size > most and not was_asked:
                environ["CONTENT_LENGTH"] = str(size)
                most, caller = await self._in_turn(connection, self.doors.most, environ)
                body.belongs_to(caller)
                was_asked = True
            if size > most:
                break
            if connection.phase is not Phase.BODY:
                connection.enter(Phase.BODY)
            message = await receive()
            if message["type"] != "http.request":
                raise GoneError
            body.write(message["body"])
            size, more_comes = max(told, body.size), message["more_body"]
        connection.enter(Phase.WORK)
        environ["CONTENT_LENGTH"] = str(size)
        body.file.seek(0)

    async def _in_turn(self, connection: Connection, call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Do something in a thread of the site, when its turn has come."""
        async with self._turns.turn(connection.peer, lambda: connection.has_gone):
            return await _in(self._pages, partial(call, *args, **named))

    async def _send(self, connection: Connection, answer: Answer, send: "ASGISendCallable") -> None:
        """Give the client an answer as fast as it reads."""
        connection.enter(Phase.ANSWER)
        is_asked = connection.scope["method"] != "HEAD"
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            piece = answer.first if is_asked else b""
            while piece:
                for start in range(0, len(piece), _SLICE):
                    part = piece[start : start + _SLICE]
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                    connection.sent(len(part))
                    if connection.has_gone:
                        raise GoneError
                piece = b"" if answer.rest is None else await _in(self._pieces, partial(next, answer.rest, b""))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if answer.rest is not None:
                await _in(self._pieces, answer.close)


async def _in(threads: Executor, call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, call)


async def _tell(
    send: "ASGISendCallable", status: HTTPStatus, kind: str, told: bytes, *headers: tuple[bytes, bytes]
) -> None:
    """An answer of the server's own."""
    given = [(b"content-type", kind.encode()), (b"content-length", str(len(told)).encode()), *headers]
    given += [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE):
        given.append((b"retry-after", RETRY_SECONDS.encode()))
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": told, "more_body": False})


def environ_of(scope: "HTTPScope") -> Environ:
    """The environment of a WSGI application, but for the body; raises ``RefusedRequestError`` for a doubtful one."""
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
        raise RefusedRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "Send fewer or shorter headers.")
    target, authority = scope["raw_path"], None
    if not target.startswith(b"/") and target != b"*":
        parts = urlsplit(target.decode("latin-1"))
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise RefusedRequestError(HTTPStatus.BAD_REQUEST, "This isn't an address of the site.")
        target, authority = (parts.path or "/").encode("latin-1"), parts.netloc
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(target).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": (scope["server"] or ("localhost", 0))[0],
        "SERVER_PORT": str((scope["server"] or ("localhost", 0))[1]),
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        if "_" in name:
            continue  # in an environment it would pass for another one
        key, text = _OF_CGI.get(name, "HTTP_" + name.upper().replace("-", "_")), value.decode("latin-1")
        joined = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{joined}{text}" if key in environ else text
    if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None and "CONTENT_LENGTH" in environ:
        raise RefusedRequestError(HTTPStatus.BAD_REQUEST, "A request has one length.")
    if authority is not None:
        environ["HTTP_HOST"] = authority
    return environ


def forwarded_for(environ: Environ, proxies: int) -> str:
    """For whom the last of so many proxies asks; empty where none says it."""
    told = [part.strip() for part in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    return network_of(told[-min(proxies, len(told))]) if told else ""


def _begin(wsgi: WSGIApplication, environ: Environ, make_body: Callable[[], Body], size: int) -> Answer:
    """Have an answer made, and its first piece; what isn't made while it is sent lies in a file beyond that."""
    head: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], object]:
        head[:] = status, headers
        return _write_nothing

    result = wsgi(environ, start)
    close: Callable[[], object] = getattr(result, "close", lambda: None)
    try:
        if getattr(result, "streaming", True):
            rest = _pieces(result, size)
        else:
            body = _kept(result, make_body())
            close()
            close, rest = body.close, iter(partial(body.file.read, size), b"")
        del result
        first = next(rest, b"")
    except BaseException:
        close()
        raise
    status, headers = (
        int(head[0].split(" ", 1)[0]),
        [(name.lower().encode("latin-1"), value.strip().encode("latin-1")) for name, value in head[1]],
    )
    if len(first) < size:
        close()
        return Answer(status, headers, first)
    inside = contextvars.copy_context()  # the language of the page
    return Answer(status, headers, first, _within(inside, rest), close)


def _kept(result: Iterable[bytes], body: Body) -> Body:
    try:
        for chunk in result:
            body.write(chunk)
    except BaseException:
        body.close()
        raise
    body.file.seek(0)
    return body


def _pieces(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of one size, save the last."""
    gathered = bytearray()
    for chunk in chunks:
        gathered += chunk
        while len(gathered) >= size:
            yield bytes(gathered[:size])
            del gathered[:size]
    if gathered:
        yield bytes(gathered)


def _within(context: contextvars.Context, pieces: Iterator[bytes]) -> Iterator[bytes]:
    while piece := context.run(next, pieces, b""):
        yield piece


def _write_nothing(_data: bytes) -> None:
    raise RuntimeError("The site gives its answers back.")
