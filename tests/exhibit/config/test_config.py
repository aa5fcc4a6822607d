import subprocess
import sys
from pathlib import Path

import pytest

from exhibit.entries import encode_canonical
from exhibit.errors import ConfigError
from registry.configuration import load_config
from registry.log.configuration import to_loggable_dict
from tests.assets.settings_file import load_settings


def test_defaults_apply_without_settings_and_without_anchors(tmp_path: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(tmp_path / "absent")})
    assert config.data_dir == tmp_path / "absent"
    assert (config.web_host, config.web_port) == ("127.0.0.1", 8080)
    assert config.anchors == ()
    assert config.allowed_networks == ()
    assert config.database_url == config.redis_url == ""
    assert not config.debug


def test_environment_overrides_file(tmp_path: Path) -> None:
    config = load_settings(tmp_path, 'retention_days = 7\noperator_name = "Studio"', EXHIBIT_RETENTION_DAYS="9")
    assert (config.retention_days, config.operator_name) == (9, "Studio")


def test_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    assert load_settings(tmp_path, "workers = 5", EXHIBIT_WORKERS="").workers == 5


def test_database_and_redis_accept_standard_variable_names(tmp_path: Path) -> None:
    config = load_settings(tmp_path, DATABASE_URL="postgresql://u:p@db/x", REDIS_URL="redis://cache/0")
    assert (config.database_url, config.redis_url) == ("postgresql://u:p@db/x", "redis://cache/0")


def test_environment_lists_are_comma_separated(tmp_path: Path) -> None:
    config = load_settings(
        tmp_path, EXHIBIT_ALLOWED_NETWORKS="127.0.0.0/8, ::1/128", EXHIBIT_ALLOWED_HOSTS="a.example,b.example"
    )
    assert config.allowed_networks == ("127.0.0.0/8", "::1/128")
    assert config.allowed_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    "toml", ["web_port = true", 'debug = "perhaps"', "workers = 1.0", "languages = 3", "contact = 5"]
)
def test_value_of_wrong_type_is_reported_with_the_setting_name(tmp_path: Path, toml: str) -> None:
    with pytest.raises(ConfigError, match=rf"{toml.split(maxsplit=1)[0]} in .*exhibit\.toml"):
        load_settings(tmp_path, toml)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('sign_up = "open"', r"sign_up in .* open requires mail_url"),
        ('passkey_roots = "makers.pem"', r"passkey_roots in .*makers\.pem is neither a file"),
        ('passkey_roots = "empty"', r"passkey_roots in .*empty is neither a file nor a folder with \*\.pem"),
        ('passkey_aaguids = ["2fc0579f-8113-47ea-b116-bb5a8db9202a"]', "passkey_aaguids in .* requires passkey_roots"),
    ],
)
def test_missing_required_setting_is_reported(tmp_path: Path, toml: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=message):
        load_settings(tmp_path, toml)
    (tmp_path / "makers.pem").touch()
    (tmp_path / "empty" / "one.pem").touch()
    mail = 'mail_url = "smtp://localhost"' if "sign_up" in toml else ""
    roots = 'passkey_roots = "empty"' if "aaguids" in toml else ""
    assert load_settings(tmp_path, f"{toml}\n{mail}\n{roots}")


def test_largest_accepted_numbers_can_be_logged(tmp_path: Path) -> None:
    config = load_settings(tmp_path, EXHIBIT_OWNER_QUOTA_BYTES=str(2**53 - 1))
    assert b"9007199254740991" in encode_canonical(to_loggable_dict(config))


def test_unknown_setting_is_reported_with_a_similar_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="EXHIBIT_WORKERS"):
        load_settings(tmp_path, EXHIBIT_WORKER="3")
    with pytest.raises(ConfigError, match="retention_days"):
        load_settings(tmp_path, "retention = 3")
    with pytest.raises(ConfigError, match="data_dir"):
        load_settings(tmp_path, 'data_dir = "/elsewhere"')


def test_windows_encoded_file_is_read_or_its_encoding_is_reported(tmp_path: Path) -> None:
    (tmp_path / "exhibit.toml").write_text("web_port = 8091", "utf-8-sig")
    assert load_config({"EXHIBIT_DATA": str(tmp_path)}).web_port == 8091
    (tmp_path / "exhibit.toml").write_text("web_port = 8091", "utf-16")
    with pytest.raises(ConfigError, match=r"exhibit\.toml .*UTF-8") as raised:
        load_config({"EXHIBIT_DATA": str(tmp_path)})
    assert "UTF-8" in raised.value.hint


def test_invalid_toml_is_reported_with_its_position(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"exhibit\.toml cannot be read.*line 1"):
        load_settings(tmp_path, "workers: 2")


def test_default_data_folder_is_in_user_home(tmp_path: Path) -> None:
    loading = f"from {load_config.__module__} import load_config"
    program = f"import os; os.geteuid = lambda: 1000\n{loading}\nprint(load_config().data_dir)"
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={"HOME": str(tmp_path), "PYTHONPATH": str(Path.cwd())},
        text=True,
        capture_output=True,
        check=True,
    )
    assert run.stdout.strip() == str(tmp_path / ".local" / "share" / "exhibit")
