import errno
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from exhibit.errors import ServiceMissingError
from exhibit.logs import read_last_lines
from workers.servers import processes
from workers.servers.processes import (
    ChildSpec,
    ServiceUser,
    SupervisedProcess,
    interruptible_pause,
    open_log,
    trim_logs,
)

pytestmark = pytest.mark.root


def test_long_log_is_rotated_while_its_process_keeps_writing(tmp_path: Path) -> None:
    with open_log(tmp_path, "worker") as log:
        log.write(b"x" * (11 * 1024**2))
        trim_logs(tmp_path)
        log.write(b"after")
    assert (tmp_path / "worker.log").read_bytes() == b"after"
    assert (tmp_path / "worker.log.1").stat().st_size == 11 * 1024**2


def test_short_log_is_not_rotated(tmp_path: Path) -> None:
    with open_log(tmp_path, "worker") as log:
        log.write(b"one\ntwo\nthree\nfour\n")
    trim_logs(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["worker.log"]
    assert read_last_lines(tmp_path, "worker") == "two / three / four"
    assert read_last_lines(tmp_path, "absent") == ""


def test_pause_ends_immediately_when_a_child_exits() -> None:
    start = time.monotonic()
    with interruptible_pause() as pause:
        for order in ("exit 0", "sleep 0.3"):
            with subprocess.Popen(["/bin/sh", "-c", order]) as child:
                while child.poll() is None:
                    pause(60)
        pause(0.01)
    assert time.monotonic() - start < 30
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL


def test_child_ends_when_its_parent_is_killed() -> None:
    parent = (
        "import os, signal\nfrom workers.servers.processes import ChildSpec\n"
        "child = ChildSpec(name='x', command=('/bin/sleep', '600'), parent_death=signal.SIGTERM)\n"
        "with open(os.devnull, 'ab') as log: started = child.start(log)\n"
        "print(started.pid, flush=True)\nsignal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = os.pidfd_open(int(process.stdout.readline()))
        process.kill()
    try:
        # the file of a process becomes readable when the process has ended
        assert select.select([child], [], [], 20)[0]
    finally:
        os.close(child)


def test_unresponsive_child_is_killed_with_its_descendants(tmp_path: Path) -> None:
    command = (
        sys.executable,
        "-c",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); signal.pause()",
    )
    with open_log(tmp_path, "x") as log:
        process = ChildSpec(name="x", command=command, environ={"PYTHONUNBUFFERED": "1"}).start(log)
    while not read_last_lines(tmp_path, "x"):
        assert process.poll() is None
    process.terminate()
    processes.wait_or_kill([process], seconds=0.2)
    assert process.returncode == -signal.SIGKILL


def test_unwritable_log_is_discarded_and_its_process_runs(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"")  # no folder can be created here, even by root
    with open_log(tmp_path / "log", "web") as log:
        assert log.write(b"a line\n") == 7
    with open_log(tmp_path / "deleted", "web") as log:
        assert log.write(b"a line\n") == 7
    assert (tmp_path / "deleted" / "web.log").read_bytes() == b"a line\n"


def test_long_log_is_emptied_when_it_cannot_be_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_disk_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("workers.servers.processes.shutil.copyfile", fail_disk_full)
    (tmp_path / "web.log").write_bytes(bytes(11 * 1024**2))
    trim_logs(tmp_path)
    assert (tmp_path / "web.log").stat().st_size == 0


def test_crashing_child_is_restarted_with_increasing_delays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [1000.0]
    monkeypatch.setattr("workers.servers.processes.time", SimpleNamespace(monotonic=lambda: moment[0]))
    child = SupervisedProcess(ChildSpec(name="x", command=("/bin/false",)), tmp_path)
    pauses = []
    for _ in range(7):
        child.process.wait()
        assert (child.has_died(), child.has_died()) == (True, False)
        died_at = moment[0]
        while not child.restart_if_due():
            moment[0] += 1
        pauses.append(moment[0] - died_at)
    assert pauses == [0, 1, 3, 7, 15, 30, 30]
    child.process.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives rights up")
def test_child_of_root_runs_without_root_privileges(tmp_path: Path) -> None:
    user = processes.find_service_user(tmp_path)
    child = ChildSpec(
        name="x", command=("/bin/sh", "-c", "/usr/bin/id -u; /bin/grep CapEff /proc/self/status"), user=user
    )
    with open_log(tmp_path, "x") as log:
        assert child.start(log).wait(20) == 0
    assert user is not None
    words = (tmp_path / "x.log").read_text().split()
    assert words == [str(user.user), "CapEff:", "0" * 16]


@pytest.mark.parametrize("is_root", [True, False])
def test_setpriv_is_required_only_for_root(monkeypatch: pytest.MonkeyPatch, *, is_root: bool) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    child = ChildSpec(name="x", command=("/bin/true",), user=ServiceUser("x", 7, 7) if is_root else None)
    if is_root:
        with pytest.raises(ServiceMissingError):
            child.build_command()
    else:
        assert child.build_command() == ["/bin/true"]
