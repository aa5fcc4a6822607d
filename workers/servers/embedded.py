"""Embedded PostgreSQL and Redis: real servers from Python wheels, run as children of the calling process."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from exhibit.config.config import Config, made_data_dir
from exhibit.errors import ServiceMissingError
from exhibit.files.locks import FileLock
from exhibit.files.private import closed
from exhibit.logs import last_lines
from exhibit.machine import stat_fields
from workers.servers.postgres import Postgres, database_answers
from workers.servers.processes import Kept, ServerRights, end, service_user
from workers.servers.redis import RedisServer, embedded_answers

_SECONDS_OF_RETRIES = 10.0
_SECONDS_TO_STOP = 8.0

Server = Postgres | RedisServer


class ServersBusyError(ServiceMissingError):
    """Another process runs the embedded servers of this data folder."""


class EmbeddedServers:
    """The embedded servers of one data folder, as children of this process. Those with a configured URL are left out.

    A context manager. After any crash, the next start recovers: PostgreSQL from its write-ahead log, Redis from its
    append-only file.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._rights = ServerRights(service_user(config.data_dir))
        self._lock = FileLock(lock_folder(config) / "servers.lock")
        self._servers: list[Server] = []
        self._kept: dict[str, Kept] = {}
        self._reachable: set[str] = set()
        if not config.database_url:
            self._servers.append(Postgres(config, self._rights))
        if not config.redis_url:
            self._servers.append(RedisServer(config, self._rights))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def processes(self) -> dict[str, int]:
        """Process IDs of the running servers, by name."""
        return {name: supervised.process.pid for name, supervised in self._kept.items()}

    def start(self, stop: Callable[[], object] = bool) -> None:
        """Start the servers and return when they respond.

        Raises:
            ServersBusyError: Another process runs them.
            ServiceMissingError: A server does not start, or ``stop`` returned true.
        """
        if not self._lock.take(within=1.0):
            raise ServersBusyError(f"The servers in {self._config.data_dir} are run by another process.")
        self._lock.sign()
        try:
            (self._config.data_dir / "log").mkdir(exist_ok=True)
            closed(self._config.data_dir)
            self._rights.let_pass(self._config.data_dir)
            for server in self._servers:
                self._rights.own_folder(server.folder)
                _clear_stale(server.folder, server.pid_file)  # Nothing is changed below a server that is still running.
                server.prepare()
                logs, make_way = self._config.data_dir / "log", partial(self._make_way, server)
                self._kept[server.name] = Kept(server.child(), logs, make_way)
            for server in self._servers:
                self._wait_for(server, stop)
                server.finish()
        except BaseException:
            self.stop()
            raise

    def revive(self) -> list[str]:
        """Restart the servers that have died and return their names. Does not wait.

        Servers that die repeatedly, as on a full disk, are restarted after growing pauses. A server whose socket was
        removed is asked to stop, because it can no longer be reached.
        """
        again = []
        for server in self._servers:
            supervised = self._kept[server.name]
            if server.socket.exists():
                self._reachable.add(server.name)
            elif server.name in self._reachable:
                self._reachable.remove(server.name)
                supervised.process.send_signal(supervised.child.stop)
            supervised.has_died()
            with suppress(OSError):
                if supervised.revive():
                    again.append(server.name)
        return again

    def has_folder(self) -> bool:
        """Return True if the data folder is still where it was when the servers were started."""
        return self._lock.is_in_place()

    def stop(self) -> None:
        """Stop the servers cleanly within seconds. Does nothing if none is running.

        If the data folder has gone, they are killed: PostgreSQL would otherwise write to whatever is at its path.
        """
        lost = bool(self._kept) and not self.has_folder()
        running, self._kept = list(self._kept.values()), {}
        for supervised in running:
            if supervised.process.poll() is None:
                supervised.process.send_signal(signal.SIGKILL if lost else supervised.child.stop)
        end([supervised.process for supervised in running], seconds=_SECONDS_TO_STOP)
        self._lock.release()

    def _make_way(self, server: Server) -> None:
        _clear_stale(server.folder, server.pid_file)
        self._rights.own_folder(server.socket.parent)

    def _wait_for(self, server: Server, stop: Callable[[], object]) -> None:
        """Wait until a server responds, as long as it makes progress: recovery takes minutes on a slow machine.

        A server that ends is restarted for ten seconds, because a predecessor may still be ending.
        """
        supervised = self._kept[server.name]
        started = time.monotonic()
        while not server.answers():
            seconds = time.monotonic() - started
            ended = supervised.process.poll() is not None
            if stop() or (seconds > _SECONDS_OF_RETRIES if ended else supervised.detector.is_hung()):
                log_lines = last_lines(self._config.data_dir / "log", server.name)
                raise ServiceMissingError(f"The embedded server {server.name} doesn't start: {log_lines}")
            time.sleep(0.3 if ended else 0.02)
            if ended:
                supervised.start()


def lock_folder(config: Config) -> Path:
    """Return the folder of this installation's locks; create it and the data folder if missing."""
    folder = made_data_dir(config) / "locks"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def servers_answer(config: Config) -> bool:
    """Return True if the servers that the configuration embeds respond."""
    return (bool(config.database_url) or database_answers(config)) and (
        bool(config.redis_url) or embedded_answers(config)
    )


def _clear_stale(folder: Path, pid_file: str) -> None:
    """Remove the pid file of a server that no longer runs, even if its number now belongs to another process.

    PostgreSQL refuses to start next to such a file. A predecessor that still runs is waited for, and killed after ten
    seconds, because two servers must never write to the same files.
    """
    path = folder / pid_file
    until = time.monotonic() + _SECONDS_OF_RETRIES
    while (number := _read_number(path)) is not None and _works_in(number, folder):
        if time.monotonic() > until:
            os.kill(number, signal.SIGKILL)
        time.sleep(0.05)
    path.unlink(missing_ok=True)


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _works_in(number: int, folder: Path) -> bool:
    """Return True if a process is alive (not a zombie) and has this working folder, which is unique to each server."""
    try:
        return stat_fields(number)[0] != "Z" and Path(f"/proc/{number}/cwd").samefile(folder)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
