import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evidence.anchors.evm.kind import EvmConfig
from evidence.anchors.opentimestamps.kind import OpenTimestampsConfig
from evidence.anchors.rfc3161.kind import Rfc3161Config
from exhibit.config import secrets
from exhibit.config.config import Config
from exhibit.entries import canonical
from exhibit.errors import ConfigError, ExitCode
from workers.configuration import load_config
from workers.log.configuration import plain_configuration


def loaded(folder: Path, toml: str = "", **environ: str) -> Config:
    (folder / "exhibit.toml").write_text(toml, encoding="utf-8")
    return load_config({"EXHIBIT_DATA": str(folder), **environ})


def test_without_any_setting_there_are_defaults_and_no_anchors(tmp_path: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(tmp_path / "absent")})
    assert config.data_dir == tmp_path / "absent"
    assert (config.web_host, config.web_port) == ("127.0.0.1", 8080)
    assert config.anchors == ()
    assert config.allowed_networks == ()
    assert config.database_url == config.redis_url == ""
    assert not config.debug


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    config = loaded(tmp_path, 'retention_days = 7\noperator_name = "Studio"', EXHIBIT_RETENTION_DAYS="9")
    assert (config.retention_days, config.operator_name) == (9, "Studio")


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert loaded(tmp_path, "workers = 5", EXHIBIT_WORKERS="").workers == 5


def test_database_and_redis_have_their_usual_names(tmp_path: Path) -> None:
    config = loaded(tmp_path, DATABASE_URL="postgresql://u:p@db/x", REDIS_URL="redis://cache/0")
    assert (config.database_url, config.redis_url) == ("postgresql://u:p@db/x", "redis://cache/0")


def test_lists_stand_in_the_environment_with_commas(tmp_path: Path) -> None:
    config = loaded(
        tmp_path, EXHIBIT_ALLOWED_NETWORKS="127.0.0.0/8, ::1/128", EXHIBIT_ALLOWED_HOSTS="a.example,b.example"
    )
    assert config.allowed_networks == ("127.0.0.0/8", "::1/128")
    assert config.allowed_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://x"),
        ("REDIS_URL", "http://x"),
        ("EXHIBIT_WEB_PORT", "70000"),
        ("EXHIBIT_WEB_PORT", "eighty"),
        ("EXHIBIT_WORKERS", "0"),
        ("EXHIBIT_WORKERS", "2.5"),
        ("EXHIBIT_CONTACT", "me"),
        ("EXHIBIT_ALLOWED_NETWORKS", "10.0.0.1/8"),
        ("EXHIBIT_ALLOWED_NETWORKS", "everything"),
        ("EXHIBIT_LANGUAGES", "en,fr"),
        ("EXHIBIT_TIME_ZONE", "Mars/Olympus"),
        ("EXHIBIT_TIME_ZONE", "../../etc/passwd"),
        ("EXHIBIT_DEBUG", "maybe"),
        ("EXHIBIT_MAIL_URL", "http://mail.example"),
        ("EXHIBIT_MAIL_URL", "smtp://"),
        ("EXHIBIT_MAIL_URL", "smtp://mail.example:many"),
        ("EXHIBIT_MAIL_URL", "smtp://ann:secret@mail.example"),
        ("EXHIBIT_MAIL_FROM", "us"),
        ("EXHIBIT_MAIL_FROM", "a@example.org, b@example.org"),
        ("EXHIBIT_PUBLIC_URL", "ftp://x"),
        ("EXHIBIT_OPERATOR_NAME", "two\nlines"),
        ("EXHIBIT_LOG_ORIGIN", "Our Log"),
        ("EXHIBIT_LOG_ORIGIN", "example.org/log+1"),
        ("EXHIBIT_LOG_ORIGIN", "example.org/\x7f"),
        ("EXHIBIT_OWNER_QUOTA_BYTES", str(2**53)),
    ],
)
def test_a_wrong_value_stops_with_the_name_of_its_setting(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        loaded(tmp_path, **{name: value})
    assert caught.value.exit_code is ExitCode.WRONG_USE


@pytest.mark.parametrize(
    "toml", ["web_port = true", 'debug = "perhaps"', "workers = 1.0", "languages = 3", "contact = 5"]
)
def test_a_value_of_a_wrong_type_in_the_file_stops_with_the_name_of_its_setting(tmp_path: Path, toml: str) -> None:
    with pytest.raises(ConfigError, match=rf"{toml.split(maxsplit=1)[0]} in .*exhibit\.toml"):
        loaded(tmp_path, toml)


def test_the_largest_numbers_that_are_accepted_can_be_logged(tmp_path: Path) -> None:
    config = loaded(tmp_path, EXHIBIT_OWNER_QUOTA_BYTES=str(2**53 - 1))
    assert b"9007199254740991" in canonical(plain_configuration(config))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://u:hunter2@db/x"),
        ("DATABASE_URL", "postgresql://u:hunter2@db/x\ny"),
        ("EXHIBIT_MAIL_URL", "smtps://u:hunter2@:25"),
        ("EXHIBIT_MAIL_URL", "smtps://u:hunter2@mail.example:many"),
        ("EXHIBIT_PUBLIC_URL", "https://u:hunter2@site.example:many"),
        ("EXHIBIT_METRICS_TOKEN", "hunter2"),
        ("EXHIBIT_METRICS_TOKEN", "hunter2hunter2hunter2\nhunter2"),
    ],
)
def test_a_secret_in_a_wrong_value_is_not_repeated(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        loaded(tmp_path, **{name: value})
    assert "hunter2" not in str(caught.value)


def test_an_unknown_name_stops_with_the_name_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"EXHIBIT_WORKER isn't a setting\. Did you mean EXHIBIT_WORKERS\?"):
        loaded(tmp_path, EXHIBIT_WORKER="3")
    with pytest.raises(ConfigError, match=r"retention in .*Did you mean retention_days\?"):
        loaded(tmp_path, "retention = 3")
    with pytest.raises(ConfigError, match="data_dir"):
        loaded(tmp_path, 'data_dir = "/elsewhere"')


def test_a_file_that_is_not_toml_stops_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"exhibit\.toml can't be read.*line 1"):
        loaded(tmp_path, "workers: 2")


ANCHORS = """
[[anchors]]
kind = "rfc3161"
name = "local-tsa"
urls = "http://127.0.0.1:9/tsr"
roots = "roots.pem"
development = true

[[anchors]]
kind = "opentimestamps"
name = "bitcoin"
urls = ["https://a.example", "https://b.example/"]
bitcoin_source = "http://127.0.0.1:8332"
"""


def test_anchors_are_tables_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("-")
    assert loaded(tmp_path, ANCHORS).anchors == (
        Rfc3161Config(
            kind="rfc3161",
            name="local-tsa",
            urls=("http://127.0.0.1:9/tsr",),
            roots=tmp_path / "roots.pem",
            development=True,
        ),
        OpenTimestampsConfig(
            kind="opentimestamps",
            name="bitcoin",
            urls=("https://a.example", "https://b.example"),
            bitcoin_source="http://127.0.0.1:8332",
        ),
    )


@pytest.mark.parametrize("day", ["2026-11-01", '"2026-11-01"', "2026-11-01T10:00:00", "2026-11-01 10:00:00Z"])
def test_the_day_of_the_operators_list_is_a_day_however_it_is_written(tmp_path: Path, day: str) -> None:
    (tmp_path / "roots.pem").write_text("-")
    [stamping, _] = loaded(tmp_path, ANCHORS.replace("development = true", f"qualified = {day}")).anchors
    assert isinstance(stamping, Rfc3161Config)
    assert stamping.qualified == "2026-11-01"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"rfc3161"', '"notary"', "notary"),
        ('"bitcoin"', '"local-tsa"', "same name"),
        ('"bitcoin"', '"Bit coin"', "Bit coin"),
        ('roots = "roots.pem"', "", "roots.*missing"),
        ('roots = "roots.pem"', 'roots = "absent.pem"', r"absent\.pem"),
        ('urls = ["https://a.example", "https://b.example/"]', "", "urls is missing"),
        ("127.0.0.1:8332", "127.0.0.1:83321", r"'127\.0\.0\.1:83321' names a port that can't be"),
        ("127.0.0.1:9/tsr", "127.0.0.1:nine/tsr", "names a port that can't be"),
        ("development", "trial", "trial"),
        ("https://b.example/", "file:///etc/passwd", "http"),
        ("development = true", "development = true\nbitcoin_source = 'http://x'", "bitcoin_source.*rfc3161"),
        ("development = true", "development = true\nqualified = 2026-11-01", "for trials isn't qualified"),
        ("development = true", "qualified = 'lately'", "lately"),
        ('urls = "http', 'urls = "http://a.example,http', "more than one"),
        ('bitcoin_source = "http', 'bitcoin_explorer = "https://c.example"\nbitcoin_source = "http', "exclude"),
        ('bitcoin_source = "http://127.0.0.1:8332"', 'bitcoin_credentials = "cookie"', "is for a bitcoin_source"),
        ('bitcoin_source = "http', 'networks = ["10.0.0.1/8"]\nbitcoin_source = "http', "bitcoin.*host bits"),
    ],
)
def test_a_wrong_anchor_stops_with_what_is_wrong(tmp_path: Path, before: str, after: str, said: str) -> None:
    (tmp_path / "roots.pem").write_text("-")
    with pytest.raises(ConfigError, match=rf"anchors.*{said}"):
        loaded(tmp_path, ANCHORS.replace(before, after))


CHAIN = """
[[anchors]]
kind = "evm"
name = "chain"
urls = "http://10.1.7.20:8545"
chain_id = 20261
contract = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
key_file = "secrets/chain.json"
password_file = "secrets/password"
gas_price = 0
"""


def test_a_chain_is_configured_with_files_that_lie_in_the_data_folder(tmp_path: Path) -> None:
    [chain] = loaded(tmp_path, CHAIN).anchors
    assert isinstance(chain, EvmConfig)
    assert chain.contract.hex() == "5fbdb2315678afecb367f032d93f642f64180aa3"
    assert (chain.chain_id, chain.confirmations, chain.gas_price) == (20261, 64, 0)
    assert chain.files == {
        "key_file": tmp_path / "secrets" / "chain.json",
        "password_file": tmp_path / "secrets" / "password",
    }


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("chain_id = 20261", "", "chain_id is missing"),
        ('key_file = "secrets/chain.json"', "", "one of key_file and key_variable"),
        ("chain_id", 'key_variable = "KEY"\nchain_id', "one of key_file and key_variable"),
        ('key_file = "secrets/chain.json"', 'key_variable = "KEY"', "password_file is for a key_file"),
        ("0x5FbD", "5FbD", "40 hexadecimal digits"),
        ("gas_price = 0", "gas_price = -1", "-1 isn't between"),
        ("gas_price = 0", "gas_price = 0\nmax_gas_price = 9", "gas_price and max_gas_price exclude each other"),
        ("gas_price = 0", "confirmations = 0", "0 isn't between"),
        ("gas_price = 0", 'roots = "roots.pem"', "roots isn't a setting of an anchor of the kind evm"),
    ],
)
def test_a_chain_that_cannot_be_used_stops_with_what_is_wrong(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=rf"anchors.*chain: .*{said}"):
        loaded(tmp_path, CHAIN.replace(before, after))


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    assert len(secrets.master_key(config)) == 32
    assert len(secrets.secret_key(config)) == 64
    assert secrets.master_key(config) == secrets.master_key(config)
    assert secrets.master_key(config).hex() != secrets.secret_key(config)
    folder = tmp_path / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert {path.name for path in folder.iterdir()} == {"master_key", "secret_key"}


def test_starts_at_the_same_moment_agree_on_the_secret(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: secrets.master_key(config), range(64)))) == 1


def test_a_damaged_secret_stops_and_is_not_replaced(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    secrets.master_key(config)
    path = tmp_path / "secrets" / "master_key"
    path.write_text("abc")
    with pytest.raises(ConfigError, match="damaged"):
        secrets.master_key(config)
    assert path.read_text() == "abc"


def test_the_data_folder_of_an_ordinary_user_lies_in_the_home(tmp_path: Path) -> None:
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
