"""Test that EVM receipts fail for another digest, transaction or block."""

import contextlib
import dataclasses
import json
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
import rlp
from eth_hash.auto import keccak
from hypothesis import HealthCheck, given, settings, strategies as st

from evidence.anchors.evm.kind import verify
from evidence.anchors.evm.proofs import (
    MAX_PROOF_BYTES,
    EvmProof,
    build_trie_proof,
    decode,
    verify_proof,
    verify_trie_proof,
)
from evidence.formats.errors import PendingProofError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, NotFoundError
from exhibit.ports import Receipt
from tests.assets.evm_ledger import DIGEST, Ledger


def test_pending_receipt_raises_and_wrong_digest_fails(local_ledger: Ledger, evm_receipt: Receipt) -> None:
    receipt = local_ledger.anchor().submit(DIGEST)
    with pytest.raises(PendingProofError):
        verify_proof(receipt.proof, DIGEST)
    other = Digest.from_bytes(b"other")
    for proof in (receipt.proof, evm_receipt.proof):
        with pytest.raises(IntegrityError, match="digest"):
            verify_proof(proof, other)
    with pytest.raises(IntegrityError, match="digest"):
        local_ledger.anchor().upgrade(other, receipt)
    alien = dataclasses.replace(evm_receipt, proof=dataclasses.replace(parse_proof(evm_receipt), chain=1).to_json())
    with pytest.raises(IntegrityError, match="from the chain 1,"):
        local_ledger.anchor().verify(DIGEST, alien)


def parse_proof(receipt: Receipt) -> EvmProof:
    plain = json.loads(receipt.proof)
    nodes = tuple(bytes.fromhex(node) for node in plain["nodes"])
    return EvmProof(plain["chain"], DIGEST, bytes.fromhex(plain["header"]), plain["transaction"], plain["log"], nodes)


def test_event_log_of_other_transaction_or_digest_fails(evm_receipt: Receipt) -> None:
    proof = parse_proof(evm_receipt)
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
def test_flipped_bit_never_changes_block_contents(evm_receipt: Receipt, data: st.DataObject) -> None:
    chain, header = (range(*match.span(1)) for match in re.finditer(rb'"(?:chain|header)":"?(\w+)', evm_receipt.proof))
    place = data.draw(st.sampled_from(header) | st.integers(0, len(evm_receipt.proof) - 1))
    changed = bytearray(evm_receipt.proof)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    good = verify_proof(evm_receipt.proof, DIGEST)
    try:
        result = verify_proof(bytes(changed), DIGEST)
    except IntegrityError as error:
        assert error.message.endswith(".")  # noqa: PT017 - accepted headers are checked below
    else:  # a header with other contents has another hash, which is not pinned
        assert place in header or place in chain
        assert (result.hash != good.hash) == (place in header)
        assert place in header or result == dataclasses.replace(good, chain=result.chain)


def test_missing_libraries_error_lists_packages(evm_receipt: Receipt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "evidence.anchors.evm.proofs")
    monkeypatch.setitem(sys.modules, "trie", None)
    with pytest.raises(NotFoundError, match=r"rlp, trie, eth-keys"):
        verify(DIGEST, evm_receipt.proof, {}, (), "checkpoint")


@given(st.binary(max_size=80))
def test_rlp_decoding_is_canonical(data: bytes) -> None:
    with contextlib.suppress(IntegrityError):
        assert rlp.encode(decode(data)) == data


@pytest.mark.parametrize("data", ["", "8100", "b800", "b90001ff", "c2", "c181", "f80101", "80ff", "bf" + "ff" * 8])
def test_non_canonical_rlp_is_rejected(data: str) -> None:
    with pytest.raises(IntegrityError):
        decode(bytes.fromhex(data))


@pytest.mark.parametrize("depth", [17, 800, MAX_PROOF_BYTES // 2 // 4])
def test_deeply_nested_rlp_is_rejected(depth: int) -> None:
    data = b"\xc0"
    for _ in range(depth - 1):
        data = rlp.codec.length_prefix(len(data), 0xC0) + data
    with pytest.raises(IntegrityError, match="too deeply"):
        decode(data)


def test_trie_root_matches_ethereum_test_vector() -> None:
    pairs = {b"doe": b"reindeer", b"dog": b"puppy", b"dogglesworth": b"cat"}
    root, nodes = build_trie_proof(pairs, b"dog")
    assert root.hex() == "8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3"
    assert verify_trie_proof(root, b"dog", nodes) == b"puppy"


PAIRS = st.dictionaries(st.binary(min_size=1, max_size=4), st.binary(min_size=1, max_size=90), min_size=1, max_size=40)


@settings(deadline=None)
@given(pairs=PAIRS, data=st.data())
def test_changed_path_is_rejected(pairs: dict[bytes, bytes], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(pairs)))
    root, nodes = build_trie_proof(pairs, key)
    assert verify_trie_proof(root, key, nodes) == pairs[key]
    place = data.draw(st.integers(0, len(nodes) - 1))
    changed = bytearray(nodes[place])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(IntegrityError):
        verify_trie_proof(root, key, [*nodes[:place], bytes(changed), *nodes[place + 1 :]])
    for wrong in ([*nodes, nodes[-1]], nodes[1:], [], [*nodes, rlp.encode([b"\x20", b"v" * 40])]):
        with pytest.raises(IntegrityError):
            verify_trie_proof(root, key, wrong)
    if len(nodes) > 1:
        with pytest.raises(IntegrityError):
            verify_trie_proof(root, key, nodes[::-1])


@settings(deadline=None)
@given(pairs=PAIRS, data=st.data())
def test_absent_key_is_not_proven(pairs: dict[bytes, bytes], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(pairs)))
    absent = data.draw(st.binary(min_size=1, max_size=5).filter(lambda each: each not in pairs))
    root, nodes = build_trie_proof(pairs, key)
    with pytest.raises(IntegrityError):
        verify_trie_proof(root, absent, nodes)


LEAVES = st.sampled_from([b"", b"\0", b"\x20", b"\x16", b"\x3a\xbc", b"\0\x12", b"v" * 32, b"v" * 40])
NODES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.lists(inner, min_size=17, max_size=17))


PARENTS: dict[str, Callable[[Any], list[Any]]] = {
    "a branch": lambda below: [below if place == 8 else b"" for place in range(17)],
    "an extension": lambda below: [b"\x18", below],
    "an extension longer than the key": lambda below: [b"\0\x80\x80", below],
    "an extension that leads nowhere": lambda below: [b"\0", below],
}


@pytest.mark.long
@settings(deadline=None)
@given(st.lists(NODES, min_size=1, max_size=4), st.sampled_from([b"\x80", b"\x01", b"\x81\x80", b""]))
@pytest.mark.parametrize("above", PARENTS)
def test_malformed_tries_raise_only_integrity_error(above: str, made: list[Any], key: bytes) -> None:
    below = made[0]
    nodes: list[bytes] = []
    for _ in made:
        encoded = rlp.encode(below)
        nodes.insert(0, encoded)
        below = PARENTS[above](keccak(encoded) if len(encoded) >= 32 else below)
    nodes.insert(0, rlp.encode(below))
    for given_nodes in (nodes, [node for node in nodes if len(node) >= 32], [nodes[0]]):
        with contextlib.suppress(IntegrityError):
            assert verify_trie_proof(keccak(nodes[0]), key, given_nodes)
