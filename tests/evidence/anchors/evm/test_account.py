"""Test the account that pays for entries in a chain, its key, and the command that deploys the contract."""

import json
import stat
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from eth_keyfile import create_keyfile_json
from eth_utils import to_checksum_address

from evidence.anchors.evm.account import EvmAccount, load_account_file, load_account_from_environment
from exhibit.errors import ConfigError, ServiceMissingError
from exhibit.ports import ReceiptState
from registry.configuration import load_config
from registry.log.anchors import get_anchors
from registry.services.services import Services
from tests.assets.command_line import Terminal
from tests.assets.evm_chain import EvmChain, running_evm_chain
from tests.assets.evm_ledger import ACCOUNT, DIGEST, KEY, Ledger


def test_key_file_is_private_plaintext_or_encrypted(tmp_path: Path) -> None:
    plain, locked, word = tmp_path / "plain", tmp_path / "locked.json", tmp_path / "word"
    plain.write_text(f"0x{KEY.hex()}\n")
    plain.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_account_file(plain)
    plain.chmod(stat.S_IRUSR)
    locked.write_text(json.dumps(create_keyfile_json(KEY, b"open sesame", iterations=2)))
    word.write_text("open sesame\n")
    word.chmod(0o644)
    with pytest.raises(ConfigError, match=r"/word\b"):
        load_account_file(locked, word)
    word.chmod(0o600)
    assert load_account_file(plain).address == load_account_file(locked, word).address == ACCOUNT.address
    assert load_account_from_environment("KEY", {"KEY": KEY.hex()}).address == ACCOUNT.address
    word.write_text("guessed")
    for password in (None, word):
        with pytest.raises(ConfigError) as raised:
            load_account_file(locked, password)
        assert "guessed" not in str(raised.value)


def test_encrypted_key_errors_report_the_file(tmp_path: Path) -> None:
    locked, word = tmp_path / "locked.json", tmp_path / "word"
    keyfile = create_keyfile_json(KEY, b"open sesame", iterations=2)
    locked.write_text(json.dumps(keyfile))
    with pytest.raises(ConfigError, match=r"/word\b"):
        load_account_file(locked, word)
    word.write_bytes(b"\xff")
    word.chmod(0o600)
    with pytest.raises(ConfigError, match=r"/word\b"):
        load_account_file(locked, word)
    word.write_text("open sesame")
    wrong_keyfiles: tuple[dict[str, Any], ...] = (
        {},
        {"version": 1},
        keyfile | {"crypto": "none"},
        keyfile | {"crypto": {**keyfile["crypto"], "kdf": "md5"}},
    )
    prf = {**keyfile["crypto"]["kdfparams"], "prf": "sha256"}
    for other in (*wrong_keyfiles, keyfile | {"crypto": {**keyfile["crypto"], "kdfparams": prf}}):
        locked.write_text(json.dumps(other))
        with pytest.raises(ConfigError, match=r"locked\.json"):
            load_account_file(locked, word)


@pytest.mark.parametrize("text", ["no key", "00" * 32, "07" * 31, "ff" * 32, ""])
def test_invalid_key_is_rejected_without_echo(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    (tmp_path / "key").chmod(0o600)
    from_files = [partial(load_account_file, tmp_path / name) for name in ("key", "absent")]
    for call in (*from_files, partial(load_account_from_environment, "KEY", {"KEY": text})):
        with pytest.raises(ConfigError) as raised:
            call()
        assert not text or text not in str(raised.value)


def test_private_key_never_appears_in_account_text_or_proof(local_ledger: Ledger) -> None:
    assert repr(ACCOUNT) == f"EvmAccount({to_checksum_address(ACCOUNT.address)})"
    assert KEY.hex() not in repr(vars(ACCOUNT))
    assert KEY not in local_ledger.anchor().submit(DIGEST).proof


def test_missing_extra_allows_plain_keys_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked, word = tmp_path / "locked.json", tmp_path / "word"
    locked.write_text(json.dumps(create_keyfile_json(KEY, b"open sesame", iterations=2)))
    word.write_text("open sesame")
    word.chmod(0o600)
    monkeypatch.setitem(sys.modules, "eth_keyfile", None)
    assert EvmAccount(KEY).address == ACCOUNT.address
    with pytest.raises(ServiceMissingError, match="Encrypted keys") as raised:
        load_account_file(locked, word)
    assert "runtime evm" in str(raised.value.hint)
    assert not raised.value.retry


class EagerChain(EvmChain):
    """A chain that mines a block for each transaction at once."""

    def eth_sendRawTransaction(self, raw: str) -> str:  # noqa: N802 - the name of JSON-RPC
        transaction_hash = super().eth_sendRawTransaction(raw)
        self.mine_blocks()
        return transaction_hash


@pytest.mark.django_db
def test_command_deploys_contract_and_prints_settings(
    cli: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = EagerChain([ACCOUNT.address])
    (tmp_path / "key").write_text(KEY.hex())
    (tmp_path / "key").chmod(0o600)
    monkeypatch.setenv("EXHIBIT_DATA", str(tmp_path))
    with running_evm_chain(chain) as url:
        table = f'[[anchors]]\nkind = "evm"\nname = "ledger"\nurls = "{url}"\nchain_id = 1337\nkey_file = "key"\n'
        (tmp_path / "exhibit.toml").write_text(table)
        cli.desk.services.config = replace(cli.desk.services.config, anchors=load_config().anchors)
        response = cli.api("POST", "/operator/timestamp-services/ledger/contract")
        settings = f'contract = "{response["contract"]}"\nconfirmations = 1\ndevelopment = true\n'
        (tmp_path / "exhibit.toml").write_text(f"{table}{settings}")
        [anchor] = get_anchors(Services(load_config()))
        assert anchor.describe_status()
        receipt = anchor.submit(DIGEST)
        anchor.upgrade(DIGEST, receipt)
        assert anchor.upgrade(DIGEST, receipt).state is ReceiptState.COMPLETE
        again = cli.api("POST", "/operator/timestamp-services/ledger/contract", transaction=response["transaction"])
        assert again == response
    cli.api("POST", "/operator/timestamp-services/another/contract", code=2)
    assert KEY.hex() not in str(response)


def test_low_balance_is_reported(local_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "can pay for about" in local_ledger.anchor().describe_status()
    monkeypatch.setattr(local_ledger.chain, "eth_getBalance", lambda *_: hex(10**13))
    with pytest.raises(ServiceMissingError, match=r"\d more"):
        local_ledger.anchor().describe_status()
