"""Test that every program handles Ctrl-C, even if its parent process ignores it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import CHECKOUT
from tests.assets.processes import wait_until


@pytest.mark.long
@pytest.mark.parametrize(
    "command",
    [
        ["desk", "verify", "PIPE"],
        ["indexer", "compare", "PIPE", "PIPE"],
        ["evidence", "verify", "PIPE"],
    ],
    ids=lambda words: words[0],
)
def test_ctrl_c_ends_command_started_with_ignored_sigint(command: list[str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "PIPE")
    running = subprocess.Popen(
        ["/bin/sh", "-c", 'trap "" INT HUP; exec "$@"', "sh", sys.executable, "-m", command[0]]
        + [str(tmp_path / argument) if argument == "PIPE" else argument for argument in command[1:]],
        cwd=CHECKOUT,
        env={**os.environ, "EXHIBIT_DATA": str(tmp_path / "data")},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with (tmp_path / "PIPE").open("wb"):  # it is reading
            running.send_signal(signal.SIGHUP)  # ignored under nohup
            wait_until(lambda: _is_waiting(running.pid))
            running.send_signal(signal.SIGINT)
            stderr = running.communicate(timeout=60)[1]
    finally:
        running.kill()
    assert running.returncode == 130
    assert stderr.splitlines()[-1] == "Interrupted."
    assert "Traceback" not in stderr


def _is_waiting(pid: int) -> bool:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool(int(status["SigCgt"], 16) >> (signal.SIGINT - 1) & 1)
