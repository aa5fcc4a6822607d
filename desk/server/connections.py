"""Connections of clients, watched: who sends or reads too slowly is cut off, and nobody can fill the table.

uvicorn reads HTTP, by h11, and waits for a client as long as it likes; here it doesn't. No thread of the site knows of
any connection.
"""

import asyncio
import ipaddress
import time
from collections import Counter
from enum import IntEnum
from typing import TYPE_CHECKING, Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from desk.server.limits import KIB, Limits

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope

    from desk.server.site import Site

MAX_HEADERS = 32 * KIB
"""Bytes of a request's headers."""
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_SECONDS_BETWEEN_LOOKS = 1.0
_READ = 16 * KIB
"""Bytes that are read of a connection before it is the next one's turn."""
_FREE_CHUNKS, _LEAST_CHUNK = 1_000, 32
"""So many chunks of a body may be of any size; beyond them they have so many bytes on average."""


class Phase(IntEnum):
    """What a connection is about; those named first are closed first when there are too many."""

    IDLE = 0  # between two requests
    HEAD = 1  # the line and the headers of a request come
    REST = 2  # a body comes whose request is answered already
    BODY = 3  # a body comes
    ANSWER = 4  # an answer goes
    WORK = 5  # an answer is made


class _Reader(h11.Connection):
    """Reads HTTP, but for bodies in very many tiny chunks: each of them costs the loop as much as a whole read."""

    _chunks = _size = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._size = 0
        elif isinstance(event, h11.Data):
            self._chunks += event.chunk_start
            self._size += len(event.data)
            if self._chunks > _FREE_CHUNKS + self._size // _LEAST_CHUNK:
                raise h11.RemoteProtocolError("The chunks are too small.")
        return event


class Connection(H11Protocol):
    """A connection, as uvicorn makes one of each that comes."""

    transport: asyncio.Transport

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*args, **named)
        self.conn = _Reader(h11.SERVER, MAX_HEADERS)
        self.site = cast("Site", self.app)
        self.app = cast("Any", self._serve)
        self.limits: Limits = self.site.limits
        self.phase, self.since = Phase.HEAD, time.monotonic()
        self.peer = ""
        self._received = self._sent = 0
        self._begin_window(self.since)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Uvicorn's: a client has come."""
        super().connection_made(transport)
        transport.max_size = _READ  # type: ignore[attr-defined] # asyncio's: what it reads at once
        self.peer = network_of(self.client[0] if self.client else "")
        self.site.watch.start(self)

    def data_received(self, data: bytes) -> None:
        """Uvicorn's: bytes have come."""
        if self.phase is Phase.IDLE:
            self.enter(Phase.HEAD)
        self._received += len(data)
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Uvicorn's: what has come is no HTTP; whoever has an answer already, or a part of one, gets no other."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        """Uvicorn's: an answer is with the transport."""
        self.enter(Phase.REST if self.conn.their_state is h11.SEND_BODY else Phase.IDLE)
        super().on_response_complete()

    def enter(self, phase: Phase) -> None:
        """Begin with something else."""
        self.phase, self.since = phase, time.monotonic()
        self._begin_window(self.since)

    def sent(self, size: int) -> None:
        """Note that so many bytes of an answer were given to the transport."""
        self._sent += size

    @property
    def has_gone(self) -> bool:
        """Whether the client of the request under way isn't there any more."""
        return self.transport.is_closing() or (self.cycle is not None and self.cycle.disconnected)

    async def _serve(self, scope: "HTTPScope", receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
        self.enter(Phase.WORK)
        scope["state"]["connection"] = self
        await self.site(scope, receive, send)
        if self.transport.is_closing():
            self.cycle.disconnected = True  # nobody is left for whom an answer could be incomplete

    def look(self, moment: float) -> None:
        """Close it if its client takes too long."""
        waits = moment - self.since
        if self.phase is Phase.REST and waits > self.limits.linger_seconds:
            self.transport.abort()
        elif self._unread():
            if self._has_stalled(moment):
                self.transport.abort()
        elif self.phase is Phase.HEAD:
            if waits > self.limits.head_seconds:
                self._cut()
        elif self.phase is not Phase.BODY or self.flow.read_paused:
            self._begin_window(moment)
        elif self._has_stalled(moment):
            self._cut()

    def _cut(self) -> None:
        """Tell a client that it was too slow, unless it has told nothing yet, and close."""
        if self._received:
            self.transport.write(_TOO_SLOW)
        self.transport.close()

    def _has_stalled(self, moment: float) -> bool:
        """Whether too little has moved in a window that has just ended."""
        if moment - self._window < self.limits.window_seconds:
            return False
        stalled = self._moved() - self._moved_before < self.limits.least_in_window
        self._begin_window(moment)
        return stalled

    def _begin_window(self, moment: float) -> None:
        self._window, self._moved_before = moment, self._moved()

    def _moved(self) -> int:
        """Bytes of a body that have come so far; of answers, those that the client's system has taken."""
        return self._received if self.phase is Phase.BODY else self._sent - self._unread()

    def _unread(self) -> int:
        """Bytes of answers that the client's system hasn't taken."""
        return self.transport.get_write_buffer_size() if self.transport else 0


class Watch:
    """Looks at all connections of a process once a second, while there are any."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._connections: set[Any] = set()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, newcomer: Connection) -> None:
        """Watch a connection; where there are too many, the one that matters least is closed."""
        self._connections = newcomer.connections
        if len(self._connections) > self._limits.connections:
            self._make_room(newcomer)
        if self._timer is None:
            self._wait(newcomer.loop)

    def _make_room(self, newcomer: Connection) -> None:
        """Of whoever has most connections, close the idlest; the newcomer's, where all are at work."""
        idle = [one for one in self._connections if one.phase is not Phase.WORK and one is not newcomer]
        counts = Counter(one.peer for one in idle)
        victim = max(idle, key=lambda one: (counts[one.peer], -one.phase, -one.since), default=newcomer)
        victim.connections.discard(victim)
        victim.transport.abort()

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(_SECONDS_BETWEEN_LOOKS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        moment, self._timer = time.monotonic(), None
        for connection in list(self._connections):
            connection.look(moment)
        if self._connections:
            self._wait(loop)


def network_of(address: str) -> str:
    """Whose an address is, as far as one can tell: itself, or its /64 of IPv6; the text where it is none."""
    try:
        found = ipaddress.ip_address(address.strip())
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))
