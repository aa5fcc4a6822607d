"""What tests ask about processes: which are there for a folder, and when something has come to be."""

import os
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import SystemRandom

import psutil


def wait_until(condition: Callable[[], object], seconds: float = 180) -> None:
    """Look again and again, soon more seldom, until something is so; fails after some time."""
    until, pause = time.monotonic() + seconds, 0.02
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(pause)
        pause = min(0.1, 1.2 * pause)


def processes_of(folder: Path) -> list[psutil.Process]:
    """All processes, save this one, that work in a folder or were started for a data folder in it."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _is_of(process, folder)]


def _is_of(process: psutil.Process, folder: Path) -> bool:
    try:
        data = process.environ().get("EXHIBIT_DATA", "")
        return data.startswith(str(folder)) or process.cwd().startswith(str(folder))
    except psutil.Error:
        return False


def forget_peak_memory() -> int:
    """Let :func:`peak_memory` count from here on; returns the bytes that are resident now."""
    with suppress(OSError):  # where that isn't allowed, the peak is that of the whole life of this process
        Path("/proc/self/clear_refs").write_text("5")
    return psutil.Process().memory_info().rss


def peak_memory() -> int:
    """The most bytes of this process that were resident at once since :func:`forget_peak_memory`."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) * 1024


def free_port() -> int:
    """A port on 127.0.0.1 that nobody uses now, below those that a system gives to connections meanwhile."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port := SystemRandom().randint(16_000, 32_000)))
            return port
