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
from evidence.development.authority import running_authority
from evidence.development.chain import running_chain
from exhibit.config.config import Config
from exhibit.config.secrets import secret_key
from exhibit.errors import ConfigError
from exhibit.files.locks import FileLock
from registry.configuration import load_config
from tests.assets.clocks import set_clock
from tests.assets.local_witness import running_witness
from workers.operations import doctor
from workers.operations.checks import Check
from workers.operations.doctor import examine, examine_all
from workers.servers.embedded import lock_folder

__all__ = ["set_clock"]


@pytest.fixture
def fresh(tmp_path: Path) -> Config:
    return load_config({"EXHIBIT_DATA": str(tmp_path / "data")})


def found(config: Config) -> dict[str, Check]:
    return {check.name: check for check in examine(config)}


def test_everything_that_is_needed_is_there_after_a_setup_and_nothing_is_changed(fresh: Config) -> None:
    checks = found(fresh)
    assert [check for check in checks.values() if check.needed and not check.ok] == []
    assert "18." in checks["PostgreSQL"].sentence
    assert not fresh.data_dir.exists()


def test_what_is_missing_comes_with_a_remedy(fresh: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("browser", "openssl"):
        check = found(fresh)[name]
        assert (check.ok, check.needed) == (False, False)
        assert "apt-get install" in check.remedy


def test_servers_that_are_just_stopping_are_no_fault_and_silent_ones_are(fresh: Config) -> None:
    locks = lock_folder(fresh)
    users, servers = FileLock(locks / "users.lock"), FileLock(locks / "servers.lock")
    assert [lock.take() for lock in (users, servers)] == [True, True]  # like a keeper that is stopping
    held = ExitStack()
    held.callback(users.release)
    held.callback(servers.release)
    stopped = threading.Timer(0.5, held.close)
    stopped.start()
    assert "database" not in {check.name for check in examine_all(fresh)}
    stopped.join()
    assert servers.take()
    assert [check.ok for check in examine_all(fresh) if check.name == "database"] == [False]
    servers.release()


def test_secrets_that_are_missing_beside_a_database_are_said(fresh: Config, tmp_path: Path) -> None:
    (fresh.data_dir / "postgres").mkdir(parents=True)
    assert "its secrets aren't here" in found(fresh)["secrets"].sentence
    away = found(replace(fresh, secrets_dir=str(tmp_path / "mount")))["secrets"]
    assert (away.ok, f"{tmp_path / 'mount'} isn't there" in away.sentence) == (False, True)
    secret_key(fresh)
    there = found(fresh)["secrets"]
    assert (there.ok, "seen while Exhibit runs" in there.sentence) == (True, True)


def test_where_a_setting_is_wrong_it_is_said_first_and_then_what_is_known_without(fresh: Config) -> None:
    told = doctor.examine_without_settings(fresh, ConfigError("EXHIBIT_WORKERS can't be used: no.", hint="Look."))
    assert (told[0].ok, told[0].sentence, told[0].remedy) == (False, "EXHIBIT_WORKERS can't be used: no.", "Look.")
    assert "data folder" in {check.name for check in told}


def test_a_nearly_full_disk_is_said(fresh: Config) -> None:
    disk = found(replace(fresh, disk_floor_bytes=2**62))["disk"]
    assert not disk.ok
    assert "EXHIBIT_DISK_FLOOR_BYTES" in disk.remedy


def test_what_bounds_the_browser_and_what_cannot_is_said(fresh: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    # other checks start processes, and would really run as the user that is only simulated here
    with_browser = replace(fresh, capture_browser=sys.executable)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    as_root = doctor._browser_limits(with_browser)
    assert (as_root.ok, as_root.needed, bool(as_root.remedy)) == (False, False, True)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    as_user = doctor._browser_limits(with_browser)
    assert as_user.ok
    assert f"nice {os.getpriority(os.PRIO_PROCESS, 0)}" in as_user.sentence
    without_browser = doctor._browser_limits(replace(fresh, capture_browser="none"))
    assert without_browser.ok
    assert without_browser.sentence != as_user.sentence


def test_servers_of_ones_own_are_asked(fresh: Config) -> None:
    own = replace(fresh, database_url="postgresql://x@127.0.0.1:9/x", redis_url="redis://127.0.0.1:9/0")
    assert "DATABASE_URL" in found(own)["PostgreSQL"].remedy
    assert "REDIS_URL" in found(own)["Redis"].remedy


@pytest.mark.usefixtures("django_db_modify_db_settings")
@pytest.mark.parametrize("minutes", [-3, 0, 3])
def test_a_clock_that_is_minutes_off_the_database_s_is_told(
    config: Config, set_clock: Callable[[timedelta], None], minutes: int
) -> None:
    set_clock(timedelta(minutes=minutes))
    check = found(config)["PostgreSQL"]
    assert check.ok == (minutes == 0)
    assert ("180 seconds apart" in check.sentence) == ("NTP" in check.remedy) == (minutes != 0)


def test_each_witness_is_asked_how_it_is_and_one_that_is_silent_is_no_hindrance(fresh: Config, tmp_path: Path) -> None:
    with (
        running_authority(tmp_path / "authority") as authority,
        running_chain(tmp_path / "chain") as chain,
        running_witness() as friend,
    ):
        (tmp_path / "root.pem").write_bytes(authority.root_pem)
        gone = "http://127.0.0.1:9"
        calendars = (chain.url, gone)
        given = (
            Rfc3161Config(kind="rfc3161", name="authority", urls=(authority.url,), roots=tmp_path / "root.pem"),
            OpenTimestampsConfig(kind="opentimestamps", name="blind", urls=calendars, development=True),
            OpenTimestampsConfig(kind="opentimestamps", name="bitcoin", urls=(gone,), bitcoin_source=chain.url),
            CosignatureConfig(kind="cosignature", name="friend", urls=(friend.url,), key=friend.vkey),
            EvmConfig(kind="evm", name="chain", urls=(gone,), chain_id=1, contract=bytes(20), key_variable="NO_KEY"),
        )
        checks = found(replace(fresh, anchors=given))
    assert checks["witness authority"].ok
    assert "valid until" in checks["witness authority"].sentence
    assert checks["witness friend"].sentence == "It answers."
    assert not checks["witness blind"].needed
    for name in ("witness bitcoin", "witness chain"):
        assert (checks[name].ok, checks[name].needed) == (False, False)
        assert checks[name].remedy


def test_one_witness_isnt_said_to_answer_and_not_to(fresh: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = OpenTimestampsConfig(kind="opentimestamps", name="calendar", urls=("http://127.0.0.1:9",), development=True)
    earlier = Check("witnesses", ok=True, sentence="1 outside witness answers.", needed=False)
    monkeypatch.setattr(doctor, "database_answers", lambda _config: True)
    monkeypatch.setattr(doctor, "examine_house", lambda _config: ((earlier,), ()))
    told = [check for check in examine_all(replace(fresh, anchors=(gone,))) if "witness" in check.name]
    assert [check.ok for check in told if check.name == "witness calendar"] == [False]
    assert earlier not in told


def test_a_witness_that_answers_now_isnt_said_to_be_silent(fresh: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    given = OpenTimestampsConfig(kind="opentimestamps", name="calendar", urls=("http://127.0.0.1:9",), development=True)
    rows = (
        Check("witness calendar", ok=False, sentence="It has been silent for 1 day.", needed=False),
        Check("receipts of calendar", ok=False, sentence="It answered, and it was of no use.", needed=False),
    )
    monkeypatch.setattr(doctor, "database_answers", lambda _config: True)
    monkeypatch.setattr(doctor, "examine_house", lambda _config: (rows, ()))
    told = examine_all(replace(fresh, anchors=(given,)))
    assert [check.sentence for check in told if check.name == "witness calendar"] == [
        doctor._witness(replace(fresh, anchors=(given,)), given).sentence
    ]
    assert rows[1] in told


def test_more_witnesses_needed_than_there_are_is_said(fresh: Config) -> None:
    check = found(replace(fresh, witnesses_needed=2))["witnesses"]
    assert not check.ok
    assert check.remedy
    assert "witnesses" in found(fresh)


def test_it_is_said_whether_milvus_answers_where_it_is_set(fresh: Config, request: pytest.FixtureRequest) -> None:
    assert "archive" not in found(fresh)
    pytest.importorskip("pymilvus", reason="There is no client of Milvus: python3 tools/bootstrap.py milvus")
    silent = found(replace(fresh, milvus_url="http://127.0.0.1:9"))["archive"]
    assert (silent.ok, silent.needed, "doesn't answer" in silent.sentence) == (False, True, True)
    assert "EXHIBIT_MILVUS_URL" in silent.remedy
    there = found(replace(fresh, milvus_url=request.getfixturevalue("milvus_server").url))["archive"]
    assert there.ok


def test_without_its_library_an_archive_in_milvus_says_what_brings_it(
    fresh: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    monkeypatch.setitem(sys.modules, "grpc", None)
    check = found(replace(fresh, milvus_url="http://127.0.0.1:9"))["archive"]
    assert (check.ok, "optional part" in check.sentence) == (False, True)
