"""Supervisor of `exhibit up`: starts, supervises and stops the servers, the workers, the tick and the site."""

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

from exhibit.clock import format_rfc3339, now
from exhibit.config.config import Config
from exhibit.errors import ConfigError, InvalidRequestError, ServiceMissingError, run_program
from exhibit.files.locks import FileLock, find_holder_pid, hold_exclusively, hold_shared, is_free, is_shared
from exhibit.files.private import restrict_permissions, set_private_umask
from exhibit.logs import read_last_lines
from registry.configuration import load_config
from registry.services.addresses import get_local_url
from workers.servers.embedded import EmbeddedServers, ServersBusyError, are_servers_responding, lock_folder
from workers.servers.keeper import are_servers_supervised, run_until_unused
from workers.servers.liveness import HangDetector, record_replacement
from workers.servers.processes import SupervisedProcess, collect_stop_signals, interruptible_pause, trim_logs
from workers.servers.product import CHECKOUT, build_environment, list_services

_QUIT_SECONDS = 4.0
_KILL_SECONDS = 7.0
_SERVER_TIMEOUT_SECONDS = 120.0
"""Seconds to wait for servers of another command that do not respond."""
_POLL_SECONDS = 0.2
_CHECK_SECONDS = 2.0
"""Seconds between checks. The end of a process is noticed at once."""
_TRIM_SECONDS = 60.0


class AlreadyRunningError(InvalidRequestError):
    """Raised if Exhibit is already running for this data folder."""


@dataclass(frozen=True, slots=True)
class RunningStatus:
    """Status of a running installation."""

    pid: int
    started: str
    address: str
    processes: dict[str, int]


def run_supervisor(config: Config, on_ready: Callable[[RunningStatus], None]) -> None:
    """Run Exhibit until SIGTERM or SIGINT and until every process has stopped.

    Call it from the main thread: it handles signals, and children end with the thread that started them.

    Args:
        config: The configuration.
        on_ready: Called once the site responds.

    Raises:
        AlreadyRunningError: Exhibit is already running for this data folder.
        ConfigError: The site's port is in use.
        ServiceMissingError: A process does not start; the message ends with its output.
    """
    running_error = AlreadyRunningError(
        "Exhibit is already running with this data folder.", hint="Stop it: exhibit down"
    )
    servers = EmbeddedServers(config)
    try:
        with (
            hold_exclusively(lock_folder(config) / "supervisor.lock", running_error, within=0.5) as lock,
            collect_stop_signals() as stop_signals,
        ):
            _get_status_path(config).unlink(missing_ok=True)  # A killed process may have left it.
            lock.write_pid()
            try:
                if changed_files := restrict_permissions(config.data_dir):
                    _print_line(
                        f"Files and folders in {config.data_dir} to which other users no longer have access: "
                        f"{changed_files}."
                    )
                with hold_shared(_get_users_lock_path(config)):
                    _Supervisor(config, servers, stop_signals, lock).run(on_ready)
            except ServiceMissingError:
                if not stop_signals:
                    raise
            finally:
                _get_status_path(config).unlink(missing_ok=True)
                if not is_shared(_get_users_lock_path(config)):
                    servers.stop()
        if servers.processes:
            _print_line(
                "Another command uses the database. The database stops when that command ends, or when you press "
                "Ctrl-C."
            )
            with collect_stop_signals() as stop_signals:
                run_until_unused(config, servers, stop_signals)
    finally:
        servers.stop()


def read_running_status(config: Config) -> RunningStatus | None:
    """Return the status of the installation that runs with this data folder, or None."""
    if not is_running(config):
        return None
    try:
        return RunningStatus(**json.loads(_get_status_path(config).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # It is still starting.


def is_running(config: Config) -> bool:
    """Return True if Exhibit is running, starting or stopping for this data folder."""
    return not is_free(lock_folder(config) / "supervisor.lock")


def stop_supervisor(config: Config, *, seconds: float = 20.0) -> bool:
    """Stop the installation of this data folder and wait until it has stopped. Return False if none was running.

    Raises:
        ServiceMissingError: It has not stopped, and has made no progress for ``seconds``.
    """
    path = lock_folder(config) / "supervisor.lock"
    pid = find_holder_pid(path)
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    lock, detector = FileLock(path), HangDetector(pid, seconds)
    while not lock.acquire(within=_POLL_SECONDS):
        if detector.is_hung():
            raise ServiceMissingError(
                f"Process {pid} has not stopped, and has been inactive for {seconds:.0f} seconds."
            )
    lock.release()
    return True


class _Supervisor:
    """Keeps processes running until a stop is requested."""

    def __init__(self, config: Config, servers: EmbeddedServers, stop_signals: Sequence[int], lock: FileLock) -> None:
        self._config = config
        self._servers = servers
        self._stop_signals = stop_signals
        self._lock = lock
        self._has_data = True
        self._logs = config.data_dir / "log"
        self._processes: list[SupervisedProcess] = []
        self._started = format_rfc3339(now())
        self._last_trim = float("-inf")

    def run(self, on_ready: Callable[[RunningStatus], None]) -> None:
        _check_port(self._config)
        _print_line("Starting the database …")
        self._start_servers()
        _print_line("Migrating the database …")
        _migrate(self._config, self._stop_signals)
        _print_line("Starting the web interface and the workers …")
        try:
            site, *other_services = list_services(self._config)
            self._processes.append(SupervisedProcess(site, self._logs))
            self._wait_for_site()
            self._processes += [SupervisedProcess(child, self._logs) for child in other_services]
            if not self._stop_signals:
                status = self._write_status()
                with contextlib.suppress(OSError):  # The reader of the output may have gone.
                    on_ready(status)
            with interruptible_pause() as pause:
                while not self._stop_signals:
                    if self._is_data_available():
                        self._check_processes()
                    pause(_CHECK_SECONDS)
        finally:
            self._stop()

    def _start_servers(self) -> None:
        """Start the servers, unless another command runs them, in which case they stay up while they are used."""
        deadline = time.monotonic() + _SERVER_TIMEOUT_SECONDS
        while not (self._config.database_url and self._config.redis_url):
            try:
                self._servers.start(lambda: bool(self._stop_signals))
            except ServersBusyError:
                if are_servers_responding(self._config):
                    return
                if self._stop_signals or time.monotonic() > deadline:
                    raise
            else:
                return

    def _wait_for_site(self) -> None:
        while not self._stop_signals and not _is_site_responding(self._config):
            for supervised in self._processes:
                if supervised.process.poll() is not None or supervised.detector.is_hung():
                    log_lines = read_last_lines(self._logs, supervised.child.name)
                    raise ServiceMissingError(f"The process {supervised.child.name} did not start: {log_lines}")
            time.sleep(0.05)

    def _is_data_available(self) -> bool:
        """Return True if the data folder is in its place. If it was moved or unmounted, Exhibit waits for it."""
        had_data, self._has_data = self._has_data, self._lock.is_in_place()
        if had_data and not self._has_data:
            self._servers.stop()
            _print_line(
                f"The data folder {self._config.data_dir} is missing; process {os.getpid()} waits until the folder "
                f"is available again."
            )
        return self._has_data

    def _check_processes(self) -> None:
        """Restart processes that have died: at once the first time, then after increasing delays, without limit."""
        has_changed = False
        if time.monotonic() - self._last_trim > _TRIM_SECONDS:
            trim_logs(self._logs)
            self._last_trim, has_changed = time.monotonic(), True
        self._check_servers()
        self._kill_hung()
        for supervised in self._processes:
            if supervised.has_died():
                _kill_session(supervised.process)
                _print_line(f"{supervised.child.name} exited with code {supervised.process.returncode}; restarting it.")
            try:
                has_changed |= supervised.restart_if_due()
            except OSError as error:
                _print_line(f"{supervised.child.name} cannot be started: {error}.")
        if has_changed:
            self._write_status()

    def _kill_hung(self) -> None:
        """Kill each hung child with all its descendants."""
        for supervised in self._processes:
            if supervised.process.poll() is None and supervised.detector.is_hung():
                entry = record_replacement(self._config, supervised.child.name, supervised.process.pid)
                _print_line(f"{entry.name} ({entry.pid}) was unresponsive for {entry.seconds} seconds; restarting it.")
                _kill_session(supervised.process)

    def _check_servers(self) -> None:
        """Restart servers that have died, or all of them if the command that ran them was killed."""
        if self._servers.processes:
            for name in self._servers.restart_dead_servers():
                _print_line(f"{name} exited; restarting it.")
        elif not are_servers_supervised(self._config):
            try:
                self._start_servers()
            except (ServiceMissingError, OSError) as error:
                _print_line(f"The servers cannot be started: {error}")

    def _stop(self) -> None:
        """Request a stop, signal slow processes again, then kill the rest with all their descendants."""
        for wait_seconds, is_urgent in ((_QUIT_SECONDS, False), (_KILL_SECONDS - _QUIT_SECONDS, True)):
            deadline = time.monotonic() + wait_seconds
            for supervised in self._processes:
                supervised.process.send_signal(
                    supervised.child.urgent_stop if is_urgent else supervised.child.stop_signal
                )
            while (
                any(supervised.process.poll() is None for supervised in self._processes)
                and time.monotonic() <= deadline
            ):
                time.sleep(0.05)
        for supervised in self._processes:
            _kill_session(supervised.process)
            supervised.process.wait()

    def _write_status(self) -> RunningStatus:
        processes = {supervised.child.name: supervised.process.pid for supervised in self._processes}
        status = RunningStatus(os.getpid(), self._started, f"{get_local_url(self._config)}/", processes)
        path = _get_status_path(self._config)
        temporary_path = path.with_suffix(".new")
        try:
            temporary_path.write_text(json.dumps(asdict(status)), encoding="utf-8")
            temporary_path.replace(path)
        except OSError as error:
            _print_line(f"The status cannot be written: {error}.")
        return status


def _check_port(config: Config) -> None:
    family = socket.AF_INET6 if ":" in config.web_host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.web_host, config.web_port))
        except (OSError, UnicodeError) as error:  # Some invalid host names cause a UnicodeError before the lookup.
            is_port_error = isinstance(error, OSError) and error.errno in {errno.EADDRINUSE, errno.EACCES}
            host_hint = "Set EXHIBIT_WEB_HOST to an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all."
            hint = "Set EXHIBIT_WEB_PORT to another port." if is_port_error else host_hint
            reason = getattr(error, "strerror", None) or "the host name is not valid"
            sentence = f"The web interface cannot listen on {config.web_host} port {config.web_port}: {reason}."
            raise ConfigError(sentence, hint=hint) from error


def _is_site_responding(config: Config) -> bool:
    host_and_port = get_local_url(config).split("://")[1].rsplit(":", 1)
    try:
        socket.create_connection((host_and_port[0].strip("[]"), int(host_and_port[1])), 0.5).close()
    except OSError:
        return False
    return True


def _migrate(config: Config, stop_signals: Sequence[int]) -> None:
    """Migrate the database, however long it takes, unless a stop is requested."""
    command = [sys.executable, "-m", "workers.migrate"]
    with subprocess.Popen(
        command, env=build_environment(config), cwd=CHECKOUT, stderr=subprocess.PIPE, text=True
    ) as run:
        while not stop_signals:
            with contextlib.suppress(subprocess.TimeoutExpired):
                _, output = run.communicate(timeout=_POLL_SECONDS)
                break
        else:
            run.terminate()
            return
    if run.returncode:
        raise ServiceMissingError(" / ".join(output.strip().splitlines()[-3:]) or "The database cannot be migrated.")


def _print_line(sentence: str) -> None:
    """Write a line with a timestamp to the log. It is dropped if the disk is full or the reader has gone."""
    with contextlib.suppress(OSError):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {sentence}", file=sys.stderr, flush=True)


def _kill_session(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and everything it started. Each process has its own session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _get_users_lock_path(config: Config) -> Path:
    """Return the path of the lock that all processes that use the servers share."""
    return lock_folder(config) / "users.lock"


def _get_status_path(config: Config) -> Path:
    return lock_folder(config) / "supervisor.json"


def main() -> None:
    """Run Exhibit with this process's configuration."""
    set_private_umask()
    run_supervisor(load_config(), lambda status: print(f"Ready: {status.address}", flush=True))


if __name__ == "__main__":
    sys.exit(run_program(main))
