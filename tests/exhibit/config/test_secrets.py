import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exhibit.config import secrets
from exhibit.errors import ConfigError
from registry.configuration import load_config
from registry.services.secret_fingerprints import check_secrets
from tests.assets.settings_file import load_settings


def test_secrets_are_created_once_and_private(tmp_path: Path) -> None:
    config = load_settings(tmp_path)
    assert len(secrets.load_master_key(config)) == 32
    assert len(secrets.load_secret_key(config)) == 64
    assert secrets.load_master_key(config) == secrets.load_master_key(config)
    assert secrets.load_master_key(config).hex() != secrets.load_secret_key(config)
    folder = tmp_path / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert {path.name for path in folder.iterdir()} == {"master_key", "secret_key"}


def test_processes_started_concurrently_use_the_same_new_secret(tmp_path: Path) -> None:
    config = load_settings(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: secrets.load_master_key(config), range(64)))) == 1


def test_damaged_secret_is_reported_and_not_replaced(tmp_path: Path) -> None:
    config = load_settings(tmp_path)
    secrets.load_master_key(config)
    path = tmp_path / "secrets" / "master_key"
    path.write_text("abc")
    with pytest.raises(ConfigError, match="damaged"):
        secrets.load_master_key(config)
    assert path.read_text() == "abc"


def test_next_master_key_replaces_current_key(tmp_path: Path) -> None:
    config = load_settings(tmp_path)
    present = secrets.load_master_key(config)
    assert secrets.load_master_keys(config) == (present,)
    coming = secrets.load_next_master_key(config)
    assert coming == secrets.load_next_master_key(config) != present
    assert secrets.load_master_keys(config) == (present, coming)
    secrets.adopt_next_master_key(config)
    assert secrets.load_master_keys(config) == (coming,)


def test_mounted_secrets_are_used_and_others_are_created_in_data_folder(tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    mount.mkdir()
    (mount / "master_key").write_text("ab" * 32 + "\n")
    (mount / "log.key").write_text("a key")
    config = load_settings(tmp_path, EXHIBIT_SECRETS_DIR=str(mount))
    assert secrets.load_master_key(config) == bytes.fromhex("ab" * 32)
    assert secrets.get_secret_path(config, "log.key") == mount / "log.key"
    assert len(secrets.load_secret_key(config)) == 64
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["secret_key"]


@pytest.mark.parametrize(("is_there", "message"), [(False, "does not exist"), (True, "contains no secrets")])
def test_unmounted_secrets_folder_is_not_created(tmp_path: Path, *, is_there: bool, message: str) -> None:
    mount = tmp_path / "mount"
    config = load_config({"EXHIBIT_DATA": str(tmp_path / "data"), "EXHIBIT_SECRETS_DIR": str(mount)})
    if is_there:
        mount.mkdir()
    for make in (secrets.load_secret_key, secrets.load_redis_password, check_secrets):
        with pytest.raises(ConfigError, match=f"{mount} {message}") as refused:
            make(config)
        assert "EXHIBIT_SECRETS_DIR" in refused.value.hint
    assert not (tmp_path / "data").exists()


def test_mounted_master_key_is_rotated_by_mounted_next_key(tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    mount.mkdir()
    (mount / "master_key").write_text("ab" * 32)
    config = load_settings(tmp_path, EXHIBIT_SECRETS_DIR=str(mount))
    with pytest.raises(ConfigError, match=r"does not change.*master_key\.next"):
        secrets.load_next_master_key(config)
    (mount / "master_key.next").write_text("cd" * 32)
    both = (bytes.fromhex("ab" * 32), bytes.fromhex("cd" * 32))
    assert (secrets.load_master_keys(config), secrets.load_master_key(config)) == (both, both[1])
    assert secrets.load_next_master_key(config) == both[1]
    secrets.adopt_next_master_key(config)
    assert sorted(path.name for path in mount.iterdir()) == ["master_key", "master_key.next"]
