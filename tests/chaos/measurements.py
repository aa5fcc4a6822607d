"""A measurement of a running product: memory, descriptors, tables, Redis and disk."""

import re
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import redis
from django.db import connection

from registry.models import Heartbeat, HostLease, StepTime, TimestampServiceState
from registry.services import addresses
from tests.assets.processes import find_processes
from tests.assets.stack import Stack

Measurement = dict[str, float]
"""Values by name, in bytes unless stated otherwise."""

FLAT = (Heartbeat, HostLease, StepTime, TimestampServiceState)
"""Tables whose rows are rewritten repeatedly and do not grow for long."""

KINDS = {
    "site": r"desk\.server",
    "workers": r"celery.* worker ",
    "tick": r"workers\.beat",
    "supervisor": r"workers\.supervisor",
    "crawl children": r"-m crawler",
    "helpers": r"_helper ",
    "Redis": r"redis-server",
    "PostgreSQL": r"postgres",
}


def measure(stack: Stack) -> Measurement:
    """Measure everything now."""
    return {**_processes(stack), **_tables(), **_redis(stack), **_disk(stack.config.data_dir)}


def _processes(stack: Stack) -> Measurement:
    """Measure memory by kind of process, counting each shared page once.

    Short-lived processes are not listed by kind.
    """
    memory: Counter[str] = Counter()
    processes = {process.pid: process for process in find_processes(stack.config.data_dir)}
    processes |= {process.pid: process for main in list(processes.values()) for process in _descendants(main)}
    descriptors = 0
    for process in processes.values():
        with suppress(psutil.Error, OSError):
            line = " ".join(process.cmdline())
            kind = next((name for name, pattern in KINDS.items() if re.search(pattern, line)), "others")
            memory[kind] += process.memory_full_info().pss
            descriptors += process.num_fds()
    memory_by_kind = {f"memory of {name}": float(memory[name]) for name in KINDS}
    return {
        **memory_by_kind,
        "memory of all": float(memory.total()),
        "descriptors": float(descriptors),
        "processes": len(processes),
    }


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _tables() -> Measurement:
    with connection.cursor() as cursor:
        sizes: Measurement = {}
        for model in FLAT:
            cursor.execute("SELECT pg_total_relation_size(%s)", [model._meta.db_table])
            sizes[f"table {model._meta.db_table}"] = float(cursor.fetchone()[0])
        cursor.execute("SELECT sum(n_dead_tup) FROM pg_stat_user_tables")
        return {**sizes, "dead rows": float(cursor.fetchone()[0] or 0)}


def _redis(stack: Stack) -> Measurement:
    with redis.Redis.from_url(addresses.get_redis_url(stack.config), socket_timeout=5) as client:
        info = client.info()
    keys = sum(value["keys"] for name, value in info.items() if re.fullmatch(r"db\d+", name))
    return {
        "redis memory": float(info["used_memory"]),
        "redis keys": float(keys),
        "redis file": float(_size(stack.config.data_dir / "redis")),
    }


def _disk(data: Path) -> Measurement:
    half_made = sum(1 for path in data.rglob(".*") if path.is_file())
    return {"spool": float(_size(data / "spool")), "logs": float(_size(data / "log")), "half-made files": half_made}


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total
