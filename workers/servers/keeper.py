"""The servers of several commands at once: kept by one detached process for as long as anybody uses them.

Whoever uses the servers shares a lock. The keeper stops them when it can take that lock alone: nobody is left. It holds
the lock while it stops them, so that one who comes at that moment waits and starts a new keeper.
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
"""Between two looks whether anybody uses the servers; that one of them has ended is heard at once."""
_SECONDS_FOR_ANOTHER = 120.0
"""For so long servers are waited for that another process keeps, and that don't answer."""

_SECONDS_ON_A_FULL_DISK = 2.0
"""For so long servers that may be starting are waited for where they find no room to write."""


@contextmanager
def ensure_servers(config: Config, stop: Callable[[], object] = bool) -> Iterator[None]:
    """PostgreSQL and Redis answer for the length of the block, or it raises ``ServiceMissingError``.

    With both URLs in the configuration nothing is started. Else running embedded servers are used, whoever runs them,
    or a keeper is started, which ends by itself when the last user has left.
    """
    if config.database_url and config.redis_url:
        yield
        return
    with shared(lock_folder(config) / "users.lock"):
        keep_alive(config, stop)
        yield


def keep_alive(config: Config, stop: Callable[[], object] = bool) -> None:
    """Wait until the servers answer, with a new keeper when there is none; for one who uses them already.

    It takes as long as they get on: making or recovering a database takes minutes on a slow machine. Raises
    ``ServiceMissingError`` when they don't come up, soon where the disk is full, or ``stop`` says to wait no longer.
    """
    keeper, begun = None, time.monotonic()
    until = begun + _SECONDS_FOR_ANOTHER
    while not (are_kept(config) and servers_answer(config)):
        if keeper is None or keeper.poll() == 0:  # it found another one at work, which may be ending
            keeper = start_keeper(config)
        if holder(lock_folder(config) / "servers.lock") == keeper.pid:  # it sees for itself whether they get on
            until = time.monotonic() + _SECONDS_FOR_ANOTHER
        if time.monotonic() - begun > _SECONDS_ON_A_FULL_DISK and is_full(config.data_dir):
            hint = f"Make room below {config.data_dir}; what runs goes on then by itself."
            raise ServiceMissingError(f"{SENTENCES[errno.ENOSPC]} The embedded servers can't write.", hint=hint)
        if keeper.returncode or time.monotonic() > until or stop():
            said = last_lines(config.data_dir / "log", "keeper", 1)
            raise ServiceMissingError(f"The embedded servers don't start. {said}".strip(), hint="Try `exhibit doctor`.")
        time.sleep(_PAUSE)


def are_kept(config: Config) -> bool:
    """Whether somebody keeps the servers, or they aren't ours; the orphans of a killed keeper still answer a while."""
    if config.database_url and config.redis_url:
        return True
    return not is_free(lock_folder(config) / "servers.lock")


def start_keeper(config: Config) -> "subprocess.Popen[bytes]":
    """Start a process that keeps the servers; it ends at once when another one does."""
    folder = config.data_dir / "log"
    with open_log(folder, "keeper") as log:
        keeper = start_detached(config, "workers.servers.keeper", log)
    # it may end long after its user has stopped to look, and must not remain as a zombie
    threading.Thread(target=keeper.wait, daemon=True).start()
    return keeper


def keep_for_users(config: Config, servers: EmbeddedServers, asked: Sequence[int]) -> None:
    """Keep servers running until nobody uses them any more, or a signal has asked to end; then stop them."""
    users = FileLock(lock_folder(config) / "users.lock")
    try:
        with pauses() as pause:
            while not asked and servers.has_folder() and not users.take():
                servers.revive()
                pause(_LOOK_SECONDS)
            servers.stop()
    finally:
        users.release()


def main() -> int:
    """Keep the servers of this process's configuration; 0 also when another process keeps them already.

    With a command after it: run that command with servers that answer and nothing else, as a restore needs it.
    """
    keep_private()
    config = load_config()
    if command := sys.argv[1:]:
        with ensure_servers(config):
            return subprocess.run(command, check=False).returncode
    with suppress(ServersBusyError), asked_to_stop() as asked, EmbeddedServers(config) as servers:
        keep_for_users(config, servers, asked)
    return 0


if __name__ == "__main__":
    sys.exit(ended(main))
