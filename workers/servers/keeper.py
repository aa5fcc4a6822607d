"""Servers shared by several commands: a detached process, the keeper, runs them as long as they are in use.

Users of the servers share a lock. The keeper stops the servers once it can take that lock exclusively, which means that
nobody is left. It holds the lock while stopping them, so that a new user waits and starts a new keeper.
"""

import errno
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from exhibit.config.config import Config
from exhibit.errors import ServiceMissingError, ended
from exhibit.files.locks import FileLock, holder, is_free, shared
from exhibit.files.private import keep_private
from exhibit.logs import last_lines
from exhibit.machine import SENTENCES, is_full
from registry.configuration import load_config
from workers.servers.embedded import EmbeddedServers, ServersBusyError, lock_folder, servers_answer
from workers.servers.processes import asked_to_stop, open_log, pauses
from workers.servers.product import start_detached

_PAUSE = 0.1
_LOOK_SECONDS = 1.0
"""Interval between two checks for users. The end of a server is noticed at once."""
_SECONDS_FOR_ANOTHER = 120.0
"""Time to wait for servers that another process keeps and that do not respond."""

_SECONDS_ON_A_FULL_DISK = 2.0
"""Time to wait for servers that may be starting on a full disk."""


@contextmanager
def ensure_servers(config: Config, stop: Callable[[], object] = bool) -> Iterator[None]:
    """Ensure that PostgreSQL and Redis respond for the duration of the block.

    With both URLs configured, nothing is started. Otherwise running embedded servers are used, whoever runs them, or a
    keeper is started, which ends by itself after the last user.

    Raises:
        ServiceMissingError: A server does not respond.
    """
    if config.database_url and config.redis_url:
        yield
        return
    with shared(lock_folder(config) / "users.lock"):
        keep_alive(config, stop)
        yield


def keep_alive(config: Config, stop: Callable[[], object] = bool) -> None:
    """Wait until the servers respond, starting a keeper if there is none. The caller must hold the users' lock.

    This waits as long as they make progress: creating or recovering a database takes minutes on a slow machine.

    Raises:
        ServiceMissingError: They do not start (reported early if the disk is full), or ``stop`` returned true.
    """
    keeper, started = None, time.monotonic()
    until = started + _SECONDS_FOR_ANOTHER
    while not (are_kept(config) and servers_answer(config)):
        if keeper is None or keeper.poll() == 0:  # It found another keeper, which may be ending.
            keeper = start_keeper(config)
        # A keeper of our own checks by itself whether the servers make progress.
        if holder(lock_folder(config) / "servers.lock") == keeper.pid:
            until = time.monotonic() + _SECONDS_FOR_ANOTHER
        if time.monotonic() - started > _SECONDS_ON_A_FULL_DISK and is_full(config.data_dir):
            hint = f"Make room below {config.data_dir}; what runs goes on then by itself."
            raise ServiceMissingError(f"{SENTENCES[errno.ENOSPC]} The embedded servers can't write.", hint=hint)
        if keeper.returncode or time.monotonic() > until or stop():
            log_line = last_lines(config.data_dir / "log", "keeper", 1)
            raise ServiceMissingError(
                f"The embedded servers don't start. {log_line}".strip(), hint="Try `exhibit doctor`."
            )
        time.sleep(_PAUSE)


def are_kept(config: Config) -> bool:
    """Return True if a process keeps the servers or they are external. Orphans of a killed one respond for a while."""
    if config.database_url and config.redis_url:
        return True
    return not is_free(lock_folder(config) / "servers.lock")


def start_keeper(config: Config) -> "subprocess.Popen[bytes]":
    """Start a keeper process. It ends at once if another one is running."""
    folder = config.data_dir / "log"
    with open_log(folder, "keeper") as log:
        keeper = start_detached(config, "workers.servers.keeper", log)
    # The keeper may outlive the interest of its user and must not remain as a zombie.
    threading.Thread(target=keeper.wait, daemon=True).start()
    return keeper


def keep_for_users(config: Config, servers: EmbeddedServers, stop_signals: Sequence[int]) -> None:
    """Keep servers running until nobody uses them or a signal requests the end; then stop them."""
    users = FileLock(lock_folder(config) / "users.lock")
    try:
        with pauses() as pause:
            while not stop_signals and servers.has_folder() and not users.take():
                servers.revive()
                pause(_LOOK_SECONDS)
            servers.stop()
    finally:
        users.release()


def main() -> int:
    """Keep the servers of this process's configuration; return 0 even if another process keeps them already.

    With a command as arguments, run that command with responding servers only, as a restore needs it.
    """
    keep_private()
    config = load_config()
    if command := sys.argv[1:]:
        with ensure_servers(config):
            return subprocess.run(command, check=False).returncode
    with suppress(ServersBusyError), asked_to_stop() as stop_signals, EmbeddedServers(config) as servers:
        keep_for_users(config, servers, stop_signals)
    return 0


if __name__ == "__main__":
    sys.exit(ended(main))
