"""`exhibit up`: starts, supervises and stops the servers, the workers, the tick and the site together."""

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from exhibit.clock import now, rfc3339
from exhibit.config.config import Config
from exhibit.errors import ConfigError, ServiceMissingError, WrongUseError, ended
from exhibit.files.locks import FileLock, alone, holder, is_free, is_shared, shared
from exhibit.files.private import closed, keep_private
from exhibit.logs import last_lines
from registry.configuration import load_config
from registry.services.addresses import local_site
from workers.servers.embedded import EmbeddedServers, ServersBusyError, lock_folder, servers_answer
from workers.servers.keeper import are_kept, keep_for_users
from workers.servers.liveness import HangDetector, record_replacement
from workers.servers.processes import Kept, asked_to_stop, pauses, trim_logs
from workers.servers.product import CHECKOUT, environment, services

_SECONDS_UNTIL_QUIT = 4.0
_SECONDS_UNTIL_KILL = 7.0
_SECONDS_FOR_SERVERS = 120.0
"""Time to wait for servers that another command runs and that do not respond."""
_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_BETWEEN_ROUNDS = 2.0
"""Interval of the checks. The end of a process is noticed at once."""
_SECONDS_BETWEEN_TRIMS = 60.0


class AlreadyRunningError(WrongUseError):
    """Exhibit is already running for this data folder."""


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a running installation."""

    pid: int
    started: str
    address: str
    processes: dict[str, int]


def run_supervisor(config: Config, ready: Callable[[Status], None]) -> None:
    """Run Exhibit until SIGTERM or SIGINT and until every process has stopped.

    Call it from the main thread: it handles signals, and children end with the thread that started them.

    Args:
        config: The configuration.
        ready: Called once the site responds.

    Raises:
        AlreadyRunningError: Exhibit is already running for this data folder.
        ConfigError: The site's port is in use.
        ServiceMissingError: A part does not start; the message ends with its output.
    """
    runs = AlreadyRunningError("Exhibit runs already for this data folder.", hint="Stop it with `exhibit down`.")
    servers = EmbeddedServers(config)
    try:
        with alone(lock_folder(config) / "supervisor.lock", runs, within=0.5) as lock, asked_to_stop() as stop_signals:
            _status_path(config).unlink(missing_ok=True)  # Left by a killed process.
            lock.sign()
            try:
                if mended := closed(config.data_dir):
                    _say(f"Closed to others: {mended} files and folders in {config.data_dir}.")
                with shared(_users(config)):
                    _Supervisor(config, servers, stop_signals, lock).run(ready)
            except ServiceMissingError:
                if not stop_signals:
                    raise
            finally:
                _status_path(config).unlink(missing_ok=True)
                if not is_shared(_users(config)):
                    servers.stop()
        if servers.processes:
            _say("Another command uses the database, which stops when that has ended; Ctrl-C stops it now.")
            with asked_to_stop() as stop_signals:
                keep_for_users(config, servers, stop_signals)
    finally:
        servers.stop()


def running_status(config: Config) -> Status | None:
    """Return the status of what runs for this data folder, or None."""
    if not is_at_work(config):
        return None
    try:
        return Status(**json.loads(_status_path(config).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # It is still starting.


def is_at_work(config: Config) -> bool:
    """Return True if Exhibit is running, starting or stopping for this data folder."""
    return not is_free(lock_folder(config) / "supervisor.lock")


def stop_running(config: Config, *, seconds: float = 20.0) -> bool:
    """Stop what is running or starting for this data folder, and wait for it. Return True if anything was running.

    Raises:
        ServiceMissingError: It has made no progress for ``seconds`` and has not stopped.
    """
    path = lock_folder(config) / "supervisor.lock"
    number = holder(path)
    if number is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, signal.SIGTERM)
    lock, detector = FileLock(path), HangDetector(number, seconds)
    while not lock.take(within=_SECONDS_BETWEEN_LOOKS):
        if detector.is_hung():
            raise ServiceMissingError(
                f"Process {number} hasn't stopped, and has done nothing for {seconds:.0f} seconds."
            )
    lock.release()
    return True


class _Supervisor:
    """Keeps processes running until a stop is requested."""

    def __init__(self, config: Config, servers: EmbeddedServers, stop_signals: Sequence[int], lock: FileLock) -> None:
        self._config = config
        self._servers = servers
        self._asked = stop_signals
        self._lock = lock
        self._has_data = True
        self._logs = config.data_dir / "log"
        self._kept: list[Kept] = []
        self._started = rfc3339(now())
        self._trimmed = float("-inf")

    def run(self, ready: Callable[[Status], None]) -> None:
        _refuse_taken_port(self._config)
        _say("Starting the database …")
        self._start_servers()
        _say("Bringing it up to date …")
        _migrate(self._config, self._asked)
        _say("Starting the site and the workers …")
        try:
            site, *other_services = services(self._config)
            self._kept.append(Kept(site, self._logs))
            self._wait_for_site()
            self._kept += [Kept(child, self._logs) for child in other_services]
            if not self._asked:
                status = self._write_status()
                with contextlib.suppress(OSError):  # Nobody reads the output any more.
                    ready(status)
            with pauses() as pause:
                while not self._asked:
                    if self._sees_data():
                        self._look()
                    pause(_SECONDS_BETWEEN_ROUNDS)
        finally:
            self._stop()

    def _start_servers(self) -> None:
        """Start the servers, unless another command runs them: they stay up as long as they are used."""
        until = time.monotonic() + _SECONDS_FOR_SERVERS
        while not (self._config.database_url and self._config.redis_url):
            try:
                self._servers.start(lambda: bool(self._asked))
            except ServersBusyError:
                if servers_answer(self._config):
                    return
                if self._asked or time.monotonic() > until:
                    raise
            else:
                return

    def _wait_for_site(self) -> None:
        while not self._asked and not _accepts(self._config):
            for supervised in self._kept:
                if supervised.process.poll() is not None or supervised.detector.is_hung():
                    log_lines = last_lines(self._logs, supervised.child.name)
                    raise ServiceMissingError(f"The process {supervised.child.name} doesn't come up: {log_lines}")
            time.sleep(0.05)

    def _sees_data(self) -> bool:
        """Return True if the data folder is in its place. A moved or unmounted one is waited for, not recreated."""
        before, self._has_data = self._has_data, self._lock.is_in_place()
        if before and not self._has_data:
            self._servers.stop()
            _say(f"The data folder {self._config.data_dir} has gone; process {os.getpid()} waits until it is back.")
        return self._has_data

    def _look(self) -> None:
        """Restart processes that have died: at once the first time, then after growing pauses, without limit."""
        changed = False
        if time.monotonic() - self._trimmed > _SECONDS_BETWEEN_TRIMS:
            trim_logs(self._logs)
            self._trimmed, changed = time.monotonic(), True
        self._look_after_servers()
        self._kill_hung()
        for supervised in self._kept:
            if supervised.has_died():
                _kill_session(supervised.process)
                _say(f"{supervised.child.name} ended with {supervised.process.returncode}; it is started again.")
            try:
                changed |= supervised.revive()
            except OSError as error:
                _say(f"{supervised.child.name} can't be started: {error}.")
        if changed:
            self._write_status()

    def _kill_hung(self) -> None:
        """Kill each hung child with all its descendants."""
        for supervised in self._kept:
            if supervised.process.poll() is None and supervised.detector.is_hung():
                entry = record_replacement(self._config, supervised.child.name, supervised.process.pid)
                _say(f"{entry.name} ({entry.pid}) didn't run for {entry.seconds} seconds; it is replaced.")
                _kill_session(supervised.process)

    def _look_after_servers(self) -> None:
        """Restart servers that have died, or all of them if the command that ran them was killed."""
        if self._servers.processes:
            for name in self._servers.revive():
                _say(f"{name} ended; it is started again.")
        elif not are_kept(self._config):
            try:
                self._start_servers()
            except (ServiceMissingError, OSError) as error:
                _say(f"The servers can't be started: {error}")

    def _stop(self) -> None:
        """Request a stop, signal slow processes again, then kill the rest with all their descendants."""
        for patience, pressing in ((_SECONDS_UNTIL_QUIT, False), (_SECONDS_UNTIL_KILL - _SECONDS_UNTIL_QUIT, True)):
            until = time.monotonic() + patience
            for supervised in self._kept:
                supervised.process.send_signal(supervised.child.hurry if pressing else supervised.child.stop)
            while any(supervised.process.poll() is None for supervised in self._kept) and time.monotonic() <= until:
                time.sleep(0.05)
        for supervised in self._kept:
            _kill_session(supervised.process)
            supervised.process.wait()

    def _write_status(self) -> Status:
        processes = {supervised.child.name: supervised.process.pid for supervised in self._kept}
        status = Status(os.getpid(), self._started, f"{local_site(self._config)}/", processes)
        path = _status_path(self._config)
        draft = path.with_suffix(".new")
        try:
            draft.write_text(json.dumps(asdict(status)), encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            _say(f"The status can't be written: {error}.")
        return status


def _refuse_taken_port(config: Config) -> None:
    family = socket.AF_INET6 if ":" in config.web_host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.web_host, config.web_port))
        except (OSError, UnicodeError) as error:  # Invalid host names fail even before the lookup.
            of_port = isinstance(error, OSError) and error.errno in {errno.EADDRINUSE, errno.EACCES}
            of_host = "Set EXHIBIT_WEB_HOST to an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all."
            hint = "Set EXHIBIT_WEB_PORT to another one." if of_port else of_host
            why = getattr(error, "strerror", None) or "it is no name of a host"
            sentence = f"The site can't listen on {config.web_host} port {config.web_port}: {why}."
            raise ConfigError(sentence, hint=hint) from error


def _accepts(config: Config) -> bool:
    address = local_site(config).split("://")[1].rsplit(":", 1)
    try:
        socket.create_connection((address[0].strip("[]"), int(address[1])), 0.5).close()
    except OSError:
        return False
    return True


def _migrate(config: Config, stop_signals: Sequence[int]) -> None:
    """Migrate the database, however long it takes, unless a stop is requested."""
    command = [sys.executable, "-m", "workers.migrate"]
    with subprocess.Popen(command, env=environment(config), cwd=CHECKOUT, stderr=subprocess.PIPE, text=True) as run:
        while not stop_signals:
            with contextlib.suppress(subprocess.TimeoutExpired):
                _, output = run.communicate(timeout=_SECONDS_BETWEEN_LOOKS)
                break
        else:
            run.terminate()
            return
    if run.returncode:
        raise ServiceMissingError(" / ".join(output.strip().splitlines()[-3:]) or "The database can't be migrated.")


def _say(sentence: str) -> None:
    """Write a timestamped line to the log. It is dropped if the disk is full or nobody reads it."""
    with contextlib.suppress(OSError):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {sentence}", file=sys.stderr, flush=True)


def _kill_session(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and everything it started. Each process has its own session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _users(config: Config) -> Path:
    """Return the path of the lock that users of the servers share."""
    return lock_folder(config) / "users.lock"


def _status_path(config: Config) -> Path:
    return lock_folder(config) / "supervisor.json"


def main() -> None:
    """Run Exhibit with this process's configuration."""
    keep_private()
    run_supervisor(load_config(), lambda status: print(f"Ready: {status.address}", flush=True))


if __name__ == "__main__":
    sys.exit(ended(main))
