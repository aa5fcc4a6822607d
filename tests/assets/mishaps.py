"""Failures that may affect a running product, by name: deaths of each kind of process, and temporary outages."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil
import redis

from registry.services import addresses
from tests import ASSETS
from tests.assets.memory_limit import MemoryLimit, why_no_limit
from tests.assets.stack import Stack
from workers.pipeline.celery import all_queues

Find = Callable[[Stack], list[psutil.Process]]
LASTS = (2.0, 4.0)
"""Shortest and longest duration of an outage in seconds.

Some outlast a claim, which is considered abandoned after three seconds.
"""

DAY = 86400.0
CLOCK_CODE = ASSETS / "moved_clock"


@dataclass(frozen=True)
class Mishap:
    """A kind of failure.

    Attributes:
        name: Name of the failure.
        act: Causes the failure and waits until it is over. Returns False if it cannot occur at this moment.
        missing: Returns why it cannot occur in a stack; empty if it can.
    """

    name: str
    act: Callable[[Stack, Random], bool]
    missing: Callable[[Stack], str] = lambda _: ""


def exposed(folder: Path) -> dict[str, str]:
    """Return the environment with which a stack lets tests set its clock and shrink its disk.

    The settings keep captures and deletions from becoming due again when the clock is ahead.
    """
    code = {"CLOCK_OFF": str(folder / "clock"), "PYTHONPATH": f"{CLOCK_CODE}{os.pathsep}{CLOCK_CODE.parents[2]}"}
    settings = {"RECAPTURE_DAYS": "0", "RETENTION_DAYS": "36500", "DISK_FLOOR_BYTES": "4000000"}
    return code | {f"EXHIBIT_{name}": value for name, value in settings.items()}


def _kill(find: Find) -> Callable[[Stack, Random], bool]:
    def act(stack: Stack, random: Random) -> bool:
        found = find(stack)
        return bool(found) and _signal([random.choice(found)], signal.SIGKILL) == 1

    return act


def _kill_supervisor(stack: Stack, _: Random) -> bool:
    killed = _signal(stack.supervisor(), signal.SIGKILL) == 1
    stack.revive()
    return killed


def _freeze(find: Find) -> Callable[[Stack, Random], bool]:
    def act(stack: Stack, random: Random) -> bool:
        found = find(stack)
        if found:
            with _frozen(found):
                time.sleep(random.uniform(*LASTS))
        return bool(found)

    return act


def _one_of_pool(stack: Stack) -> list[psutil.Process]:
    return stack.typesetters()[:1] or stack.pool()[-1:]


def _database(stack: Stack) -> list[psutil.Process]:
    return [part for one in stack.postmaster() for part in [one, *one.children()]]


def _empty_redis(stack: Stack, _: Random) -> bool:
    """Stop the processes that take messages, and empty Redis as soon as messages wait or have been taken."""
    with (
        redis.Redis.from_url(addresses.redis_url(stack.config), socket_timeout=5) as client,
        suppress(redis.RedisError),
    ):
        with _frozen([*stack.pool(), *stack.workers()]):
            until = time.monotonic() + 0.5
            while not _messages(client) and time.monotonic() < until:
                time.sleep(0.05)
            full = _messages(client) > 0
            if full:
                client.flushall()
        return full
    return False


def _messages(client: redis.Redis) -> int:
    waiting = sum(int(client.llen(queue)) for queue in all_queues() - {"default"})
    return waiting + int(client.hlen("unacked"))


def _fill_disk(stack: Stack, random: Random) -> bool:
    ballast = stack.config.data_dir / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 18))
        until = time.monotonic() + random.uniform(*LASTS)
        while time.monotonic() < until:  # also takes space that is freed meanwhile
            with ballast.open("ab", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(1 << 12))
            time.sleep(0.05)
    finally:
        ballast.unlink(missing_ok=True)
    return True


def _no_small_disk(stack: Stack) -> str:
    folder = stack.config.data_dir
    own = folder.stat().st_dev != Path("/").stat().st_dev and psutil.disk_usage(str(folder)).total < 4 << 30
    return "" if own else "the data folder has no small disk of its own"


def _move_clock(stack: Stack, random: Random) -> bool:
    path = Path(stack.environ["CLOCK_OFF"])
    _write(path, random.choice([-DAY, 3 * DAY, 400 * DAY]))
    time.sleep(random.uniform(*LASTS))
    _write(path, 0.0)
    return True


def _write(path: Path, off: float) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(str(off), encoding="ascii")
    draft.chmod(0o644)
    draft.replace(path)


def _no_clock(stack: Stack) -> str:
    return "" if "CLOCK_OFF" in stack.environ else "this stack's clock can't be set"


def _out_of_memory(stack: Stack, _: Random) -> bool:
    """Give the workers and all their child processes less memory than they use, until the kernel kills one."""
    mains = stack.workers()
    with suppress(psutil.Error), MemoryLimit() as limit:
        limit.take(part for main in mains for part in [main, *main.children(recursive=True)])
        until = time.monotonic() + LASTS[1]
        while not limit.kills() and time.monotonic() < until:
            time.sleep(0.05)
        return limit.kills() > 0
    return False


@contextmanager
def _frozen(processes: Iterable[psutil.Process]) -> Iterator[None]:
    frozen = list(processes)
    _signal(frozen, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(reversed(frozen), signal.SIGCONT)


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> int:
    count = 0
    for one in processes:
        with suppress(ProcessLookupError):
            os.kill(one.pid, number)
            count += 1
    return count


def _no_browser(stack: Stack) -> str:
    return "this stack captures without a browser" if stack.config.capture_browser == "none" else ""


KILLS: dict[str, Find] = {
    "worker killed": Stack.workers,
    "pool killed": Stack.pool,
    "typesetting or sealing killed": Stack.typesetters,
    "crawl child killed": Stack.crawlers,
    "helper killed": Stack.helpers,
    "PostgreSQL killed": Stack.postmaster,
    "backend killed": Stack.backends,
    "Redis killed": Stack.redis,
    "site killed": Stack.web,
    "tick killed": Stack.beat,
}

MISHAPS = (
    *(Mishap(name, _kill(find)) for name, find in KILLS.items()),
    Mishap("supervisor killed", _kill_supervisor),
    Mishap("browser killed", _kill(Stack.browsers), _no_browser),
    Mishap("part of browser killed", _kill(Stack.browser_parts), _no_browser),
    Mishap("PostgreSQL frozen", _freeze(_database)),
    Mishap("Redis frozen", _freeze(Stack.redis)),
    Mishap("pool frozen", _freeze(_one_of_pool)),
    Mishap("Redis emptied", _empty_redis),
    Mishap("disk full", _fill_disk, _no_small_disk),
    Mishap("clock moved", _move_clock, _no_clock),
    Mishap("out of memory", _out_of_memory, lambda _: why_no_limit()),
)
