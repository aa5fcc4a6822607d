"""Child processes that end with their parent, whatever ends it, and that don't have its rights when it is root."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_LOG_BYTES = 10 * 1024**2

# a parent that died before the tie was made sends no signal any more
_STILL_A_CHILD = '[ "$PPID" = "$0" ] || exit 1; exec "$@"'

# for systems without setpriv: takes a user's and a group's number (or -), a signal and a command
_LAUNCHER = """
import ctypes, os, sys
parent, user, group, sign, *command = sys.argv[1:]
if user != "-":
    os.setgroups([]); os.setresgid(*[int(group)] * 3); os.setresuid(*[int(user)] * 3)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(sign))  # PR_SET_PDEATHSIG, which a change of the user clears
if os.getppid() != int(parent):
    sys.exit(1)
os.execvp(command[0], command)
"""


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """The unprivileged user as which servers run that are started by root."""

    name: str
    user: int
    group: int

    def reaches(self, path: Path) -> bool:
        """Whether this user may look into a folder or run a program."""
        command = ["/usr/bin/test", "-x", str(path)]
        return not subprocess.run(command, user=self.user, group=self.group, extra_groups=[], check=False).returncode


def service_user() -> ServiceUser | None:
    """``exhibit`` where there is such a user, else ``nobody``; None when this process isn't root's."""
    if os.geteuid() != 0:
        return None
    for name in ("exhibit", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServiceUser(name, entry.pw_uid, entry.pw_gid)
    return ServiceUser("nobody", 65_534, 65_534)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """What to start, as data.

    Args:
        name: names its log and its messages.
        command: program and arguments.
        stop: the signal that ends it cleanly.
        hurry: the signal that ends it when that takes too long.
        orphaned: the signal it gets when its parent has died.
        user: whom it runs as; None for the parent's user.
        beyond_walls: lets ``user`` pass folders that are closed to it, for data that root keeps in a folder of its own.
        environ: its environment; None for the parent's.
        folder: its working folder; None for the parent's.
    """

    name: str
    command: tuple[str, ...]
    stop: signal.Signals = signal.SIGTERM
    hurry: signal.Signals = signal.SIGTERM
    orphaned: signal.Signals = signal.SIGTERM
    user: ServiceUser | None = None
    beyond_walls: bool = False
    environ: Mapping[str, str] | None = None
    folder: Path | None = None

    def line(self) -> list[str]:
        """The command line that gives up rights, ties the process to its parent and becomes the program."""
        if shutil.which("setpriv") is None:
            who = [str(self.user.user), str(self.user.group)] if self.user else ["-", "-"]
            launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *who, str(int(self.orphaned))]
            return [*launcher, *self.command]
        rights: list[str] = []
        if self.user:
            rights = [f"--reuid={self.user.user}", f"--regid={self.user.group}", "--clear-groups"]
        if self.user and self.beyond_walls:
            # access(2), which PostgreSQL asks about its own programs, counts the right only without that fixup
            one_right = "-all,+dac_read_search"
            rights += ["--securebits=+no_setuid_fixup", f"--inh-caps={one_right}", f"--ambient-caps={one_right}"]
        tied = ["--pdeathsig", self.orphaned.name.removeprefix("SIG"), "--"]
        return ["setpriv", *rights, *tied, "/bin/sh", "-c", _STILL_A_CHILD, str(os.getpid()), *self.command]

    def start(self, log: BinaryIO) -> "subprocess.Popen[bytes]":
        """Start it in a session of its own, so that a Ctrl-C at the terminal reaches the parent only.

        Call it from the main thread: on Linux a child counts as orphaned when the thread that started it has ended.
        """
        return subprocess.Popen(
            self.line(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=self.environ,
            cwd=self.folder,
        )


def open_log(folder: Path, name: str) -> BinaryIO:
    """The log of a child, open for appending."""
    return (folder / f"{name}.log").open("ab", buffering=0)


def trim_logs(folder: Path) -> None:
    """Put aside, as ``NAME.log.1``, what a log holds beyond 10 MiB; its process goes on in the emptied file."""
    for path in folder.glob("*.log"):
        if path.stat().st_size > _LOG_BYTES:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            os.truncate(path, 0)


def last_lines(folder: Path, name: str, count: int = 3) -> str:
    """The end of a child's log, for messages."""
    try:
        text = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return " / ".join(text.strip().splitlines()[-count:])


def end(processes: Sequence["subprocess.Popen[bytes]"], *, seconds: float) -> None:
    """Wait for processes that have been asked to stop; kill those, with their whole sessions, that take too long."""
    for process in processes:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
