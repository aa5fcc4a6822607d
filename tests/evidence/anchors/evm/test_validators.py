"""Test that blocks of a consortium chain count if enough pinned validators have sealed them."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_hash.auto import keccak
from eth_keys.constants import SECPK1_N

from evidence.anchors.evm.kind import EvmConfig, build_pins
from evidence.anchors.evm.proofs import recover_signer
from evidence.formats.codec import FormatError
from evidence.verdict.trust import Trust
from evidence.verify.verifier import Verifier
from tests.assets.sealed_blocks import ADDRESSES, STATES, add_ledger, ledger
from tests.assets.tampering import write_zip
from tests.assets.timestamp_kinds import bundle_of


@pytest.mark.long
def test_recovered_signer_matches_independent_library() -> None:
    for number in range(1, 25):
        digest = hashlib.sha256(bytes([number])).digest()
        key = ec.derive_private_key(int.from_bytes(hashlib.sha256(digest).digest(), "big"), ec.SECP256K1())
        public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(SHA256()))))
        seal = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        signers = [recover_signer(digest, seal + bytes([parity])) for parity in (0, 1)]
        assert signers.count(keccak(public[1:])[12:]) == 1
        assert signers[0] != signers[1]
    off_the_curve = (5).to_bytes(32, "big") + seal[32:] + b"\0"
    order = SECPK1_N.to_bytes(32, "big")
    beyond = (order + seal[32:] + b"\0", seal[:32] + order + b"\0", b"\xff" * 65)
    zero = (bytes(65), bytes(32) + seal[32:] + b"\0", seal[:32] + bytes(33))
    for wrong in (b"", seal, seal + b"\x02", seal + b"\0\0", off_the_curve, *beyond, *zero):
        assert recover_signer(digest, wrong) is None


@pytest.mark.parametrize("what", STATES)
def test_block_is_accepted_with_enough_seals_of_pinned_validators(what: str, tmp_path: Path) -> None:
    kind, pinned, state = STATES[what]
    files, trust = bundle_of([kind])
    path = write_zip(tmp_path / "bundle.zip", files)
    [check] = [each for each in Verifier(add_ledger(trust, pinned)).verify(path).checks if each.name == kind.check]
    assert str(check.state) == state, check.sentence
    if state == "passed":
        count = len(ADDRESSES) if what.startswith("all") else 3
        assert f" {count} of the 4 validators " in check.sentence
        assert (check.by, check.development) == ("Consortium", "A trial.")
    if what == "two":
        assert "2 of the 4 validators on the trust list; 3 are required" in check.sentence


def test_validator_list_requires_a_quorum_of_two_thirds_without_duplicates() -> None:
    trust = add_ledger(bundle_of([])[1], ledger())
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


def test_configured_validators_are_pinned_in_the_trust_list() -> None:
    config = EvmConfig(
        kind="evm", name="consortium", urls=("https://a.example",), chain_id=7, key_variable="NO_SUCH_KEY",
        validators=ADDRESSES, quorum=3,
    )  # fmt: skip
    assert not any(config.faults.values())
    [chain] = build_pins([config], [], "our word", "for testing")
    assert (chain.chain, chain.blocks, chain.validators, chain.quorum) == (7, (), ADDRESSES, 3)
    [fault] = [message for message, is_so in replace(config, quorum=2).faults.items() if is_so]
    assert "two thirds of 4" in fault
