"""A control group (version 1 or 2) with almost no memory, where this process may create one."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Self

import psutil

from tests.assets.processes import wait_until

_ROOT = Path("/sys/fs/cgroup")
_BYTES = 1 << 18
_SECONDS_TO_EMPTY = 30.0


@cache
def missing_reason() -> str:
    """Return the reason why no such group can be created here; empty if it can."""
    try:
        with MemoryLimit():
            return ""
    except OSError as error:
        return f"no control group for memory: {error}"


class MemoryLimit:
    """The control group. At the end of the block its processes move back to this process's own group.

    Raises:
        OSError: The group cannot be created.
    """

    def __enter__(self) -> Self:
        self._home, self._limit, self._events, self._unlimited = _place()
        self._folder = self._home / f"exhibit-mishap-{os.getpid()}"
        self._folder.mkdir(exist_ok=True)
        if not (self._folder / self._limit).exists():
            self._folder.rmdir()
            raise OSError(f"{self._home} hands down no {self._limit}")
        (self._folder / self._limit).write_text(str(_BYTES))  # later the kernel would refuse less than what is in use
        return self

    def __exit__(self, *_: object) -> None:
        (self._folder / self._limit).write_text(self._unlimited)
        wait_until(self._is_removed, _SECONDS_TO_EMPTY)

    def _is_removed(self) -> bool:
        for number in (self._folder / "cgroup.procs").read_text().split():
            _move(int(number), self._home)
        with suppress(OSError):  # killed processes are still ending
            self._folder.rmdir()
        return not self._folder.exists()

    def move_in(self, processes: Iterable[psutil.Process]) -> None:
        """Move processes into the group. They keep the memory that they have, and get almost no more."""
        for process in processes:
            _move(process.pid, self._folder)

    def kills(self) -> int:
        """Return the number of processes that the kernel has killed for lack of memory."""
        match = re.search(r"^oom_kill (\d+)$", (self._folder / self._events).read_text(), re.MULTILINE)
        return int(match[1]) if match else 0


def _move(number: int, folder: Path) -> None:
    with suppress(ProcessLookupError):
        (folder / "cgroup.procs").write_text(str(number))


def _place() -> tuple[Path, str, str, str]:
    own = dict(re.findall(r"^\d+:([^:]*):(.*)$", Path("/proc/self/cgroup").read_text(), re.MULTILINE))
    if "memory" in own:
        return _ROOT / "memory" / own["memory"].strip("/"), "memory.limit_in_bytes", "memory.oom_control", "-1"
    return _ROOT / own.get("", "").strip("/"), "memory.max", "memory.events", "max"
