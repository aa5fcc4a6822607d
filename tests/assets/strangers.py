"""Strangers that would hold a site: they send heads and bodies byte by byte, read nothing, and ask for many pages."""

import asyncio
import itertools
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

HEAD, BODY, READ = "head", "body", "read"
_KINDS = (HEAD, BODY, READ)
_PATIENCE = 20.0
_GONE = (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, IndexError, ValueError)


@dataclass
class Told:
    """What came of it.

    Attributes:
        health: seconds for each answer of ``/healthz``, and its status.
        pages: how many pages were answered with each status; 0 where none came.
        cut: how many slow clients were cut off, by kind.
        recovered: seconds from the end of it all until a page came.
    """

    health: list[tuple[float, int]] = field(default_factory=list)
    pages: Counter[int] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    recovered: float = float("inf")

    @property
    def slowest_health(self) -> float:
        """Of all answers of ``/healthz``, the time of the slowest one."""
        return max(seconds for seconds, _ in self.health)


def hold(
    port: int, *, slow: int, rate: float, seconds: float, path: str = "/sign-in/", kinds: tuple[str, ...] = _KINDS
) -> Told:
    """Have so many slow clients and so many requests a second come to a site on this machine, and see how it does.

    Who is cut off comes again.
    """
    return asyncio.run(_hold(port, slow, rate, seconds, path, kinds))


async def _hold(port: int, slow: int, rate: float, seconds: float, path: str, kinds: tuple[str, ...]) -> Told:
    told = Told()
    clients = [
        asyncio.create_task(_again(port, kind, path, told))
        for kind, _ in zip(itertools.cycle(kinds), range(slow), strict=False)
    ]
    clients.append(asyncio.create_task(_look_at_health(port, told)))
    pages: set[asyncio.Task[None]] = set()
    begun = time.monotonic()
    while (moment := time.monotonic()) - begun < seconds:
        due = int((moment - begun) * rate)
        for _ in range(due - told_so_far(told, pages)):
            task = asyncio.create_task(_page(port, path, told))
            pages.add(task)
            task.add_done_callback(pages.discard)
        await asyncio.sleep(0.02)
    for task in (*clients, *pages):
        task.cancel()
    await asyncio.gather(*clients, *pages, return_exceptions=True)
    told.recovered = await _recovered(port, path)
    return told


def told_so_far(told: Told, under_way: set[asyncio.Task[None]]) -> int:
    """How many pages were asked for."""
    return told.pages.total() + len(under_way)


async def _page(port: int, path: str, told: Told) -> None:
    status = 0
    with suppress(*_GONE):
        status = await asyncio.wait_for(_status(port, path), _PATIENCE)
    told.pages[status] += 1


async def _look_at_health(port: int, told: Told) -> None:
    while True:
        begun, status = time.monotonic(), 0
        with suppress(*_GONE):
            status = await asyncio.wait_for(_status(port, "/healthz"), _PATIENCE)
        told.health.append((time.monotonic() - begun, status))
        await asyncio.sleep(0.25)


async def _recovered(port: int, path: str) -> float:
    begun = time.monotonic()
    while time.monotonic() - begun < 120:
        with suppress(*_GONE):
            if await asyncio.wait_for(_status(port, path), _PATIENCE) == 200:
                return time.monotonic() - begun
        await asyncio.sleep(0.05)
    return float("inf")


async def _status(port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        data = await reader.read(-1)
        return int(data.split(b" ", 2)[1])
    finally:
        writer.close()


async def _again(port: int, kind: str, path: str, told: Told) -> None:
    """Be one slow client, and when it is cut off the next."""
    while True:
        with suppress(*_GONE):
            await _SLOW[kind](port, path)
        told.cut[kind] += 1
        await asyncio.sleep(0.1)


async def _drip(port: int, begun: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(begun)
        while True:
            with suppress(asyncio.TimeoutError):
                if not await asyncio.wait_for(reader.read(100), 1.0):
                    return
            writer.write(b"a")
            await writer.drain()
    finally:
        writer.close()


async def _head(port: int, _path: str) -> None:
    await _drip(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-a: ")


async def _body(port: int, path: str) -> None:
    kind = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 900000"
    await _drip(port, f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{kind}\r\n\r\ncsrfmiddlewaretoken=".encode())


async def _read(port: int, path: str) -> None:
    """Ask for fifty pages at once, and read a byte of them a second."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(0)
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() * 50)
        while await loop.sock_recv(client, 1):  # noqa: ASYNC110 - that is how slow it is
            await asyncio.sleep(1.0)


_SLOW: dict[str, Callable[[int, str], Awaitable[None]]] = {HEAD: _head, BODY: _body, READ: _read}
