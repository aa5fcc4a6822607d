from pathlib import Path

import pytest

from evidence.anchors.evm.kind import EvmConfig
from evidence.anchors.opentimestamps.kind import OpenTimestampsConfig
from evidence.anchors.rfc3161.kind import Rfc3161Config
from exhibit.errors import ConfigError
from tests.assets.settings_file import load_settings

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


def test_timestamp_services_are_read_from_tables_of_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("-")
    assert load_settings(tmp_path, ANCHORS).anchors == (
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
def test_operator_list_date_accepts_every_date_form(tmp_path: Path, day: str) -> None:
    (tmp_path / "roots.pem").write_text("-")
    [stamping, _] = load_settings(tmp_path, ANCHORS.replace("development = true", f"qualified = {day}")).anchors
    assert isinstance(stamping, Rfc3161Config)
    assert stamping.qualified == "2026-11-01"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"rfc3161"', '"notary"', "notary"),
        ('"bitcoin"', '"local-tsa"', "same name"),
        ('"bitcoin"', '"Bit coin"', "Bit coin"),
        ('roots = "roots.pem"', "", "roots.*missing"),
        ('roots = "roots.pem"', 'roots = "absent.pem"', r"absent\.pem"),
        ('urls = ["https://a.example", "https://b.example/"]', "", "urls is missing"),
        ("127.0.0.1:8332", "127.0.0.1:83321", r"'127\.0\.0\.1:83321' .*port"),
        ("127.0.0.1:9/tsr", "127.0.0.1:nine/tsr", "'127.0.0.1:nine' .*port"),
        ("development", "trial", "trial"),
        ("https://b.example/", "file:///etc/passwd", "http"),
        ("development = true", "development = true\nbitcoin_source = 'http://x'", "bitcoin_source.*rfc3161"),
        ("development = true", "development = true\nqualified = 2026-11-01", "local-tsa: .*cannot be qualified"),
        ("development = true", "qualified = 'lately'", "lately"),
        ('urls = "http', 'urls = "http://a.example,http', "more than one"),
        (
            'bitcoin_source = "http',
            'bitcoin_explorer = "https://c.example"\nbitcoin_source = "http',
            "only one of bitcoin_source and bitcoin_explorer",
        ),
        (
            'bitcoin_source = "http://127.0.0.1:8332"',
            'bitcoin_credentials = "cookie"',
            "bitcoin_credentials requires bitcoin_source",
        ),
        ('bitcoin_source = "http', 'networks = ["10.0.0.1/8"]\nbitcoin_source = "http', "bitcoin.*host bits"),
    ],
)
def test_invalid_timestamp_service_setting_is_reported_with_a_reason(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    (tmp_path / "roots.pem").write_text("-")
    with pytest.raises(ConfigError, match=rf"anchors.*{message}"):
        load_settings(tmp_path, ANCHORS.replace(before, after))


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


def test_blockchain_is_configured_with_files_in_data_folder(tmp_path: Path) -> None:
    [chain] = load_settings(tmp_path, CHAIN).anchors
    assert isinstance(chain, EvmConfig)
    assert chain.contract.hex() == "5fbdb2315678afecb367f032d93f642f64180aa3"
    assert (chain.chain_id, chain.confirmations, chain.gas_price) == (20261, 64, 0)
    assert chain.files == {
        "key_file": tmp_path / "secrets" / "chain.json",
        "password_file": tmp_path / "secrets" / "password",
    }


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("chain_id = 20261", "", "chain_id is missing"),
        ('key_file = "secrets/chain.json"', "", "either key_file or key_variable"),
        ("chain_id", 'key_variable = "KEY"\nchain_id', "either key_file or key_variable"),
        ('key_file = "secrets/chain.json"', 'key_variable = "KEY"', "password_file .*with key_file"),
        ("0x5FbD", "5FbD", "40 hexadecimal digits"),
        ("gas_price = 0", "gas_price = -1", "-1 is not between"),
        ("gas_price = 0", "gas_price = 0\nmax_gas_price = 9", "only one of gas_price and max_gas_price"),
        ("gas_price = 0", "confirmations = 0", "0 is not between"),
        ("gas_price = 0", 'roots = "roots.pem"', "roots is not a setting .*evm"),
    ],
)
def test_unusable_blockchain_settings_are_reported_with_a_reason(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=rf"anchors.*chain: .*{message}"):
        load_settings(tmp_path, CHAIN.replace(before, after))
