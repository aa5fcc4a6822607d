"""Helpers for processes: which ones run in a folder, how much memory they use, and waiting for a condition."""

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
    """Poll a condition, at growing intervals, until it is true. Fails after ``seconds``."""
    until, pause = time.monotonic() + seconds, 0.02
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(pause)
        pause = min(0.1, 1.2 * pause)


def find_processes(folder: Path) -> list[psutil.Process]:
    """Return all processes, except this one, that work in a folder or were started for a data folder in it."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _belongs_to(process, folder)]


def _belongs_to(process: psutil.Process, folder: Path) -> bool:
    try:
        data = process.environ().get("EXHIBIT_DATA", "")
        return data.startswith(str(folder)) or process.cwd().startswith(str(folder))
    except psutil.Error:
        return False


def reset_peak_memory() -> int:
    """Reset the measurement of :func:`peak_memory`, and return the bytes that are resident now."""
    with suppress(OSError):  # if not permitted, the peak covers the whole life of the process
        Path("/proc/self/clear_refs").write_text("5")
    return psutil.Process().memory_info().rss


def peak_memory() -> int:
    """Return the peak resident bytes of this process since :func:`reset_peak_memory`."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) * 1024


def free_port() -> int:
    """Return a free port on 127.0.0.1, below the range from which the system assigns ports to connections."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port := SystemRandom().randint(16_000, 32_000)))
            return port
