"""Whose turn it is to have a thread: all who ask in turn, each with one request, so that nobody fills the line."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from desk.server.limits import Limits


class BusyError(Exception):
    """So many wait already that nobody else may."""


class GoneError(Exception):
    """Whoever asked isn't there any more."""


@dataclass(eq=False, slots=True)
class _Waiting:
    turn: "asyncio.Future[None]"
    has_gone: Callable[[], bool]


class Turns:
    """The line before the threads of this process; for its event loop alone."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._free = limits.threads
        self._lines: OrderedDict[str, deque[_Waiting]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, peer: str, has_gone: Callable[[], bool]) -> AsyncIterator[None]:
        """A thread for the length of the block.

        Raises ``BusyError`` where too many wait, and ``GoneError`` for a client that went while it waited.
        """
        if self._free:
            self._free -= 1
        else:
            await self._wait(peer, has_gone)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, peer: str, has_gone: Callable[[], bool]) -> None:
        if self.waiting >= self._limits.waiting:
            self._make_room(peer)
        waiting = _Waiting(asyncio.get_running_loop().create_future(), has_gone)
        self._lines.setdefault(peer, deque()).append(waiting)
        try:
            async with asyncio.timeout(self._limits.patience):
                await waiting.turn
        except BaseException as error:
            turn = waiting.turn
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on()  # it came in the same moment
            self._leave(peer, waiting)
            if isinstance(error, TimeoutError):
                raise BusyError from error
            raise

    @property
    def are_taken(self) -> bool:
        """Whether no thread is free."""
        return not self._free

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._lines.values()))

    def _make_room(self, peer: str) -> None:
        """Send away who has gone, else the last of whoever has most, which may be the newcomer (``BusyError``)."""
        gone = [(name, one) for name, line in self._lines.items() for one in line if one.has_gone()]
        for name, one in gone:
            self._send_away(name, one, GoneError())
        if gone:
            return
        longest = max(self._lines, key=lambda name: len(self._lines[name]))
        if len(self._lines[longest]) <= len(self._lines.get(peer, ())) + 1:
            raise BusyError
        self._send_away(longest, self._lines[longest][-1], BusyError())

    def _send_away(self, peer: str, waiting: _Waiting, error: Exception) -> None:
        self._leave(peer, waiting)
        if not waiting.turn.done():
            waiting.turn.set_exception(error)

    def _leave(self, peer: str, waiting: _Waiting) -> None:
        line = self._lines.get(peer)
        if line is not None and waiting in line:
            line.remove(waiting)
            if not line:
                del self._lines[peer]

    def _pass_on(self) -> None:
        """Give a thread that has become free to the next who asked, by turns among all who ask."""
        while self._lines:
            peer, line = next(iter(self._lines.items()))
            waiting = line.popleft()
            if line:
                self._lines.move_to_end(peer)
            else:
                del self._lines[peer]
            if waiting.turn.done():
                continue
            if waiting.has_gone():
                waiting.turn.set_exception(GoneError())
                continue
            waiting.turn.set_result(None)
            return
        self._free += 1
