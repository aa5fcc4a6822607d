"""Whose turn it is to have a thread."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from desk.server.limits import Limits
from desk.server.turns import BusyError, GoneError, Turns


class Line:
    """A line before one thread, and what becomes of those who stand in it."""

    def __init__(self, **limits: float) -> None:
        self.turns = Turns(Limits(threads=1, **limits))  # type: ignore[arg-type]
        self.served: list[str] = []
        self.go_on = asyncio.Event()

    async def ask(self, name: str, has_gone: Callable[[], bool] = lambda: False) -> None:
        """Come, by a name whose first letter is whose request it is, and be served as soon as that goes on."""
        async with self.turns.turn(name[0], has_gone):
            self.served.append(name)
            await self.go_on.wait()

    async def stand(self, *names: str) -> list[asyncio.Task[None]]:
        """Have several come one behind the other."""
        tasks = []
        for name in names:
            tasks.append(asyncio.create_task(self.ask(name)))
            await asyncio.sleep(0)
        return tasks


def run(scene: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 10))


def test_each_client_has_one_request_in_turn() -> None:
    async def scene() -> None:
        line = Line()
        tasks = await line.stand("a1", "a2", "a3", "a4", "b1", "b2", "c1")
        line.go_on.set()
        await asyncio.gather(*tasks)
        assert line.served == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]

    run(scene)


def test_a_full_line_makes_room_for_another_client_and_none_for_more_of_the_same() -> None:
    async def scene() -> None:
        line = Line(waiting=3)
        tasks = await line.stand("a1", "a2", "a3", "a4")
        with pytest.raises(BusyError):
            await line.ask("a5")
        tasks += await line.stand("b1")
        line.go_on.set()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(end) for end in ends] == [type(None)] * 3 + [BusyError, type(None)]
        assert line.served == ["a1", "a2", "b1", "a3"]

    run(scene)


def test_who_has_gone_takes_no_thread_and_no_place() -> None:
    async def scene() -> None:
        line, gone = Line(waiting=2), asyncio.Event()
        tasks = await line.stand("a1")
        tasks += [asyncio.create_task(line.ask(name, gone.is_set)) for name in ("a2", "a3")]
        await asyncio.sleep(0)
        gone.set()
        tasks += await line.stand("a4")
        line.go_on.set()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(end) for end in ends] == [type(None), GoneError, GoneError, type(None)]
        assert line.served == ["a1", "a4"]

    run(scene)


def test_nobody_waits_longer_than_the_patience_and_no_thread_is_lost() -> None:
    async def scene() -> None:
        line = Line(patience=0.05)
        first, second = await line.stand("a1", "a2")
        with pytest.raises(BusyError):
            await second
        assert line.turns.waiting == 0
        [third] = await line.stand("a3")
        third.cancel()
        line.go_on.set()
        await first
        await asyncio.gather(*await line.stand("a4"))
        assert line.served == ["a1", "a4"]

    run(scene)
