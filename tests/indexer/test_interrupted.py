"""Test that an interrupted match keeps its results and nothing else, and that the same command continues."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from indexer.__main__ import CLEANUP_PROGRAM
from tests import CHECKOUT
from tests.assets.processes import wait_until
from tests.assets.textured import encoded, textured

SIZE = (320, 240)
BACKGROUND = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also below nohup
os.execv(sys.argv[1], sys.argv[1:])
"""
COPIES, OTHER_COUNT = 24, 40


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    works, pictures = (tmp_path_factory.mktemp(name) for name in ("works", "pictures"))
    (works / "one.png").write_bytes(encoded(textured(1, SIZE)))
    copy, other = (encoded(textured(seed, SIZE), "JPEG") for seed in (1, 2))
    for number in range(COPIES):
        (pictures / f"copy-{number:02}.jpg").write_bytes(copy + bytes([number]))  # each is measured separately
    for number in range(OTHER_COUNT):
        (pictures / f"other-{number:02}.jpg").write_bytes(other + bytes([number]))
    return works, pictures


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A temporary folder with a short path, since the path of a socket in it may have only some hundred characters."""
    with tempfile.TemporaryDirectory(prefix="exhibit-t-") as name:
        yield Path(name)


def start_command(folders: tuple[Path, Path], temporary: Path, out: Path, jobs: int) -> "subprocess.Popen[str]":
    """Start the command as a shell does in the background, where it ignores Ctrl-C."""
    command = [sys.executable, "-m", "indexer", "match", *map(str, folders), "--out", str(out), "--jobs", str(jobs)]
    return subprocess.Popen(
        [sys.executable, "-c", BACKGROUND, *command],
        cwd=CHECKOUT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
    )


def leftovers(temporary: Path) -> list[psutil.Process]:
    remains = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(temporary):
                remains.append(process)
        except psutil.Error:
            continue
    return remains


@pytest.mark.parametrize(
    ("number", "jobs"),
    [
        (signal.SIGTERM, 2),
        (signal.SIGKILL, 2),
        pytest.param(signal.SIGINT, 2, marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, 2, marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, 1, marks=pytest.mark.long),
        pytest.param(signal.SIGKILL, 1, marks=pytest.mark.long),
    ],
)
def test_interrupted_match_command_keeps_written_lines_and_resumes(
    folders: tuple[Path, Path], temporary: Path, tmp_path: Path, number: signal.Signals, jobs: int
) -> None:
    out = tmp_path / "matches.jsonl"
    running = start_command(folders, temporary, out, jobs)
    wait_until(lambda: running.poll() is not None or (out.exists() and out.stat().st_size))
    running.send_signal(number)
    stderr = running.communicate(timeout=60)[1]
    assert running.returncode == (-number if number == signal.SIGKILL else 130), stderr
    assert "Traceback" not in stderr
    wait_until(lambda: not leftovers(temporary), 30)
    assert {path.name for path in temporary.iterdir()} <= {".ses"}  # ONNX Runtime's, empty
    lines_before = out.read_bytes()
    assert 0 < lines_before.count(b"\n") <= COPIES
    if number != signal.SIGKILL:
        assert str(out) in stderr
    out.write_bytes(lines_before + b'{"work": "half a li')  # incomplete last line, as after a crash
    again = start_command(folders, temporary, out, jobs)
    stderr = again.communicate(timeout=120)[1]
    assert again.returncode == 0, stderr
    assert out.read_bytes().startswith(lines_before)
    pictures_found = [json.loads(line)["picture"] for line in out.read_text().splitlines()]
    assert pictures_found == [f"copy-{number:02}.jpg" for number in range(COPIES)]
    assert f"{COPIES} matches in {out}, 0 files skipped" in stderr
    assert {path.name for path in tmp_path.iterdir()} == {"matches.jsonl"}


def test_multiprocessing_cleanup_is_left_intact_during_the_command(tmp_path: Path) -> None:
    own, foreign = tmp_path / "own", tmp_path / "others"
    own.mkdir()
    foreign.mkdir()
    command = [sys.executable, "-IS", "-c", CLEANUP_PROGRAM, str(os.getpid()), str(own), str(foreign)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as remover:
        assert remover.stdin is not None
        remover.stdin.close()  # as after a second Ctrl-C
        wait_until(lambda: not own.exists())
        assert foreign.exists()
        foreign.rmdir()
        assert remover.wait(10) == 0


@pytest.mark.long
def test_matches_of_other_works_or_changed_pictures_are_recomputed(
    folders: tuple[Path, Path], temporary: Path, tmp_path: Path
) -> None:
    out = tmp_path / "matches.jsonl"
    state = tmp_path / ".matches.jsonl.running"
    out.write_text("what somebody had before\n")
    state.write_text('{"works": "others"}\n{"picture": "copy-00.jpg", "stamp": "", "matches": 9, "bytes": 5}\n')
    ran = start_command(folders, temporary, out, 2)
    stderr = ran.communicate(timeout=120)[1]
    assert ran.returncode == 0, stderr
    assert len(out.read_text().splitlines()) == COPIES
    assert not state.exists()
