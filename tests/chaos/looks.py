"""A measurement of a running product: memory, descriptors, tables, Redis and disk."""

import re
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import redis
from django.db import connection

from registry.models import Heartbeat, HostLease, StepTime, WitnessState
from registry.services import addresses
from tests.assets.processes import processes_of
from tests.assets.stack import Stack

Look = dict[str, float]
"""Values by name, in bytes unless stated otherwise."""

FLAT = (Heartbeat, HostLease, StepTime, WitnessState)
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


def look_at(stack: Stack) -> Look:
    """Measure everything now."""
    return {**_processes(stack), **_tables(), **_redis(stack), **_disk(stack.config.data_dir)}


def _processes(stack: Stack) -> Look:
    """Measure memory by kind of process, counting each shared page once.

    Short-lived processes are not listed by kind.
    """
    memory: Counter[str] = Counter()
    found = {one.pid: one for one in processes_of(stack.config.data_dir)}
    found |= {one.pid: one for main in list(found.values()) for one in _below(main)}
    descriptors = 0
    for one in found.values():
        with suppress(psutil.Error, OSError):
            line = " ".join(one.cmdline())
            kind = next((name for name, pattern in KINDS.items() if re.search(pattern, line)), "others")
            memory[kind] += one.memory_full_info().pss
            descriptors += one.num_fds()
    told = {f"memory of {name}": float(memory[name]) for name in KINDS}
    return {**told, "memory of all": float(memory.total()), "descriptors": float(descriptors), "processes": len(found)}


def _below(one: psutil.Process) -> list[psutil.Process]:
    try:
        return one.children(recursive=True)
    except psutil.Error:
        return []


def _tables() -> Look:
    with connection.cursor() as cursor:
        sizes: Look = {}
        for model in FLAT:
            cursor.execute("SELECT pg_total_relation_size(%s)", [model._meta.db_table])
            sizes[f"table {model._meta.db_table}"] = float(cursor.fetchone()[0])
        cursor.execute("SELECT sum(n_dead_tup) FROM pg_stat_user_tables")
        return {**sizes, "dead rows": float(cursor.fetchone()[0] or 0)}


def _redis(stack: Stack) -> Look:
    with redis.Redis.from_url(addresses.redis_url(stack.config), socket_timeout=5) as client:
        said = client.info()
    keys = sum(value["keys"] for name, value in said.items() if re.fullmatch(r"db\d+", name))
    return {
        "redis memory": float(said["used_memory"]),
        "redis keys": float(keys),
        "redis file": float(_size(stack.config.data_dir / "redis")),
    }


def _disk(data: Path) -> Look:
    half_made = sum(1 for path in data.rglob(".*") if path.is_file())
    return {"spool": float(_size(data / "spool")), "logs": float(_size(data / "log")), "half-made files": half_made}


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total
