"""Test programs whose reader closes the pipe, started as users start them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exhibit.pipes import CLOSED_PIPE
from tests import CHECKOUT

COMMANDS = (
    ("-m", "desk", "--help"),
    ("-m", "desk", "--version"),
    ("-m", "desk", "api", "--list"),
    ("-m", "desk", "verify", "--help"),
    ("-m", "desk", "nonsense"),
    ("-m", "crawler", "--help"),
    ("-m", "indexer", "--help"),
    ("-m", "indexer", "compare", "--help"),
    ("-m", "evidence", "--help"),
    ("-m", "evidence", "page"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("buffered", [True, False])
def test_program_with_closed_output_exits_silently(command: tuple[str, ...], tmp_path: Path, *, buffered: bool) -> None:
    environ = {**os.environ, "EXHIBIT_DATA": str(tmp_path), "PYTHONUNBUFFERED": "" if buffered else "1"}
    reading, write = os.pipe()
    os.close(reading)
    run = [sys.executable, *command]
    errors = tmp_path / "errors"
    with errors.open("wb") as err:
        done = subprocess.run(run, cwd=CHECKOUT, env=environ, stdout=write, stderr=err, check=False)
    output = errors.read_text("utf-8")
    assert (done.returncode, output) == (CLOSED_PIPE, "") or command[-1] == "nonsense"
    assert "Traceback" not in output
    done = subprocess.run(run, cwd=CHECKOUT, env=environ, stdout=write, stderr=write, check=False)  # as with 2>&1
    os.close(write)
    assert done.returncode == CLOSED_PIPE


def test_program_read_to_the_end_keeps_its_exit_code(tmp_path: Path) -> None:
    environ = {**os.environ, "EXHIBIT_DATA": str(tmp_path)}
    for arguments, code in ((["--help"], 0), (["verify", "nowhere.zip"], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "evidence", *arguments], cwd=CHECKOUT, env=environ, capture_output=True, check=False
        )
        assert (done.returncode, b"Traceback" in done.stderr) == (code, False)


def test_broken_pipe_other_than_closed_output_still_raises(tmp_path: Path) -> None:
    program = (
        "import os\n"
        "from exhibit.pipes import exit_on_closed_pipe\n"
        "@exit_on_closed_pipe\n"
        "def main():\n"
        "    read, write = os.pipe()\n"
        "    os.close(read)\n"
        "    os.write(write, b'x')\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, check=False)
    assert (done.returncode, b"BrokenPipeError" in done.stderr) == (1, True)
