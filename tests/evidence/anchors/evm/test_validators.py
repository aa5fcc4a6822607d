"""Blocks of a consortium's chain count when enough of the pinned validators have sealed them."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from eth_keys import keys as eth_keys

from evidence.anchors.evm.account import ORDER
from evidence.anchors.evm.kind import EvmConfig, vouch
from evidence.anchors.evm.validators import signer
from evidence.formats.codec import FormatError
from evidence.verdict.trust import Trust
from evidence.verify.verifier import Verifier
from tests.assets.sealed_blocks import ADDRESSES, KEYS, STATES, ledger, with_ledger
from tests.assets.stamp_kinds import bundle_of
from tests.assets.tampering import packed


def test_a_signer_is_who_another_library_says() -> None:
    for number in range(24):
        digest = hashlib.sha256(bytes([number])).digest()
        key = KEYS[number % len(KEYS)]
        seal = key.sign_msg_hash(digest).to_bytes()
        assert signer(digest, seal) == key.public_key.to_canonical_address()
        other = seal[:64] + bytes([1 - seal[64]])
        assert (
            signer(digest, other)
            == eth_keys.Signature(other).recover_public_key_from_msg_hash(digest).to_canonical_address()
        )
    for wrong in (seal[:64], bytes(65), b"\xff" * 65, seal[:64] + b"\x02", ORDER.to_bytes(32, "big") + seal[32:]):
        assert signer(digest, wrong) is None


@pytest.mark.parametrize("what", STATES)
def test_enough_seals_of_pinned_validators_make_a_block_count(what: str, tmp_path: Path) -> None:
    kind, pinned, state = STATES[what]
    files, trust = bundle_of([kind])
    path = packed(tmp_path / "bundle.zip", files)
    [check] = [each for each in Verifier(with_ledger(trust, pinned)).verify(path).checks if each.name == kind.check]
    assert str(check.state) == state, check.sentence
    if state == "passed":
        count = len(ADDRESSES) if what.startswith("all") else 3
        assert f", sealed by {count} of 4 pinned validators, holds a log of the manifest." in check.sentence
        assert (check.by, check.development) == ("Consortium", "A trial.")
    if what == "two":
        assert "It is sealed by 2 of 4 pinned validators, 3 needed." in check.sentence


def test_a_list_asks_for_two_thirds_of_different_validators() -> None:
    trust = with_ledger(bundle_of([])[1], ledger())
    assert Trust.from_json(trust.to_json()).ledgers[-1].validators == ADDRESSES
    for wrong, words in (
        (ledger(quorum=2), "two thirds of 4"),
        (ledger(quorum=5), "two thirds of 4"),
        (ledger(quorum=0), "two thirds of 4"),
        (ledger(validators=[*ADDRESSES[:2], ADDRESSES[0]]), "different addresses"),
        (ledger(validators=[b"a" * 19], quorum=1), "20 bytes"),
        (ledger(validators=(), quorum=1), "two thirds of 0"),
    ):
        with pytest.raises(FormatError, match=words):
            Trust.from_json(replace(trust, ledgers=(wrong,)).to_json())


def test_an_installation_vouches_for_the_validators_of_its_settings() -> None:
    given = EvmConfig(
        kind="evm", name="consortium", urls=("https://a.example",), chain_id=7, key_variable="NO_SUCH_KEY",
        validators=ADDRESSES, quorum=3,
    )  # fmt: skip
    assert not any(given.faults.values())
    [told] = vouch([given], [], "our word", "for trials")
    assert (told.chain, told.blocks, told.validators, told.quorum) == (7, (), ADDRESSES, 3)
    [fault] = [said for said, is_so in replace(given, quorum=2).faults.items() if is_so]
    assert "two thirds of 4" in fault
