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
from tests.assets.memory_limit import MemoryLimit, missing_reason
from tests.assets.stack import Stack
from workers.pipeline.celery import list_queues

Find = Callable[[Stack], list[psutil.Process]]
DURATION_RANGE = (2.0, 4.0)
"""Shortest and longest duration of an outage in seconds.

Some outlast a claim, which is considered abandoned after three seconds.
"""

DAY = 86400.0
CLOCK_CODE = ASSETS / "moved_clock"


@dataclass(frozen=True)
class Failure:
    """A kind of failure.

    Attributes:
        name: Name of the failure.
        act: Causes the failure and waits until it is over. Returns False if it cannot occur at this moment.
        missing: Returns why it cannot occur in a stack; empty if it can.
    """

    name: str
    act: Callable[[Stack, Random], bool]
    missing: Callable[[Stack], str] = lambda _: ""


def failure_environment(folder: Path) -> dict[str, str]:
    """Return the environment with which a stack lets tests set its clock and shrink its disk.

    The settings keep captures and deletions from becoming due again when the clock is ahead.
    """
    code = {"CLOCK_OFF": str(folder / "clock"), "PYTHONPATH": f"{CLOCK_CODE}{os.pathsep}{CLOCK_CODE.parents[2]}"}
    settings = {"RECAPTURE_DAYS": "0", "RETENTION_DAYS": "36500", "DISK_FLOOR_BYTES": "4000000"}
    return code | {f"EXHIBIT_{name}": value for name, value in settings.items()}


def _kill_one(find: Find) -> Callable[[Stack, Random], bool]:
    def act(stack: Stack, random: Random) -> bool:
        processes = find(stack)
        return bool(processes) and _signal([random.choice(processes)], signal.SIGKILL) == 1

    return act


def _kill_supervisor(stack: Stack, _: Random) -> bool:
    killed = _signal(stack.supervisor(), signal.SIGKILL) == 1
    stack.restart_supervisor()
    return killed


def _freeze_found(find: Find) -> Callable[[Stack, Random], bool]:
    def act(stack: Stack, random: Random) -> bool:
        processes = find(stack)
        if processes:
            with _freeze_processes(processes):
                time.sleep(random.uniform(*DURATION_RANGE))
        return bool(processes)

    return act


def _find_pool_process(stack: Stack) -> list[psutil.Process]:
    return stack.busy_pool_processes()[:1] or stack.pool()[-1:]


def _database_processes(stack: Stack) -> list[psutil.Process]:
    return [part for process in stack.postmaster() for part in [process, *process.children()]]


def _empty_redis(stack: Stack, _: Random) -> bool:
    """Stop the processes that take messages, and empty Redis as soon as messages wait or have been taken."""
    with (
        redis.Redis.from_url(addresses.get_redis_url(stack.config), socket_timeout=5) as client,
        suppress(redis.RedisError),
    ):
        with _freeze_processes([*stack.pool(), *stack.workers()]):
            until = time.monotonic() + 0.5
            while not _count_messages(client) and time.monotonic() < until:
                time.sleep(0.05)
            full = _count_messages(client) > 0
            if full:
                client.flushall()
        return full
    return False


def _count_messages(client: redis.Redis) -> int:
    queued = sum(int(client.llen(queue)) for queue in list_queues() - {"default"})
    return queued + int(client.hlen("unacked"))


def _fill_disk(stack: Stack, random: Random) -> bool:
    ballast = stack.config.data_dir / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 18))
        until = time.monotonic() + random.uniform(*DURATION_RANGE)
        while time.monotonic() < until:  # also takes space that is freed meanwhile
            with ballast.open("ab", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(1 << 12))
            time.sleep(0.05)
    finally:
        ballast.unlink(missing_ok=True)
    return True


def _disk_reason(stack: Stack) -> str:
    folder = stack.config.data_dir
    own = folder.stat().st_dev != Path("/").stat().st_dev and psutil.disk_usage(str(folder)).total < 4 << 30
    return "" if own else "the data folder has no small disk of its own"


def _move_clock(stack: Stack, random: Random) -> bool:
    path = Path(stack.environ["CLOCK_OFF"])
    _write(path, random.choice([-DAY, 3 * DAY, 400 * DAY]))
    time.sleep(random.uniform(*DURATION_RANGE))
    _write(path, 0.0)
    return True


def _write(path: Path, off: float) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(str(off), encoding="ascii")
    draft.chmod(0o644)
    draft.replace(path)


def _clock_reason(stack: Stack) -> str:
    return "" if "CLOCK_OFF" in stack.environ else "this stack's clock can't be set"


def _out_of_memory(stack: Stack, _: Random) -> bool:
    """Give the workers and all their child processes less memory than they use, until the kernel kills one."""
    mains = stack.workers()
    with suppress(psutil.Error), MemoryLimit() as limit:
        limit.move_in(part for main in mains for part in [main, *main.children(recursive=True)])
        until = time.monotonic() + DURATION_RANGE[1]
        while not limit.kills() and time.monotonic() < until:
            time.sleep(0.05)
        return limit.kills() > 0
    return False


@contextmanager
def _freeze_processes(processes: Iterable[psutil.Process]) -> Iterator[None]:
    frozen = list(processes)
    _signal(frozen, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(reversed(frozen), signal.SIGCONT)


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> int:
    count = 0
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)
            count += 1
    return count


def _browser_reason(stack: Stack) -> str:
    return "this stack captures without a browser" if stack.config.capture_browser == "none" else ""


KILLS: dict[str, Find] = {
    "worker killed": Stack.workers,
    "pool killed": Stack.pool,
    "typesetting or sealing killed": Stack.busy_pool_processes,
    "crawl child killed": Stack.crawlers,
    "helper killed": Stack.helpers,
    "PostgreSQL killed": Stack.postmaster,
    "backend killed": Stack.backends,
    "Redis killed": Stack.redis,
    "site killed": Stack.web,
    "tick killed": Stack.beat,
}

FAILURES = (
    *(Failure(name, _kill_one(find)) for name, find in KILLS.items()),
    Failure("supervisor killed", _kill_supervisor),
    Failure("browser killed", _kill_one(Stack.browsers), _browser_reason),
    Failure("part of browser killed", _kill_one(Stack.browser_parts), _browser_reason),
    Failure("PostgreSQL frozen", _freeze_found(_database_processes)),
    Failure("Redis frozen", _freeze_found(Stack.redis)),
    Failure("pool frozen", _freeze_found(_find_pool_process)),
    Failure("Redis emptied", _empty_redis),
    Failure("disk full", _fill_disk, _disk_reason),
    Failure("clock moved", _move_clock, _clock_reason),
    Failure("out of memory", _out_of_memory, lambda _: missing_reason()),
)
