"""The development witnesses as programs of their own."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from evidence.anchors.fetch import ask
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session

SESSION = guarded_session(Guard(allowed_networks=("127.0.0.0/8",)), timeout=5)
COMMAND = [sys.executable, "-m", "evidence.development"]


@pytest.mark.parametrize(
    ("witness", "path", "beginning"),
    [("authority", "/root.pem", b"-----BEGIN CERTIFICATE"), ("chain", "/timestamp/" + 64 * "0", b"Pending")],
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_witness_prints_its_address_serves_and_ends_when_told(
    witness: str, path: str, beginning: bytes, number: signal.Signals, tmp_path: Path
) -> None:
    arguments = [*COMMAND, witness, "--folder", str(tmp_path), "--every", "0.1"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        assert ask(SESSION, url + path)[1].startswith(beginning)
        running.send_signal(number)
        assert running.wait(20) == 0


def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = [*COMMAND, "chain", "--folder", str(tmp_path), "--port", str(taken.getsockname()[1])]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "can't be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    arguments = [*COMMAND, "chain", "--folder", str(tmp_path / "file" / "chain")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert f"{tmp_path / 'file'}" in done.stderr
    assert "port" not in done.stderr


def test_help_shows_examples() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)
    assert "python -m evidence.development chain --folder" in done.stdout
    assert "no legal weight" in done.stdout
