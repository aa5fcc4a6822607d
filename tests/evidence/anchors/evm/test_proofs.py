"""Receipts of EVM chains: what isn't of this digest, this transaction and this block doesn't pass."""

import dataclasses
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from evidence.anchors.evm.proofs import EvmProof, verify_proof
from evidence.formats.errors import PendingProofError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.ports import Receipt
from tests.assets.evm_ledger import DIGEST, Ledger


def test_a_pending_receipt_says_so_and_another_digest_fails(running: Ledger, kept: Receipt) -> None:
    receipt = running.anchor().submit(DIGEST)
    with pytest.raises(PendingProofError):
        verify_proof(receipt.proof, DIGEST)
    other = Digest.of(b"other")
    for proof in (receipt.proof, kept.proof):
        with pytest.raises(IntegrityError, match="another digest"):
            verify_proof(proof, other)
    with pytest.raises(IntegrityError, match="another digest"):
        running.anchor().upgrade(other, receipt)
    alien = dataclasses.replace(kept, proof=dataclasses.replace(json_of(kept), chain=1).to_json())
    with pytest.raises(IntegrityError, match="of the chain 1"):
        running.anchor().verify(DIGEST, alien)


def json_of(receipt: Receipt) -> EvmProof:
    plain = json.loads(receipt.proof)
    nodes = tuple(bytes.fromhex(node) for node in plain["nodes"])
    return EvmProof(plain["chain"], DIGEST, bytes.fromhex(plain["header"]), plain["transaction"], plain["log"], nodes)


def test_a_log_of_another_transaction_or_of_another_digest_does_not_count(kept: Receipt) -> None:
    proof = json_of(kept)
    for changed in (
        dataclasses.replace(proof, transaction=0),
        dataclasses.replace(proof, log=1),
        dataclasses.replace(proof, log=-1),
        dataclasses.replace(proof, transaction=-1),
        dataclasses.replace(proof, chain=-1),
        dataclasses.replace(proof, nodes=()),
    ):
        with pytest.raises(IntegrityError):
            verify_proof(changed.to_json(), DIGEST)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_a_flipped_bit_never_gives_the_same_block_with_other_contents(kept: Receipt, data: st.DataObject) -> None:
    chain, header = (range(*one.span(1)) for one in re.finditer(rb'"(?:chain|header)":"?(\w+)', kept.proof))
    place = data.draw(st.sampled_from(header) | st.integers(0, len(kept.proof) - 1))
    changed = bytearray(kept.proof)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    good = verify_proof(kept.proof, DIGEST)
    try:
        found = verify_proof(bytes(changed), DIGEST)
    except IntegrityError as error:
        assert error.message.endswith(".")  # noqa: PT017 - what isn't refused is looked at below
    else:  # a header that says something else has another hash, which nobody has pinned
        assert place in header or place in chain
        assert (found.hash != good.hash) == (place in header)
        assert place in header or found == dataclasses.replace(good, chain=found.chain)
