"""Proofs of OpenTimestamps, read and checked without any server."""

import time

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation
from opentimestamps.core.timestamp import Timestamp

from evidence.anchors.opentimestamps import proofs
from evidence.anchors.opentimestamps.headers import parse_header
from evidence.anchors.opentimestamps.proofs import headers_in
from evidence.development.chain import Chain
from evidence.formats.errors import PendingProofError, UnknownWitnessError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.ports import Receipt
from tests.assets.ots import DIGEST


def test_a_block_of_the_trial_chain_is_an_unknown_witness_on_the_main_chain(complete: Receipt) -> None:
    with pytest.raises(UnknownWitnessError, match="too easy"):
        proofs.verify_proof(complete.proof, DIGEST, headers_in(complete.material), "main")


def test_a_missing_header_leaves_the_proof_open(complete: Receipt) -> None:
    with pytest.raises(PendingProofError, match="block 1 isn't at hand"):
        proofs.verify_proof(complete.proof, DIGEST, {2: bytes(80)}, "regtest")


def test_another_blocks_header_fails(complete: Receipt, chain: Chain) -> None:
    chain.mine()
    header = chain.blocks.header(1)
    assert header is not None
    with pytest.raises(IntegrityError, match="doesn't hold what"):
        proofs.verify_proof(complete.proof, DIGEST, {1: header}, "regtest")


def test_another_digest_fails(complete: Receipt) -> None:
    with pytest.raises(IntegrityError, match="another digest"):
        proofs.verify_proof(complete.proof, Digest.of(b""), headers_in(complete.material), "regtest")


@given(data=st.data())
def test_a_flipped_bit_of_the_proof_never_goes_through(complete: Receipt, data: st.DataObject) -> None:
    changed = bytearray(complete.proof)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = proofs.verify_proof(bytes(changed), DIGEST, headers_in(complete.material), "regtest")
        assert found == (1, complete.time)
    except IntegrityError as error:
        assert error.message.endswith(".")  # noqa: PT017 - the calendar's address isn't part of what is proved


@given(data=st.data())
def test_a_flipped_bit_of_the_header_never_moves_the_time(complete: Receipt, data: st.DataObject) -> None:
    changed = bytearray(headers_in(complete.material)[1])
    position = data.draw(st.integers(4, 79).filter(lambda each: not 36 <= each < 68))
    changed[position] ^= 1 << data.draw(st.integers(0, 7))
    header = parse_header(bytes(changed))
    if int.from_bytes(header.hash, "little") <= header.target:
        return  # one in two: on the trial chain work is free
    with pytest.raises(IntegrityError, match="no proof of work"):
        proofs.verify_proof(complete.proof, DIGEST, {1: bytes(changed)}, "regtest")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(junk=st.binary(max_size=300))
def test_bytes_that_are_no_proof_are_refused_with_a_sentence(junk: bytes) -> None:
    magic = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08"
    for data in (junk, magic + junk, magic + DIGEST.raw + junk, magic + DIGEST.raw + b"\xf2" + junk):
        with pytest.raises(IntegrityError):
            proofs.verify_proof(data, DIGEST, {}, "main")


def test_a_number_of_any_length_is_refused_at_once() -> None:
    magic = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08" + DIGEST.raw
    giant = Timestamp(DIGEST.raw)
    giant.attestations.add(BitcoinBlockHeaderAttestation(10**6000))
    with pytest.raises(IntegrityError, match="can't be read"):
        proofs.verify_proof(proofs.write_proof(giant), DIGEST, {}, "main")
    with pytest.raises(IntegrityError, match="can't be read"):
        proofs.read_stamp(proofs.write_stamp(giant), DIGEST.raw)
    began = time.monotonic()
    with pytest.raises(IntegrityError, match="can't be read"):
        proofs.verify_proof(magic + b"\xf0" + b"\xff" * 200_000, DIGEST, {}, "main")
    assert time.monotonic() - began < 0.5
