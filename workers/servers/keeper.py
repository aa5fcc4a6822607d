"""Keeper: a detached process that runs the embedded servers while commands use them.

Processes that use the servers hold a shared lock. When the keeper gets this lock exclusively, no process uses the
servers any more, and it stops them. It holds the lock meanwhile: a new process waits, and then starts a new keeper.
"""

import errno
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from exhibit.config.config import Config
from exhibit.errors import ServiceMissingError, run_program
from exhibit.files.locks import FileLock, find_holder_pid, hold_shared, is_free
from exhibit.files.private import set_private_umask
from exhibit.logs import read_last_lines
from exhibit.machine import ERROR_SENTENCES, is_full
from registry.configuration import load_config
from workers.servers.embedded import EmbeddedServers, ServersBusyError, are_servers_responding, lock_folder
from workers.servers.processes import collect_stop_signals, interruptible_pause, open_log
from workers.servers.product import start_detached

_POLL_SECONDS = 0.1
_USER_CHECK_SECONDS = 1.0
"""Seconds between checks for processes that use the servers. The end of a server is noticed at once."""
_SECONDS_FOR_ANOTHER = 120.0
"""Seconds to wait for servers of another process that do not respond."""

_FULL_DISK_SECONDS = 2.0
"""Seconds after which a start on a full disk is reported as failed."""


@contextmanager
def ensure_servers(config: Config, stop: Callable[[], object] = bool) -> Iterator[None]:
    """Ensure that PostgreSQL and Redis respond for the duration of the block.

    If both URLs are configured, nothing is started. Otherwise embedded servers that are already running are used, or a
    keeper is started, which ends after the last process that uses them.

    Raises:
        ServiceMissingError: A server does not respond.
    """
    if config.database_url and config.redis_url:
        yield
        return
    with hold_shared(lock_folder(config) / "users.lock"):
        wait_for_servers(config, stop)
        yield


def wait_for_servers(config: Config, stop: Callable[[], object] = bool) -> None:
    """Wait until the servers respond, starting a keeper if there is none. The caller must hold the users' lock.

    The wait continues while they make progress: creating or recovering a database takes minutes on a slow machine.

    Raises:
        ServiceMissingError: They do not start (reported early if the disk is full), or ``stop`` returned true.
    """
    keeper, started = None, time.monotonic()
    deadline = started + _SECONDS_FOR_ANOTHER
    while not (are_servers_supervised(config) and are_servers_responding(config)):
        if keeper is None or keeper.poll() == 0:  # It found another keeper, which may be stopping.
            keeper = start_keeper(config)
        # A keeper started here fails by itself if the servers make no progress.
        if find_holder_pid(lock_folder(config) / "servers.lock") == keeper.pid:
            deadline = time.monotonic() + _SECONDS_FOR_ANOTHER
        if time.monotonic() - started > _FULL_DISK_SECONDS and is_full(config.data_dir):
            hint = f"Free disk space in {config.data_dir}. Running processes then continue."
            raise ServiceMissingError(
                f"{ERROR_SENTENCES[errno.ENOSPC]} The embedded servers cannot write data.", hint=hint
            )
        if keeper.returncode or time.monotonic() > deadline or stop():
            log_line = read_last_lines(config.data_dir / "log", "keeper", 1)
            raise ServiceMissingError(
                f"The embedded servers did not start. {log_line}".strip(), hint="Run exhibit doctor."
            )
        time.sleep(_POLL_SECONDS)


def are_servers_supervised(config: Config) -> bool:
    """Return True if a process keeps the servers or they are external. Orphaned servers also respond for a while."""
    if config.database_url and config.redis_url:
        return True
    return not is_free(lock_folder(config) / "servers.lock")


def start_keeper(config: Config) -> "subprocess.Popen[bytes]":
    """Start a keeper process. It ends at once if another one is running."""
    folder = config.data_dir / "log"
    with open_log(folder, "keeper") as log:
        keeper = start_detached(config, "workers.servers.keeper", log)
    # The keeper may end before this process and must not remain as a zombie.
    threading.Thread(target=keeper.wait, daemon=True).start()
    return keeper


def run_until_unused(config: Config, servers: EmbeddedServers, stop_signals: Sequence[int]) -> None:
    """Keep servers running until no process uses them or a stop signal arrives; then stop them."""
    users_lock = FileLock(lock_folder(config) / "users.lock")
    try:
        with interruptible_pause() as pause:
            while not stop_signals and servers.has_folder() and not users_lock.acquire():
                servers.restart_dead_servers()
                pause(_USER_CHECK_SECONDS)
            servers.stop()
    finally:
        users_lock.release()


def main() -> int:
    """Keep the servers of this process's configuration; return 0 even if another process already keeps them.

    If the arguments are a command, run it while the servers respond. This is used to restore the log.
    """
    set_private_umask()
    config = load_config()
    if command := sys.argv[1:]:
        with ensure_servers(config):
            return subprocess.run(command, check=False).returncode
    with suppress(ServersBusyError), collect_stop_signals() as stop_signals, EmbeddedServers(config) as servers:
        run_until_unused(config, servers, stop_signals)
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main))
