"""Test the settings of EVM chains, and which pinned block a proof leads to."""

from dataclasses import replace
from pathlib import Path

import pytest

from evidence.anchors.evm.kind import EvmConfig, build, build_pins, verify
from evidence.formats.errors import UntrustedIssuerError
from exhibit.digests import Digest
from exhibit.errors import ConfigError
from exhibit.ports import Receipt
from tests.assets.evm_ledger import DIGEST, SESSION

CONFIG = EvmConfig(kind="evm", name="Chain", urls=("https://a.example",), chain_id=1, key_variable="NO_SUCH_KEY")


def test_invalid_settings_are_reported_and_key_is_read_lazily() -> None:
    assert not any(CONFIG.faults.values())
    wrong = replace(CONFIG, chain_id=0, key_file=Path("key"), gas_price=1, max_gas_price=2)
    faults = [message for message, is_so in wrong.faults.items() if is_so]
    settings = ("chain_id", "key_variable", "max_gas_price")
    assert [name in fault for name, fault in zip(settings, faults, strict=True)] == [True, True, True]
    anchor = build(CONFIG, SESSION)
    assert anchor.name == "Chain"
    with pytest.raises(ConfigError, match="NO_SUCH_KEY"):
        anchor.unlock()


@pytest.mark.long
def test_event_log_is_accepted_only_in_a_pinned_block(evm_receipt: Receipt) -> None:
    [ledger] = build_pins((), [(DIGEST, evm_receipt)], "vouched for", "for testing")
    attested = verify(DIGEST, evm_receipt.proof, {}, (ledger,), "checkpoint")
    assert (attested.time, attested.label) == (evm_receipt.time, "for testing")
    assert "checkpoint" in attested.sentence
    for ledgers in ((), (replace(ledger, chain=5),), (replace(ledger, blocks=(Digest.from_bytes(b"x"),)),)):
        with pytest.raises(UntrustedIssuerError, match="Compare the hash with a node"):
            verify(DIGEST, evm_receipt.proof, {}, ledgers, "checkpoint")
