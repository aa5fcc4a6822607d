"""Test the development timestamp services as separate programs."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence.anchors.fetch import send_request
from evidence.development.__main__ import main
from exhibit.errors import ExitCode
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session

SESSION = create_guarded_session(Guard(allowed_networks=("127.0.0.0/8",)), timeout=5)
COMMAND = [sys.executable, "-m", "evidence.development"]


@pytest.mark.parametrize(
    ("service", "path", "beginning", "number"),
    [
        ("authority", "/root.pem", b"-----BEGIN CERTIFICATE", signal.SIGTERM),
        ("chain", "/timestamp/" + 64 * "0", b"Pending", signal.SIGINT),
    ],
)
def test_service_prints_url_and_stops_on_signal(
    service: str, path: str, beginning: bytes, number: signal.Signals, tmp_path: Path
) -> None:
    arguments = [*COMMAND, service, "--folder", str(tmp_path), "--every", "0.1"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        assert send_request(SESSION, url + path)[1].startswith(beginning)
        running.send_signal(number)
        assert running.wait(20) == 0


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """A function that runs the program in this process and returns its message when it cannot serve."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def run(*words: str) -> str:
        assert main([*words]) == ExitCode.SERVICE_MISSING
        return capsys.readouterr().err

    return run


def test_used_port_is_reported(tmp_path: Path, run_command: Callable[..., str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        assert "cannot be used" in run_command("chain", "--folder", str(tmp_path), "--port", port)


def test_unusable_folder_is_reported(tmp_path: Path, run_command: Callable[..., str]) -> None:
    (tmp_path / "file").write_text("in the way")
    words = run_command("chain", "--folder", str(tmp_path / "file" / "chain"))
    assert f"{tmp_path / 'file'}" in words
    assert "cannot be used" in words
    assert "--port" not in words
