"""Slow clients at one address, which hold as many connections as they can, and readers of the site at another."""

import asyncio
import itertools
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

SLOW_HEAD, SLOW_BODY, SLOW_READ = "head", "body", "read"
_KINDS = (SLOW_HEAD, SLOW_BODY, SLOW_READ)
_SLOW, _READERS, _HEALTH = "127.0.0.1", "127.0.0.2", "127.0.0.3"
"""Addresses of the slow clients, of the readers, and of the client that requests ``/healthz``."""
_TIMEOUT_SECONDS = 20.0
_FAILURES = (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, IndexError, ValueError)


class Answer(NamedTuple):
    """The response to a request: seconds until it arrived, and its status; 0 if none arrived."""

    seconds: float
    status: int


@dataclass
class Answers:
    """The responses to requests of one kind."""

    all: list[Answer] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        """Number of responses by status."""
        return Counter(answer.status for answer in self.all)

    def slowest(self, share: float) -> float:
        """Return the seconds within which a share of the responses arrived, such as .95."""
        ordered = sorted(answer.seconds for answer in self.all)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class Outcome:
    """The results of a load test.

    Attributes:
        pages: Responses to the readers.
        health: Responses of ``/healthz``.
        cut: Number of slow clients that were disconnected; each reconnects.
        recovered: Seconds from the end until a page was served; 120 if none was.
    """

    pages: Answers = field(default_factory=Answers)
    health: Answers = field(default_factory=Answers)
    cut: int = 0
    recovered: float = 0.0


def load(port: int, *, slow: int, rate: float, seconds: float, kinds: tuple[str, ...] = _KINDS) -> Outcome:
    """Have slow clients hold connections to a local site while readers at another address request pages.

    Args:
        port: The site's port.
        slow: Number of slow clients at any time, in equal parts of each kind.
        rate: Pages that the readers request per second.
        seconds: Duration in seconds.
        kinds: Behaviour of the slow clients: send headers, send bodies, or read responses, one byte per second.
    """
    return asyncio.run(_load(port, slow, rate, seconds, kinds))


async def _load(port: int, slow: int, rate: float, seconds: float, kinds: tuple[str, ...]) -> Outcome:
    outcome = Outcome()
    kinds_of_all = itertools.islice(itertools.cycle(kinds), slow)
    lasting = [asyncio.create_task(_repeat(_BEHAVIOURS[kind], port, outcome)) for kind in kinds_of_all]
    lasting.append(asyncio.create_task(_watch_health(port, outcome.health)))
    started: list[asyncio.Task[None]] = []
    start = time.monotonic()
    while (moment := time.monotonic()) - start < seconds:
        while len(started) < (moment - start) * rate:
            started.append(asyncio.create_task(_request(port, "/sign-in/", _READERS, outcome.pages)))
        await asyncio.sleep(0.02)
    await asyncio.gather(*started)
    for task in lasting:
        task.cancel()
    await asyncio.gather(*lasting, return_exceptions=True)
    start, last = time.monotonic(), Answers()
    while 200 not in last.statuses and time.monotonic() - start < 120:
        await _request(port, "/sign-in/", _READERS, last)
    outcome.recovered = time.monotonic() - start
    return outcome


async def _request(port: int, path: str, address: str, answers: Answers) -> None:
    start, status = time.monotonic(), 0
    with suppress(*_FAILURES):
        async with asyncio.timeout(_TIMEOUT_SECONDS):  # wait_for() loses a cancellation that arrives with the response
            status = await _status(port, path, address)
    answers.all.append(Answer(time.monotonic() - start, status))


async def _watch_health(port: int, answers: Answers) -> None:
    while True:
        await _request(port, "/healthz", _HEALTH, answers)
        await asyncio.sleep(0.25)


async def _status(port: int, path: str, address: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        data = await reader.read(-1)
        return int(data.split(b" ", 2)[1])
    finally:
        writer.close()


async def _repeat(behaviour: Callable[[int], Awaitable[None]], port: int, outcome: Outcome) -> None:
    """Act as a slow client; when it is disconnected, start the next."""
    while True:
        with suppress(*_FAILURES):
            await behaviour(port)
        outcome.cut += 1
        await asyncio.sleep(0.1)


async def _send_slowly(port: int, start: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(_SLOW, 0))
    try:
        writer.write(start)
        while True:
            with suppress(asyncio.TimeoutError):
                async with asyncio.timeout(1.0):
                    if not await reader.read(100):
                        return
            writer.write(b"a")
            await writer.drain()
    finally:
        writer.close()


async def _send_head(port: int) -> None:
    await _send_slowly(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-a: ")


async def _send_body(port: int) -> None:
    kind = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 900000"
    await _send_slowly(port, b"POST /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\n" + kind + b"\r\n\r\ncsrfmiddlewaretoken=")


async def _read_slowly(port: int) -> None:
    """Request a large file many times at once, and read one byte of the responses per second."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.bind((_SLOW, 0))
        client.settimeout(0)
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, b"GET /assets/any/web/style.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 50)
        while await loop.sock_recv(client, 1):  # noqa: ASYNC110 - that is how slow it is
            await asyncio.sleep(1.0)


_BEHAVIOURS: dict[str, Callable[[int], Awaitable[None]]] = {
    SLOW_HEAD: _send_head,
    SLOW_BODY: _send_body,
    SLOW_READ: _read_slowly,
}
