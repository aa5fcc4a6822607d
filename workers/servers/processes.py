"""Child processes that end when their parent ends, and drop root privileges.

If Exhibit is started by root, the embedded servers run as a separate user with separate folders.
"""

import hashlib
import os
import pwd
import select
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from exhibit.errors import ConfigError, ServiceMissingError
from workers.servers.liveness import HangDetector

_MAX_LOG_BYTES = 10 * 1024**2
_STABLE_SECONDS = 60.0
_MAX_PAUSE = 30.0
_FREE_USER_IDS = range(60_706, 61_184)
"""User IDs that neither distributions nor systemd assign."""

# If the parent died before prctl(PR_SET_PDEATHSIG), no signal arrives; the shell checks for this.
_PARENT_CHECK = '[ "$PPID" = "$0" ] || exit 1; exec "$@"'


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """The unprivileged user of servers that root starts."""

    name: str
    user: int
    group: int

    def has_access(self, path: Path) -> bool:
        """Return True if this user may enter a folder or execute a program."""
        command = ["/usr/bin/test", "-x", str(path)]
        return not subprocess.run(command, user=self.user, group=self.group, extra_groups=[], check=False).returncode


def find_service_user(data_dir: Path) -> ServiceUser | None:
    """Return the user that runs the servers, or None if this process is not root.

    This is the user ``exhibit`` if it exists, otherwise an unused user ID derived from the data folder. No user account
    is created, because files and sockets need only an ID. ``nobody`` is not used, because other programs that run as it
    could read the data.
    """
    if os.geteuid() != 0:
        return None
    if existing_user := find_user("exhibit"):
        return existing_user
    used_ids = {entry.pw_uid for entry in pwd.getpwall()}
    first_id = int.from_bytes(hashlib.sha256(os.fsencode(data_dir)).digest()[:4])
    candidates = (_FREE_USER_IDS[(first_id + step) % len(_FREE_USER_IDS)] for step in range(len(_FREE_USER_IDS)))
    user_id = next((candidate for candidate in candidates if candidate not in used_ids), None)
    if user_id is None:
        raise ConfigError("There is no user account for the servers.", hint="Create the user: useradd --system exhibit")
    return ServiceUser(str(user_id), user_id, user_id)


def find_user(name: str) -> ServiceUser | None:
    """Return the user with a name, or None."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return ServiceUser(name, entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """Specification of a process. Without user, environment or folder, the process inherits those of its parent."""

    name: str  # Used for its log and in messages.
    command: tuple[str, ...]
    stop_signal: signal.Signals = signal.SIGTERM  # Signal for a clean stop.
    urgent_stop: signal.Signals = signal.SIGTERM  # Signal if the stop takes too long.
    parent_death: signal.Signals = signal.SIGTERM  # Signal sent by the kernel when the parent has died.
    user: ServiceUser | None = None
    can_pass_closed_folders: bool = False  # True if ``user`` may pass folders that are closed to it.
    environ: Mapping[str, str] | None = None
    folder: Path | None = None

    def build_command(self) -> list[str]:
        """Return the command line that drops privileges, ties the process to its parent, and executes the program.

        Without setpriv(1), which is part of util-linux, the process is not tied to its parent.

        Raises:
            ServiceMissingError: This process is root and setpriv is missing.
        """
        if shutil.which("setpriv") is None:
            if self.user:
                hint = "Install util-linux, or run Exhibit as an ordinary user."
                raise ServiceMissingError(
                    "setpriv is not installed. The servers need it to drop root privileges.", hint=hint
                )
            return list(self.command)
        privilege_options: list[str] = []
        if self.user:
            privilege_options = [f"--reuid={self.user.user}", f"--regid={self.user.group}", "--clear-groups"]
        if self.user and self.can_pass_closed_folders:
            # PostgreSQL calls access(2) for its programs, which respects the capability only without this fixup.
            capabilities = "-all,+dac_read_search"
            privilege_options += [
                "--securebits=+no_setuid_fixup",
                f"--inh-caps={capabilities}",
                f"--ambient-caps={capabilities}",
            ]
        parent_options = ["--pdeathsig", self.parent_death.name.removeprefix("SIG"), "--"]
        return [
            "setpriv",
            *privilege_options,
            *parent_options,
            "/bin/sh",
            "-c",
            _PARENT_CHECK,
            str(os.getpid()),
            *self.command,
        ]

    def start(self, log: BinaryIO) -> "subprocess.Popen[bytes]":
        """Start the process in its own session, so that Ctrl-C at the terminal reaches only the parent.

        Call it from the main thread: on Linux, a child counts as orphaned when the thread that started it ends.
        """
        return launch(self.build_command(), log, self.environ, self.folder)


def launch(
    command: Sequence[str], log: BinaryIO, environ: Mapping[str, str] | None, folder: Path | None
) -> "subprocess.Popen[bytes]":
    """Start a process in its own session, with no input and with all output in a log."""
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environ, cwd=folder
    )


def open_log(folder: Path, name: str) -> BinaryIO:
    """Open a child's log for appending, or the null device if the disk is full."""
    try:
        folder.mkdir(exist_ok=True)
        return (folder / f"{name}.log").open("ab", buffering=0)
    except OSError:
        return Path(os.devnull).open("ab", buffering=0)


def trim_logs(folder: Path) -> None:
    """Copy logs larger than 10 MiB to ``NAME.log.1`` and truncate them; their processes keep writing to them.

    If the copy does not fit on the disk, the content is dropped.
    """
    for path in folder.glob("*.log"):
        with suppress(OSError):
            if path.stat().st_size <= _MAX_LOG_BYTES:
                continue
            old_log = path.with_name(f"{path.name}.1")
            try:
                shutil.copyfile(path, old_log)
            except OSError:
                old_log.unlink(missing_ok=True)
            os.truncate(path, 0)


class SupervisedProcess:
    """A supervised child process. It is restarted at once when it dies, and after increasing delays if it dies again.

    ``prepare`` is called before each start. The log is in the folder ``logs``.
    """

    process: "subprocess.Popen[bytes]"

    def __init__(self, child: ChildSpec, logs: Path, prepare: Callable[[], None] = lambda: None) -> None:
        self.child = child
        self._logs, self._prepare = logs, prepare
        self._deaths = 0
        self.start()

    def start(self) -> None:
        """Start the process."""
        self._prepare()
        with open_log(self._logs, self.child.name) as log:
            self.process = self.child.start(log)
        self.detector = HangDetector(self.process.pid)
        self._started_at, self._restart_at = time.monotonic(), float("inf")

    def has_died(self) -> bool:
        """Return True once per death of the process."""
        is_newly_dead = self._restart_at == float("inf") and self.process.poll() is not None
        if is_newly_dead:
            self._schedule_restart()
        return is_newly_dead

    def restart_if_due(self) -> bool:
        """Restart the process if that is due; return True if it was restarted.

        Raises:
            OSError: No process can be started at the moment.
        """
        if time.monotonic() < self._restart_at:
            return False
        try:
            self.start()
        except OSError:
            self._schedule_restart()
            raise
        return True

    def _schedule_restart(self) -> None:
        was_stable = time.monotonic() - self._started_at > _STABLE_SECONDS
        self._deaths = 1 if was_stable else self._deaths + 1
        self._restart_at = time.monotonic() + min(_MAX_PAUSE, 2.0 ** min(self._deaths - 1, 10) - 1.0)


@contextmanager
def collect_stop_signals() -> Iterator[list[int]]:
    """Yield a list to which each received SIGTERM or SIGINT is appended. Only for the main thread."""
    signals: list[int] = []
    stop_signals = (signal.SIGTERM, signal.SIGINT)
    old_handlers = {
        signal_number: signal.signal(signal_number, lambda number, _: signals.append(number))
        for signal_number in stop_signals
    }
    try:
        yield signals
    finally:
        for signal_number, handler in old_handlers.items():
            signal.signal(signal_number, handler)


@contextmanager
def interruptible_pause() -> Iterator[Callable[[float], None]]:
    """Yield a sleep function that returns early if a child ends or a signal arrives. Only for the main thread."""
    read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    old_handlers = (
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False),
        signal.signal(signal.SIGCHLD, lambda *_: None),
    )

    def pause(seconds: float) -> None:
        if select.select([read_end], [], [], seconds)[0]:
            os.read(read_end, select.PIPE_BUF)

    try:
        yield pause
    finally:
        signal.set_wakeup_fd(old_handlers[0])
        signal.signal(signal.SIGCHLD, old_handlers[1])
        os.close(read_end)
        os.close(write_end)


def wait_or_kill(processes: Sequence["subprocess.Popen[bytes]"], *, seconds: float) -> None:
    """Wait for processes that are stopping; kill the sessions of processes that take longer than ``seconds``."""
    for process in processes:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass(frozen=True, slots=True)
class ServerPermissions:
    """File permissions for the user of the servers, or for the user of this process if it is not root."""

    user: ServiceUser | None

    def create_folder(self, folder: Path) -> None:
        """Create a folder that only the servers can access.

        Raises:
            ConfigError: The path belongs to another user.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        status, parent_status = folder.lstat(), folder.parent.stat()
        owners = {os.geteuid()} | ({self.user.user} if self.user else set())
        # No other user can have created it.
        is_created_here = parent_status.st_uid == os.geteuid() and not parent_status.st_mode & stat.S_IWOTH
        if not stat.S_ISDIR(status.st_mode) or not (status.st_uid in owners or is_created_here):
            raise ConfigError(f"{folder} belongs to another user.", hint="Set EXHIBIT_DATA to another folder.")
        folder.chmod(0o700)
        if self.user and status.st_uid != self.user.user:
            self.change_owner(folder)

    def change_owner(self, folder: Path) -> None:
        """Make the servers' user the owner of a folder and its contents."""
        if self.user:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, self.user.user, self.user.group, follow_symlinks=False)

    def close_data_folder(self, data_dir: Path) -> None:
        """Close the data folder to all users except its owner and, if separate, the user of the servers."""
        if self.user:
            os.chown(data_dir, -1, self.user.group)
        data_dir.chmod(0o710 if self.user else 0o700)

    def write_private_file(self, path: Path, text: str) -> None:
        """Write a file that only the servers' user may read, in one of its folders."""
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        if self.user:
            os.chown(path, self.user.user, self.user.group)

    def get_initdb_permissions(self) -> "ServerPermissions":
        """Return permissions for running ``initdb``, which requires a named user: this user, or else ``nobody``."""
        return ServerPermissions(find_user(self.user.name) or find_user("nobody")) if self.user else self

    def build_child(self, name: str, command: tuple[str, ...], *, folder: Path, stop: signal.Signals) -> ChildSpec:
        """Return the specification of a server process with minimal privileges.

        If data or programs are below a closed folder such as /root, the server gets the capability to pass it.
        """
        is_closed = self.user is not None and not (
            self.user.has_access(Path(command[0])) and self.user.has_access(folder)
        )
        return ChildSpec(
            name=name,
            command=command,
            stop_signal=stop,
            parent_death=stop,
            user=self.user,
            can_pass_closed_folders=is_closed,
            environ={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            folder=folder,
        )
