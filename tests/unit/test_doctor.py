from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.config import Config, load_config
from workers.doctor import Check, examine


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
    for name in ("Chromium", "openssl"):
        check = found(fresh)[name]
        assert (check.ok, check.needed) == (False, False)
        assert "apt-get install" in check.remedy


def test_a_nearly_full_disk_is_said(fresh: Config) -> None:
    disk = found(replace(fresh, disk_floor_bytes=2**62))["disk"]
    assert not disk.ok
    assert "EXHIBIT_DISK_FLOOR_BYTES" in disk.remedy


def test_servers_of_ones_own_are_asked(fresh: Config) -> None:
    own = replace(fresh, database_url="postgresql://x@127.0.0.1:9/x", redis_url="redis://127.0.0.1:9/0")
    assert "DATABASE_URL" in found(own)["PostgreSQL"].remedy
    assert "REDIS_URL" in found(own)["Redis"].remedy
