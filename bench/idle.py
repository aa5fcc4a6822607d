"""Cost of an idle installation: CPU time and memory of each of its processes."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import psutil

from bench.common import Row
from tests.assets.processes import free_port

SETTLE_SECONDS = 60.0
"""Seconds after the start that are not measured, because of one-time work."""
PROCESS_PATTERNS = {
    "tick": r"workers\.beat",
    "supervisor": r"tasks\.supervisor",
    "site": r"desk\.server",
    "Redis": r"redis-server|valkey-server",
    "PostgreSQL": r"postgres",
}


def measure(minutes: float) -> list[Row]:
    """Start the product with a separate data folder, leave it idle for ``minutes``, and measure its usage."""
    with tempfile.TemporaryDirectory(prefix="exhibit-bench-") as name:
        Path(name).chmod(0o755)
        product_settings = {"EXHIBIT_DATA": f"{name}/data", "EXHIBIT_WEB_PORT": str(free_port())}
        environ = {**os.environ, **product_settings, "DATABASE_URL": "", "REDIS_URL": ""}
        command = [sys.executable, "-m", "workers.tasks.supervisor"]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                process.stdout.readline()
                time.sleep(SETTLE_SECONDS)
                return _measure_usage(psutil.Process(process.pid), minutes)
            finally:
                process.terminate()


def _measure_usage(root_process: psutil.Process, minutes: float) -> list[Row]:
    seconds_before, _ = _read_usage_by_kind(root_process)
    time.sleep(minutes * 60)
    seconds_after, memory = _read_usage_by_kind(root_process)
    rows: list[Row] = [
        {
            "process": kind,
            "processor seconds an hour": (seconds_after[kind] - seconds_before[kind]) * 60 / minutes,
            "MiB": int(size),
        }
        for kind, size in memory.items()
    ]
    total_seconds = sum(seconds_after.values()) - sum(seconds_before.values())
    return [
        *rows,
        {"process": "all", "processor seconds an hour": total_seconds * 60 / minutes, "MiB": int(sum(memory.values()))},
    ]


def _read_usage_by_kind(root_process: psutil.Process) -> tuple[defaultdict[str, float], defaultdict[str, float]]:
    """Return CPU seconds so far, including finished children, and MiB with shared pages counted once."""
    seconds: defaultdict[str, float] = defaultdict(float)
    memory: defaultdict[str, float] = defaultdict(float)
    for process in [root_process, *root_process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            kind = _find_kind(" ".join(process.cmdline()))
            seconds[kind] += sum(process.cpu_times()[:4])
            memory[kind] += process.memory_full_info().pss / 2**20
    return seconds, memory


def _find_kind(line: str) -> str:
    worker = re.search(r"-n (worker-\w+)@", line)
    return (
        worker[1]
        if worker
        else next((kind for kind, regex in PROCESS_PATTERNS.items() if re.search(regex, line)), "others")
    )
