"""Child processes that end with their parent, however it ends, and drop its privileges if it is root.

The embedded servers then run as a separate user, who has separate folders.
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

_LOG_BYTES = 10 * 1024**2
_SECONDS_OF_CALM = 60.0
_MAX_PAUSE = 30.0
_NUMBERS = range(60_706, 61_184)
"""User IDs that neither distributions nor systemd assign."""

# A parent that died before the tie was established no longer sends a signal.
_STILL_A_CHILD = '[ "$PPID" = "$0" ] || exit 1; exec "$@"'


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """The unprivileged user of servers that root starts."""

    name: str
    user: int
    group: int

    def reaches(self, path: Path) -> bool:
        """Return True if this user may enter a folder or execute a program."""
        command = ["/usr/bin/test", "-x", str(path)]
        return not subprocess.run(command, user=self.user, group=self.group, extra_groups=[], check=False).returncode


def service_user(data_dir: Path) -> ServiceUser | None:
    """Return the user for the servers, or None if this process is not root.

    This is the user ``exhibit`` if it exists, otherwise a user ID specific to this data folder. No user is added to the
    machine: files and sockets need only a number. ``nobody`` is shared by many programs, which could then read each
    other's data.
    """
    if os.geteuid() != 0:
        return None
    if existing := named_user("exhibit"):
        return existing
    used_ids = {entry.pw_uid for entry in pwd.getpwall()}
    first_id = int.from_bytes(hashlib.sha256(os.fsencode(data_dir)).digest()[:4])
    free = (_NUMBERS[(first_id + step) % len(_NUMBERS)] for step in range(len(_NUMBERS)))
    number = next((port for port in free if port not in used_ids), None)
    if number is None:
        raise ConfigError("There is no user for the servers.", hint="Add one: useradd --system exhibit")
    return ServiceUser(str(number), number, number)


def named_user(name: str) -> ServiceUser | None:
    """Return the user with a name, or None."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return ServiceUser(name, entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process to start, as data. Without a user, environment or folder, it inherits those of its parent."""

    name: str  # Used for its log and in messages.
    command: tuple[str, ...]
    stop: signal.Signals = signal.SIGTERM  # Signal for a clean stop.
    hurry: signal.Signals = signal.SIGTERM  # Signal if the stop takes too long.
    orphaned: signal.Signals = signal.SIGTERM  # Signal it gets when its parent has died.
    user: ServiceUser | None = None
    beyond_walls: bool = False  # Lets ``user`` pass folders closed to it, for data in folders of root.
    environ: Mapping[str, str] | None = None
    folder: Path | None = None

    def line(self) -> list[str]:
        """Return the command line that drops privileges, ties the process to its parent and executes the program.

        Without setpriv(1), which every Linux has, the process is not tied to its parent.

        Raises:
            ServiceMissingError: This process is root and setpriv is missing.
        """
        if shutil.which("setpriv") is None:
            if self.user:
                hint = "Install util-linux, or run Exhibit as an ordinary user."
                raise ServiceMissingError(
                    "There is no setpriv, with which servers give up the rights of root.", hint=hint
                )
            return list(self.command)
        rights: list[str] = []
        if self.user:
            rights = [f"--reuid={self.user.user}", f"--regid={self.user.group}", "--clear-groups"]
        if self.user and self.beyond_walls:
            # access(2), which PostgreSQL calls for its own programs, respects the capability only without that fixup.
            one_right = "-all,+dac_read_search"
            rights += ["--securebits=+no_setuid_fixup", f"--inh-caps={one_right}", f"--ambient-caps={one_right}"]
        tied = ["--pdeathsig", self.orphaned.name.removeprefix("SIG"), "--"]
        return ["setpriv", *rights, *tied, "/bin/sh", "-c", _STILL_A_CHILD, str(os.getpid()), *self.command]

    def start(self, log: BinaryIO) -> "subprocess.Popen[bytes]":
        """Start the process in its own session, so that Ctrl-C at the terminal reaches only the parent.

        Call it from the main thread: on Linux, a child counts as orphaned when the thread that started it has ended.
        """
        return launch(self.line(), log, self.environ, self.folder)


def launch(
    command: Sequence[str], log: BinaryIO, environ: Mapping[str, str] | None, folder: Path | None
) -> "subprocess.Popen[bytes]":
    """Start a process in its own session, with no input and with all output in a log."""
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environ, cwd=folder
    )


def open_log(folder: Path, name: str) -> BinaryIO:
    """Open a child's log for appending; the null device if the disk is full, as a child also runs without a log."""
    try:
        folder.mkdir(exist_ok=True)
        return (folder / f"{name}.log").open("ab", buffering=0)
    except OSError:
        return Path(os.devnull).open("ab", buffering=0)


def trim_logs(folder: Path) -> None:
    """Move the content of logs larger than 10 MiB to ``NAME.log.1``; their processes continue in the emptied files.

    Content that does not fit on a full disk is dropped.
    """
    for path in folder.glob("*.log"):
        with suppress(OSError):
            if path.stat().st_size <= _LOG_BYTES:
                continue
            aside = path.with_name(f"{path.name}.1")
            try:
                shutil.copyfile(path, aside)
            except OSError:
                aside.unlink(missing_ok=True)
            os.truncate(path, 0)


class Kept:
    """A child process that is kept running: restarted at once when it dies, then after growing pauses.

    ``prepare`` is called before each start. The log is in the folder ``logs``.
    """

    process: "subprocess.Popen[bytes]"

    def __init__(self, child: Child, logs: Path, prepare: Callable[[], None] = lambda: None) -> None:
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
        self._begun, self._again_at = time.monotonic(), float("inf")

    def has_died(self) -> bool:
        """Return True once per death of the process."""
        is_newly_dead = self._again_at == float("inf") and self.process.poll() is not None
        if is_newly_dead:
            self._put_off()
        return is_newly_dead

    def revive(self) -> bool:
        """Restart the process if that is due; return True if it was restarted.

        Raises:
            OSError: No process can be started at the moment.
        """
        if time.monotonic() < self._again_at:
            return False
        try:
            self.start()
        except OSError:
            self._put_off()
            raise
        return True

    def _put_off(self) -> None:
        calm = time.monotonic() - self._begun > _SECONDS_OF_CALM
        self._deaths = 1 if calm else self._deaths + 1
        self._again_at = time.monotonic() + min(_MAX_PAUSE, 2.0 ** min(self._deaths - 1, 10) - 1.0)


@contextmanager
def asked_to_stop() -> Iterator[list[int]]:
    """Yield a list to which each received SIGTERM or SIGINT is appended. For the main thread."""
    signals: list[int] = []
    signs = (signal.SIGTERM, signal.SIGINT)
    before = {sign: signal.signal(sign, lambda number, _: signals.append(number)) for sign in signs}
    try:
        yield signals
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


@contextmanager
def pauses() -> Iterator[Callable[[float], None]]:
    """Yield a function that sleeps, but wakes when a child ends or a handled signal arrives. For the main thread."""
    read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False), signal.signal(signal.SIGCHLD, lambda *_: None)

    def pause(seconds: float) -> None:
        if select.select([read_end], [], [], seconds)[0]:
            os.read(read_end, select.PIPE_BUF)

    try:
        yield pause
    finally:
        signal.set_wakeup_fd(before[0])
        signal.signal(signal.SIGCHLD, before[1])
        os.close(read_end)
        os.close(write_end)


def end(processes: Sequence["subprocess.Popen[bytes]"], *, seconds: float) -> None:
    """Wait for processes that were asked to stop; kill those that take too long, with their sessions."""
    for process in processes:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass(frozen=True, slots=True)
class ServerRights:
    """File permissions for the servers' user, or for this process's user if it is not root."""

    user: ServiceUser | None

    def own_folder(self, folder: Path) -> None:
        """Create a folder that belongs to the servers only.

        Raises:
            ConfigError: The path belongs to another user.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        status, above = folder.lstat(), folder.parent.stat()
        owners = {os.geteuid()} | ({self.user.user} if self.user else set())
        within = above.st_uid == os.geteuid() and not above.st_mode & stat.S_IWOTH  # Nobody else created it.
        if not stat.S_ISDIR(status.st_mode) or not (status.st_uid in owners or within):
            raise ConfigError(f"{folder} belongs to somebody else.", hint="Choose another EXHIBIT_DATA.")
        folder.chmod(0o700)
        if self.user and status.st_uid != self.user.user:
            self.hand_over(folder)

    def hand_over(self, folder: Path) -> None:
        """Give a folder and its contents to the servers' user."""
        if self.user:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, self.user.user, self.user.group, follow_symlinks=False)

    def let_pass(self, data_dir: Path) -> None:
        """Close the data folder to everybody except its user and, if separate, the servers' user."""
        if self.user:
            os.chown(data_dir, -1, self.user.group)
        data_dir.chmod(0o710 if self.user else 0o700)

    def write(self, path: Path, text: str) -> None:
        """Write a file that only the servers' user may read, in one of its folders."""
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        if self.user:
            os.chown(path, self.user.user, self.user.group)

    def maker(self) -> "ServerRights":
        """Return the rights for creating PostgreSQL's files: ``initdb`` requires a named user."""
        return ServerRights(named_user(self.user.name) or named_user("nobody")) if self.user else self

    def child(self, name: str, command: tuple[str, ...], *, folder: Path, stop: signal.Signals) -> Child:
        """Return a server as a child of this process, with minimal rights.

        Root may keep data or programs below a closed folder, such as /root; the server is then allowed to pass it.
        """
        walled = self.user is not None and not (self.user.reaches(Path(command[0])) and self.user.reaches(folder))
        return Child(
            name=name,
            command=command,
            stop=stop,
            orphaned=stop,
            user=self.user,
            beyond_walls=walled,
            environ={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            folder=folder,
        )
