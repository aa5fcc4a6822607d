"""Embedded PostgreSQL and Redis: real servers out of wheels, run as children of whoever starts them."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

from exhibit.config import Config, made_data_dir
from exhibit.errors import ServiceMissingError
from workers import addresses
from workers.locks import FileLock
from workers.postgres import Postgres, database_answers
from workers.processes import end, last_lines, open_log, service_user
from workers.redis_server import RedisServer, redis_answers
from workers.rights import ServerRights

_SECONDS_TO_START = 30.0
_SECONDS_OF_RETRIES = 10.0
_SECONDS_TO_STOP = 8.0

Server = Postgres | RedisServer


class ServersBusyError(ServiceMissingError):
    """Another process runs the embedded servers of this data folder."""


class EmbeddedServers:
    """The embedded servers of one data folder as children of this process; what has a URL of its own isn't run.

    A context manager. After a crash of anything the next start recovers: PostgreSQL from its write-ahead log, Redis
    from its append-only file.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._rights = ServerRights(service_user())
        self._lock = FileLock(lock_folder(config) / "servers.lock")
        self._servers: list[Server] = []
        self._running: dict[str, subprocess.Popen[bytes]] = {}
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
    def database_url(self) -> str:
        """The database as a libpq URL."""
        return addresses.database_url(self._config)

    @property
    def redis_url(self) -> str:
        """Redis as redis-py reads it."""
        return addresses.redis_url(self._config)

    @property
    def processes(self) -> dict[str, int]:
        """The process numbers of what runs, by name."""
        return {name: process.pid for name, process in self._running.items()}

    def start(self) -> None:
        """Start the servers and return when they answer.

        Raises:
            ServersBusyError: another process runs them.
            ServiceMissingError: a server's program is missing or it doesn't come up.
        """
        if not self._lock.take(within=1.0):
            raise ServersBusyError(f"The servers in {self._config.data_dir} are run by another process.")
        try:
            self._bring_up()
        except BaseException:
            self.stop()
            raise

    def revive(self) -> list[str]:
        """Start again what has died since, and return the names of it."""
        dead = [server for server in self._servers if self._running[server.name].poll() is not None]
        for server in dead:
            self._launch(server)
            self._wait_for(server)
        return [server.name for server in dead]

    def stop(self) -> None:
        """Stop cleanly, within seconds; harmless when nothing runs."""
        stops = {server.name: server.child().stop for server in self._servers if server.name in self._running}
        running, self._running = self._running, {}
        for name, process in running.items():
            if process.poll() is None:
                process.send_signal(stops[name])
        end(list(running.values()), seconds=_SECONDS_TO_STOP)
        self._lock.release()

    def _bring_up(self) -> None:
        (self._config.data_dir / "log").mkdir(exist_ok=True)
        self._rights.own_folder(addresses.socket_folder(self._config))
        for server in self._servers:
            self._rights.own_folder(server.folder)
            server.prepare()
            self._launch(server)
        for server in self._servers:
            self._wait_for(server)
            server.finish()

    def _launch(self, server: Server) -> None:
        _clear_stale(server.folder, server.pid_file)
        with open_log(self._config.data_dir / "log", server.name) as log:
            self._running[server.name] = server.child().start(log)

    def _wait_for(self, server: Server) -> None:
        """Wait until it answers; one that ends is started again for ten seconds: a predecessor may still be ending."""
        begun = time.monotonic()
        while not server.answers():
            waited = time.monotonic() - begun
            ended = self._running[server.name].poll() is not None
            if waited > (_SECONDS_OF_RETRIES if ended else _SECONDS_TO_START):
                said = last_lines(self._config.data_dir / "log", server.name)
                raise ServiceMissingError(f"The embedded server {server.name} doesn't start: {said}")
            time.sleep(0.3 if ended else 0.02)
            if ended:
                self._launch(server)


def lock_folder(config: Config) -> Path:
    """The folder of this installation's locks, made when it isn't there, with the data folder itself."""
    folder = made_data_dir(config) / "locks"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def servers_answer(config: Config) -> bool:
    """Whether the servers answer that the configuration wants embedded."""
    return (bool(config.database_url) or database_answers(config)) and (bool(config.redis_url) or redis_answers(config))


def _clear_stale(folder: Path, pid_file: str) -> None:
    """Remove the pid file of a server that no longer runs, even where its number now belongs to another process.

    PostgreSQL refuses to start beside such a file. A predecessor that still runs is waited for, and killed after ten
    seconds: two servers must never write the same files.
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
    """Whether a process lives, a zombie not counted, and has this working folder, as each server has its own."""
    process = Path("/proc") / str(number)
    try:
        state = (process / "stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[0]
        return state != "Z" and (process / "cwd").samefile(folder)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
