"""Test reading and verifying OpenTimestamps proofs without a server."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation
from opentimestamps.core.timestamp import Timestamp

from evidence.anchors.opentimestamps import proofs
from evidence.anchors.opentimestamps.proofs import check_work, extract_headers, parse_header
from evidence.development.chain import Chain
from evidence.formats.errors import PendingProofError, UntrustedIssuerError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.ports import Receipt
from tests.assets.ots import DIGEST

# Block 0 of the Bitcoin main chain.
GENESIS = bytes.fromhex(
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f61"
    "7fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"
)


def test_regtest_block_is_not_trusted_on_main_chain(complete_receipt: Receipt) -> None:
    with pytest.raises(UntrustedIssuerError, match="too little work"):
        proofs.verify_proof(complete_receipt.proof, DIGEST, extract_headers(complete_receipt.material), "main")


def test_missing_header_leaves_proof_pending(complete_receipt: Receipt) -> None:
    with pytest.raises(PendingProofError, match="block 1 is not available"):
        proofs.verify_proof(complete_receipt.proof, DIGEST, {2: bytes(80)}, "regtest")


def test_wrong_block_header_fails(complete_receipt: Receipt, chain: Chain) -> None:
    chain.mine_block()
    header = chain.blocks.get_header(1)
    assert header is not None
    with pytest.raises(IntegrityError, match="does not contain"):
        proofs.verify_proof(complete_receipt.proof, DIGEST, {1: header}, "regtest")


def test_proof_of_other_digest_fails(complete_receipt: Receipt) -> None:
    with pytest.raises(IntegrityError, match="different digest"):
        proofs.verify_proof(
            complete_receipt.proof, Digest.from_bytes(b""), extract_headers(complete_receipt.material), "regtest"
        )


@given(data=st.data())
def test_flipped_proof_bit_is_rejected(complete_receipt: Receipt, data: st.DataObject) -> None:
    changed = bytearray(complete_receipt.proof)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        block = proofs.verify_proof(bytes(changed), DIGEST, extract_headers(complete_receipt.material), "regtest")
        assert block == (1, complete_receipt.time)
    except IntegrityError as error:
        assert error.message.endswith(".")  # noqa: PT017 - the proof doesn't cover the calendar's URL


@given(data=st.data())
def test_flipped_bit_in_block_header_never_changes_the_time(complete_receipt: Receipt, data: st.DataObject) -> None:
    changed = bytearray(extract_headers(complete_receipt.material)[1])
    position = data.draw(st.integers(4, 79).filter(lambda each: not 36 <= each < 68))
    changed[position] ^= 1 << data.draw(st.integers(0, 7))
    header = parse_header(bytes(changed))
    if int.from_bytes(header.hash, "little") <= header.target:
        return  # half of all flips: the test chain requires no work
    with pytest.raises(IntegrityError, match="The block header has no valid proof of work: it was changed or invented"):
        proofs.verify_proof(complete_receipt.proof, DIGEST, {1: bytes(changed)}, "regtest")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(junk=st.binary(max_size=300))
def test_malformed_proof_is_rejected(junk: bytes) -> None:
    magic = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08"
    for data in (junk, magic + junk, magic + DIGEST.raw + junk, magic + DIGEST.raw + b"\xf2" + junk):
        with pytest.raises(IntegrityError):
            proofs.verify_proof(data, DIGEST, {}, "main")


def test_giant_number_is_rejected_quickly() -> None:
    magic = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08" + DIGEST.raw
    giant = Timestamp(DIGEST.raw)
    giant.attestations.add(BitcoinBlockHeaderAttestation(10**6000))
    with pytest.raises(IntegrityError, match="cannot be read"):
        proofs.verify_proof(proofs.write_proof(giant), DIGEST, {}, "main")
    with pytest.raises(IntegrityError, match="cannot be read"):
        proofs.read_timestamp(proofs.write_timestamp(giant), DIGEST.raw)
    began = time.monotonic()
    with pytest.raises(IntegrityError, match="cannot be read"):
        proofs.verify_proof(magic + b"\xf0" + b"\xff" * 200_000, DIGEST, {}, "main")
    assert time.monotonic() - began < 0.5


def test_genesis_block_is_parsed() -> None:
    header = parse_header(GENESIS)
    assert header.display_hash == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    assert header.merkle_root[::-1].hex() == "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
    assert header.time == datetime(2009, 1, 3, 18, 15, 5, tzinfo=UTC)
    assert header.target == 0xFFFF << 208
    check_work(header, "main", minimum_difficulty=1)


def test_genesis_difficulty_is_rejected_on_main_chain() -> None:
    with pytest.raises(UntrustedIssuerError, match="too little work"):
        check_work(parse_header(GENESIS), "main")
    check_work(parse_header(GENESIS), "regtest")


@pytest.mark.parametrize("bits", [0x1D00FFFE, 0x1DFFFFFF, 0xFF00FFFF, 0x00000000, 0x017FFFFF, 0x01800000])
def test_header_without_proof_of_work_is_rejected(bits: int) -> None:
    changed = GENESIS[:72] + bits.to_bytes(4, "little") + GENESIS[76:]
    with pytest.raises(IntegrityError, match="The block header has no valid proof of work: it was changed or invented"):
        check_work(parse_header(changed), "regtest")


@pytest.mark.parametrize("size", [0, 79, 81])
def test_header_has_eighty_bytes(size: int) -> None:
    with pytest.raises(IntegrityError, match="80 bytes"):
        parse_header(bytes(size))
