"""Embedded PostgreSQL and Redis: real servers from Python wheels, run as children of the calling process."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from exhibit.config.config import Config, ensure_data_dir
from exhibit.errors import ServiceMissingError
from exhibit.files.locks import FileLock
from exhibit.files.private import restrict_permissions
from exhibit.logs import read_last_lines
from exhibit.machine import read_stat_fields
from workers.servers.postgres import EmbeddedPostgres, is_database_responding
from workers.servers.processes import ServerPermissions, SupervisedProcess, find_service_user, wait_or_kill
from workers.servers.redis import EmbeddedRedis, is_embedded_redis_responding

_SECONDS_OF_RETRIES = 10.0
_STOP_SECONDS = 8.0

Server = EmbeddedPostgres | EmbeddedRedis


class ServersBusyError(ServiceMissingError):
    """Raised if another process runs the embedded servers of this data folder."""


class EmbeddedServers:
    """Embedded servers of one data folder, as children of this process. Servers with a configured URL are not started.

    This is a context manager. After a crash, the next start recovers PostgreSQL from its write-ahead log and Redis from
    its append-only file.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._permissions = ServerPermissions(find_service_user(config.data_dir))
        self._lock = FileLock(lock_folder(config) / "servers.lock")
        self._servers: list[Server] = []
        self._processes: dict[str, SupervisedProcess] = {}
        self._reachable: set[str] = set()
        if not config.database_url:
            self._servers.append(EmbeddedPostgres(config, self._permissions))
        if not config.redis_url:
            self._servers.append(EmbeddedRedis(config, self._permissions))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def processes(self) -> dict[str, int]:
        """Process IDs of the running servers, by name."""
        return {name: supervised.process.pid for name, supervised in self._processes.items()}

    def start(self, stop: Callable[[], object] = bool) -> None:
        """Start the servers and return when they respond.

        Raises:
            ServersBusyError: Another process runs them.
            ServiceMissingError: A server does not start, or ``stop`` returned true.
        """
        if not self._lock.acquire(within=1.0):
            raise ServersBusyError(f"The servers in {self._config.data_dir} belong to another process.")
        self._lock.write_pid()
        try:
            (self._config.data_dir / "log").mkdir(exist_ok=True)
            restrict_permissions(self._config.data_dir)
            self._permissions.close_data_folder(self._config.data_dir)
            for server in self._servers:
                self._permissions.create_folder(server.folder)
                # The files of a running server must not be changed.
                _remove_stale_pid_file(server.folder, server.pid_file)
                server.prepare()
                logs, prepare = self._config.data_dir / "log", partial(self._prepare_start, server)
                self._processes[server.name] = SupervisedProcess(server.build_child(), logs, prepare)
            for server in self._servers:
                self._wait_for(server, stop)
                server.finish_start()
        except BaseException:
            self.stop()
            raise

    def restart_dead_servers(self) -> list[str]:
        """Restart servers that have died, without waiting for them, and return their names.

        Servers that die repeatedly, as on a full disk, are restarted after increasing delays. A server whose socket was
        removed is stopped, because it can no longer be reached.
        """
        restarted_names = []
        for server in self._servers:
            supervised = self._processes[server.name]
            if server.socket.exists():
                self._reachable.add(server.name)
            elif server.name in self._reachable:
                self._reachable.remove(server.name)
                supervised.process.send_signal(supervised.child.stop_signal)
            supervised.has_died()
            with suppress(OSError):
                if supervised.restart_if_due():
                    restarted_names.append(server.name)
        return restarted_names

    def has_folder(self) -> bool:
        """Return True if the data folder is still where it was when the servers were started."""
        return self._lock.is_in_place()

    def stop(self) -> None:
        """Stop the servers cleanly within seconds. Does nothing if none is running.

        If the data folder was moved or unmounted, they are killed, because PostgreSQL would write to the old path.
        """
        is_folder_missing = bool(self._processes) and not self.has_folder()
        processes, self._processes = list(self._processes.values()), {}
        for supervised in processes:
            if supervised.process.poll() is None:
                supervised.process.send_signal(signal.SIGKILL if is_folder_missing else supervised.child.stop_signal)
        wait_or_kill([supervised.process for supervised in processes], seconds=_STOP_SECONDS)
        self._lock.release()

    def _prepare_start(self, server: Server) -> None:
        _remove_stale_pid_file(server.folder, server.pid_file)
        self._permissions.create_folder(server.socket.parent)

    def _wait_for(self, server: Server, stop: Callable[[], object]) -> None:
        """Wait until a server responds, as long as it makes progress. Recovery takes minutes on a slow machine.

        A server that ends is restarted during the first ten seconds, because its predecessor may still be stopping.
        """
        supervised = self._processes[server.name]
        started = time.monotonic()
        while not server.is_responding():
            seconds = time.monotonic() - started
            has_ended = supervised.process.poll() is not None
            if stop() or (seconds > _SECONDS_OF_RETRIES if has_ended else supervised.detector.is_hung()):
                log_lines = read_last_lines(self._config.data_dir / "log", server.name)
                raise ServiceMissingError(f"The embedded server {server.name} did not start: {log_lines}")
            time.sleep(0.3 if has_ended else 0.02)
            if has_ended:
                supervised.start()


def lock_folder(config: Config) -> Path:
    """Return the folder of this installation's locks; create it and the data folder if missing."""
    folder = ensure_data_dir(config) / "locks"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def are_servers_responding(config: Config) -> bool:
    """Return True if the servers that the configuration embeds respond."""
    return (bool(config.database_url) or is_database_responding(config)) and (
        bool(config.redis_url) or is_embedded_redis_responding(config)
    )


def _remove_stale_pid_file(folder: Path, pid_file: str) -> None:
    """Remove the PID file of a server that no longer runs, even if another process now has this PID.

    PostgreSQL does not start if such a file exists. A previous server that still runs is killed after ten seconds,
    because two servers must never write to the same files.
    """
    path = folder / pid_file
    deadline = time.monotonic() + _SECONDS_OF_RETRIES
    while (pid := _read_pid(path)) is not None and _runs_in_folder(pid, folder):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    path.unlink(missing_ok=True)


def _read_pid(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _runs_in_folder(pid: int, folder: Path) -> bool:
    """Return True if a process is alive (not a zombie) and has this working folder, which only one server has."""
    try:
        return read_stat_fields(pid)[0] != "Z" and Path(f"/proc/{pid}/cwd").samefile(folder)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
