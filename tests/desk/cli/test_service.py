"""Test `exhibit service`: a unit file valid for systemd, installed and removed with systemctl."""

import json
import os
import pwd
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from desk.cli import service
from desk.cli.service import UNIT_NAME, service_command
from exhibit.errors import InvalidRequestError, ServiceMissingError
from exhibit.files.locks import FileLock
from workers.tasks.supervisor import RunningStatus

pytestmark = pytest.mark.root

CURRENT_USER = pwd.getpwuid(os.geteuid()).pw_name
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for units, and a systemctl that records its arguments."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nexit $(cat {tmp_path}/code)\n')
    (programs / "systemctl").chmod(0o755)
    (tmp_path / "code").write_text("0")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in [name for name in os.environ if name.startswith("EXHIBIT_") or name in ("DATABASE_URL", "REDIS_URL")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EXHIBIT_DATA", str(tmp_path / 'data "of 100%'))
    monkeypatch.setattr(service, "SYSTEM_UNITS", tmp_path / "config" / "systemd" / "user")
    return tmp_path / "config" / "systemd" / "user"


def run_service_command(*arguments: str) -> Result:
    return CliRunner().invoke(service_command, arguments, catch_exceptions=False, standalone_mode=False)


def read_systemctl_calls(units: Path) -> list[str]:
    lines = (units.parents[2] / "asked").read_text().splitlines()
    return [line.removeprefix("--user ") for line in lines]


def test_service_is_installed_started_and_removed(units: Path) -> None:
    output = run_service_command().output
    assert str(units / UNIT_NAME) in output
    assert ("enable-linger" in output) is not IS_ROOT
    assert read_systemctl_calls(units) == ["daemon-reload", f"enable --now {UNIT_NAME}"]
    unit = (units / UNIT_NAME).read_text()
    assert unit == run_service_command("--print").output
    assert (f"User={CURRENT_USER}\n" in unit) is IS_ROOT
    run_service_command("--remove")
    assert not (units / UNIT_NAME).exists()
    assert read_systemctl_calls(units)[2:] == [f"disable --now {UNIT_NAME}", "daemon-reload"]
    with pytest.raises(InvalidRequestError):
        run_service_command("--remove")


def test_systemd_verifies_the_unit(units: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd isn't installed")
    unit = tmp_path / UNIT_NAME
    unit.write_text(run_service_command("--print").output)
    command = [analyze, "verify", "--man=no", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    about_it = [line for line in result.stderr.splitlines() if UNIT_NAME in line]
    assert (about_it, result.returncode) == ([], 0), result.stderr
    assert r'Environment="EXHIBIT_DATA=' in unit.read_text()
    assert r'data \"of 100%%"' in unit.read_text()


def test_systemd_errors_are_reported(units: Path) -> None:
    (units.parents[2] / "code").write_text("5")
    with pytest.raises(ServiceMissingError, match="daemon-reload"):
        run_service_command()


def test_running_instance_is_stopped_first(units: Path, tmp_path: Path) -> None:
    locks = tmp_path / 'data "of 100%' / "locks"
    locks.mkdir(parents=True)
    lock = FileLock(locks / "supervisor.lock")
    assert lock.acquire()
    (locks / "supervisor.json").write_text(json.dumps(asdict(RunningStatus(1, "now", "here", {}))))
    with pytest.raises(InvalidRequestError, match="here") as error:
        run_service_command()
    assert "exhibit down" in error.value.hint
    assert not units.exists()
    lock.release()
    run_service_command()
    assert (units / UNIT_NAME).exists()


def test_environment_variables_that_the_service_would_not_see_are_reported(
    units: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("REDIS_URL", "redis://127.0.0.1/0"), ("EXHIBIT_WEB_PORT", "8081"), ("DATABASE_URL", "")):
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidRequestError, match=r"EXHIBIT_WEB_PORT, REDIS_URL\.") as error:
        run_service_command()
    assert "exhibit.toml" in error.value.hint
    assert not units.exists()
    run_service_command("--print")


def test_unit_write_error_is_reported(units: Path) -> None:
    (units / UNIT_NAME).mkdir(parents=True)
    with pytest.raises(InvalidRequestError, match=UNIT_NAME):
        run_service_command()


def test_without_systemd_no_unit_is_written(units: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(units))
    with pytest.raises(ServiceMissingError, match="systemd"):
        run_service_command()
    assert not units.exists()


def test_only_root_can_select_a_service_user_and_that_user_must_own_the_data(
    units: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidRequestError, match="nobody-of-this-name" if IS_ROOT else "root"):
        run_service_command("--print", "--run-as", "nobody-of-this-name")
    if not IS_ROOT:
        return
    data = units.parents[2] / "data"
    data.mkdir()
    monkeypatch.setenv("EXHIBIT_DATA", str(data))
    with pytest.raises(InvalidRequestError, match="nobody"):
        run_service_command("--print", "--run-as", "nobody")
    monkeypatch.delenv("EXHIBIT_DATA")
    unit = run_service_command("--print", "--run-as", "nobody").output
    assert "User=nobody\nStateDirectory=exhibit\n" in unit
