import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.anchors.cosignature.kind import CosignatureConfig
from evidence.anchors.evm.kind import EvmConfig
from evidence.anchors.opentimestamps.kind import OpenTimestampsConfig
from evidence.anchors.rfc3161.kind import Rfc3161Config
from evidence.development.authority import run_authority
from evidence.development.chain import run_chain
from exhibit.config.config import Config
from exhibit.config.secrets import load_secret_key
from exhibit.errors import ConfigError
from exhibit.files.locks import FileLock
from registry.configuration import load_config
from tests.assets.clocks import set_clock
from tests.assets.local_witness import running_witness
from workers.operations import doctor
from workers.operations.checks import Check
from workers.operations.doctor import check_everything, check_machine
from workers.servers.embedded import lock_folder

__all__ = ["set_clock"]


@pytest.fixture
def fresh_config(tmp_path: Path) -> Config:
    return load_config({"EXHIBIT_DATA": str(tmp_path / "data")})


def run_checks(config: Config) -> dict[str, Check]:
    return {check.name: check for check in check_machine(config)}


def test_checks_pass_after_setup_and_change_nothing(fresh_config: Config) -> None:
    checks = run_checks(fresh_config)
    assert [check for check in checks.values() if check.needed and not check.ok] == []
    assert "18." in checks["PostgreSQL"].sentence
    assert not fresh_config.data_dir.exists()


def test_missing_program_is_reported_with_a_remedy(
    fresh_config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("browser", "openssl"):
        check = run_checks(fresh_config)[name]
        assert (check.ok, check.needed) == (False, False)
        assert "apt-get install" in check.remedy


def test_doctor_passes_servers_that_are_stopping_and_fails_unresponsive_servers(fresh_config: Config) -> None:
    locks = lock_folder(fresh_config)
    users, servers = FileLock(locks / "users.lock"), FileLock(locks / "servers.lock")
    assert [lock.acquire() for lock in (users, servers)] == [True, True]  # like a keeper that is stopping
    exit_stack = ExitStack()
    exit_stack.callback(users.release)
    exit_stack.callback(servers.release)
    stopped = threading.Timer(0.5, exit_stack.close)
    stopped.start()
    assert "database" not in {check.name for check in check_everything(fresh_config)}
    stopped.join()
    assert servers.acquire()
    assert [check.ok for check in check_everything(fresh_config) if check.name == "database"] == [False]
    servers.release()


def test_missing_secrets_of_existing_database_are_reported(fresh_config: Config, tmp_path: Path) -> None:
    (fresh_config.data_dir / "postgres").mkdir(parents=True)
    assert "secrets of the database are missing" in run_checks(fresh_config)["secrets"].sentence
    missing_check = run_checks(replace(fresh_config, secrets_dir=str(tmp_path / "mount")))["secrets"]
    assert (missing_check.ok, f"{tmp_path / 'mount'} does not exist" in missing_check.sentence) == (False, True)
    load_secret_key(fresh_config)
    check = run_checks(fresh_config)["secrets"]
    assert (check.ok, "Run exhibit up" in check.sentence) == (True, True)


def test_invalid_setting_is_reported_before_remaining_checks(fresh_config: Config) -> None:
    checks = doctor.check_without_settings(
        fresh_config, ConfigError("EXHIBIT_WORKERS can't be used: no.", hint="Look.")
    )
    assert (checks[0].ok, checks[0].sentence, checks[0].remedy) == (
        False,
        "EXHIBIT_WORKERS can't be used: no.",
        "Look.",
    )
    assert "data folder" in {check.name for check in checks}


def test_nearly_full_disk_is_reported(fresh_config: Config) -> None:
    disk = run_checks(replace(fresh_config, disk_floor_bytes=2**62))["disk"]
    assert not disk.ok
    assert "EXHIBIT_DISK_FLOOR_BYTES" in disk.remedy


def test_browser_limits_are_reported(fresh_config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    # Other checks start processes, which would not run as the simulated user.
    browser_config = replace(fresh_config, capture_browser=sys.executable)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    as_root = doctor._check_browser_limits(browser_config)
    assert (as_root.ok, as_root.needed, bool(as_root.remedy)) == (False, False, True)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    as_user = doctor._check_browser_limits(browser_config)
    assert as_user.ok
    assert f"nice {os.getpriority(os.PRIO_PROCESS, 0)}" in as_user.sentence
    no_browser_limits = doctor._check_browser_limits(replace(fresh_config, capture_browser="none"))
    assert no_browser_limits.ok
    assert no_browser_limits.sentence != as_user.sentence


def test_external_servers_are_checked(fresh_config: Config) -> None:
    own = replace(fresh_config, database_url="postgresql://x@127.0.0.1:9/x", redis_url="redis://127.0.0.1:9/0")
    assert "DATABASE_URL" in run_checks(own)["PostgreSQL"].remedy
    assert "REDIS_URL" in run_checks(own)["Redis"].remedy


@pytest.mark.usefixtures("django_db_modify_db_settings")
@pytest.mark.parametrize("minutes", [-3, 0, 3])
def test_clock_that_differs_from_the_database_by_minutes_is_reported(
    config: Config, set_clock: Callable[[timedelta], None], minutes: int
) -> None:
    set_clock(timedelta(minutes=minutes))
    check = run_checks(config)["PostgreSQL"]
    assert check.ok == (minutes == 0)
    assert ("180 seconds apart" in check.sentence) == ("NTP" in check.remedy) == (minutes != 0)


def test_doctor_checks_timestamp_services_and_only_warns_if_they_are_unresponsive(
    fresh_config: Config, tmp_path: Path
) -> None:
    with (
        run_authority(tmp_path / "authority") as authority,
        run_chain(tmp_path / "chain") as chain,
        running_witness() as friend,
    ):
        (tmp_path / "root.pem").write_bytes(authority.root_pem)
        dead_url = "http://127.0.0.1:9"
        calendars = (chain.url, dead_url)
        anchors = (
            Rfc3161Config(kind="rfc3161", name="authority", urls=(authority.url,), roots=tmp_path / "root.pem"),
            OpenTimestampsConfig(kind="opentimestamps", name="blind", urls=calendars, development=True),
            OpenTimestampsConfig(kind="opentimestamps", name="bitcoin", urls=(dead_url,), bitcoin_source=chain.url),
            CosignatureConfig(kind="cosignature", name="friend", urls=(friend.url,), key=friend.vkey),
            EvmConfig(
                kind="evm", name="chain", urls=(dead_url,), chain_id=1, contract=bytes(20), key_variable="NO_KEY"
            ),
        )
        checks = run_checks(replace(fresh_config, anchors=anchors))
    assert checks["timestamp service authority"].ok
    assert "valid until" in checks["timestamp service authority"].sentence
    assert checks["timestamp service friend"].ok
    assert not checks["timestamp service blind"].needed
    for name in ("timestamp service bitcoin", "timestamp service chain"):
        assert (checks[name].ok, checks[name].needed) == (False, False)
        assert checks[name].remedy


def test_doctor_reports_a_single_result_for_each_timestamp_service(
    fresh_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_calendar = OpenTimestampsConfig(
        kind="opentimestamps", name="calendar", urls=("http://127.0.0.1:9",), development=True
    )
    earlier = Check("timestamps", ok=True, sentence="1 outside witness answers.", needed=False)
    monkeypatch.setattr(doctor, "is_database_responding", lambda _config: True)
    monkeypatch.setattr(doctor, "run_operator_checks", lambda _config: ((earlier,), ()))
    checks = [
        check for check in check_everything(replace(fresh_config, anchors=(dead_calendar,))) if "service" in check.name
    ]
    assert [check.ok for check in checks if check.name == "timestamp service calendar"] == [False]
    assert earlier not in checks


def test_responding_timestamp_service_is_not_reported_as_unresponsive(
    fresh_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    calendar = OpenTimestampsConfig(
        kind="opentimestamps", name="calendar", urls=("http://127.0.0.1:9",), development=True
    )
    rows = (
        Check("timestamp service calendar", ok=False, sentence="It has been silent for 1 day.", needed=False),
        Check("receipts of calendar", ok=False, sentence="It answered, and it was of no use.", needed=False),
    )
    monkeypatch.setattr(doctor, "is_database_responding", lambda _config: True)
    monkeypatch.setattr(doctor, "run_operator_checks", lambda _config: (rows, ()))
    checks = check_everything(replace(fresh_config, anchors=(calendar,)))
    assert [check.sentence for check in checks if check.name == "timestamp service calendar"] == [
        doctor._check_timestamp_service(replace(fresh_config, anchors=(calendar,)), calendar).sentence
    ]
    assert rows[1] in checks


def test_too_few_timestamp_services_are_reported(fresh_config: Config) -> None:
    check = run_checks(replace(fresh_config, timestamps_needed=2))["timestamps"]
    assert not check.ok
    assert check.remedy
    assert "timestamps" in run_checks(fresh_config)


def test_configured_milvus_is_checked(fresh_config: Config, request: pytest.FixtureRequest) -> None:
    assert "archive" not in run_checks(fresh_config)
    pytest.importorskip("pymilvus", reason="There is no client of Milvus: python3 tools/bootstrap.py milvus")
    silent = run_checks(replace(fresh_config, milvus_url="http://127.0.0.1:9"))["archive"]
    assert (silent.ok, silent.needed, "not responding" in silent.sentence) == (False, True, True)
    assert "EXHIBIT_MILVUS_URL" in silent.remedy
    check = run_checks(replace(fresh_config, milvus_url=request.getfixturevalue("milvus_server").url))["archive"]
    assert check.ok


def test_missing_milvus_library_is_reported_with_its_component(
    fresh_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    monkeypatch.setitem(sys.modules, "grpc", None)
    check = run_checks(replace(fresh_config, milvus_url="http://127.0.0.1:9"))["archive"]
    assert (check.ok, "optional component" in check.sentence) == (False, True)
