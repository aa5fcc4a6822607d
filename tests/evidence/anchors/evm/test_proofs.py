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
from evidence.anchors.evm.proofs import MAX_PROOF, EvmProof, check_path, decode, prove, verify_proof
from evidence.formats.errors import PendingProofError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, NotFoundError
from exhibit.ports import Receipt
from tests.assets.evm_ledger import DIGEST, Ledger


def test_a_pending_receipt_says_so_and_another_digest_fails(running: Ledger, evm_receipt: Receipt) -> None:
    receipt = running.anchor().submit(DIGEST)
    with pytest.raises(PendingProofError):
        verify_proof(receipt.proof, DIGEST)
    other = Digest.of(b"other")
    for proof in (receipt.proof, evm_receipt.proof):
        with pytest.raises(IntegrityError, match="digest"):
            verify_proof(proof, other)
    with pytest.raises(IntegrityError, match="digest"):
        running.anchor().upgrade(other, receipt)
    alien = dataclasses.replace(evm_receipt, proof=dataclasses.replace(json_of(evm_receipt), chain=1).to_json())
    with pytest.raises(IntegrityError, match="of the chain 1"):
        running.anchor().verify(DIGEST, alien)


def json_of(receipt: Receipt) -> EvmProof:
    plain = json.loads(receipt.proof)
    nodes = tuple(bytes.fromhex(node) for node in plain["nodes"])
    return EvmProof(plain["chain"], DIGEST, bytes.fromhex(plain["header"]), plain["transaction"], plain["log"], nodes)


def test_a_log_of_another_transaction_or_of_another_digest_does_not_count(evm_receipt: Receipt) -> None:
    proof = json_of(evm_receipt)
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
def test_a_flipped_bit_never_gives_the_same_block_with_other_contents(
    evm_receipt: Receipt, data: st.DataObject
) -> None:
    chain, header = (range(*match.span(1)) for match in re.finditer(rb'"(?:chain|header)":"?(\w+)', evm_receipt.proof))
    place = data.draw(st.sampled_from(header) | st.integers(0, len(evm_receipt.proof) - 1))
    changed = bytearray(evm_receipt.proof)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    good = verify_proof(evm_receipt.proof, DIGEST)
    try:
        result = verify_proof(bytes(changed), DIGEST)
    except IntegrityError as error:
        assert error.message.endswith(".")  # noqa: PT017 - what isn't refused is looked at below
    else:  # a header with other contents has another hash, which is not pinned
        assert place in header or place in chain
        assert (result.hash != good.hash) == (place in header)
        assert place in header or result == dataclasses.replace(good, chain=result.chain)


def test_without_the_libraries_it_is_said_what_to_install(
    evm_receipt: Receipt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "evidence.anchors.evm.proofs")
    monkeypatch.setitem(sys.modules, "trie", None)
    with pytest.raises(NotFoundError, match=r"rlp, trie, eth-keys"):
        verify(DIGEST, evm_receipt.proof, {}, (), "checkpoint")


@given(st.binary(max_size=80))
def test_bytes_that_are_no_rlp_are_refused_and_all_others_have_one_form(data: bytes) -> None:
    with contextlib.suppress(IntegrityError):
        assert rlp.encode(decode(data)) == data


@pytest.mark.parametrize("data", ["", "8100", "b800", "b90001ff", "c2", "c181", "f80101", "80ff", "bf" + "ff" * 8])
def test_rlp_that_is_not_in_its_one_form_is_refused(data: str) -> None:
    with pytest.raises(IntegrityError):
        decode(bytes.fromhex(data))


@pytest.mark.parametrize("depth", [17, 800, MAX_PROOF // 2 // 4])
def test_rlp_that_is_nested_without_end_is_refused(depth: int) -> None:
    data = b"\xc0"
    for _ in range(depth - 1):
        data = rlp.codec.length_prefix(len(data), 0xC0) + data
    with pytest.raises(IntegrityError, match="too deeply"):
        decode(data)


def test_a_trie_has_the_root_that_ethereums_own_tests_name() -> None:
    pairs = {b"doe": b"reindeer", b"dog": b"puppy", b"dogglesworth": b"cat"}
    root, nodes = prove(pairs, b"dog")
    assert root.hex() == "8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3"
    assert check_path(root, b"dog", nodes) == b"puppy"


PAIRS = st.dictionaries(st.binary(min_size=1, max_size=4), st.binary(min_size=1, max_size=90), min_size=1, max_size=40)


@settings(deadline=None)
@given(pairs=PAIRS, data=st.data())
def test_a_changed_path_never_gives_another_value(pairs: dict[bytes, bytes], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(pairs)))
    root, nodes = prove(pairs, key)
    assert check_path(root, key, nodes) == pairs[key]
    place = data.draw(st.integers(0, len(nodes) - 1))
    changed = bytearray(nodes[place])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(IntegrityError):
        check_path(root, key, [*nodes[:place], bytes(changed), *nodes[place + 1 :]])
    for wrong in ([*nodes, nodes[-1]], nodes[1:], [], [*nodes, rlp.encode([b"\x20", b"v" * 40])]):
        with pytest.raises(IntegrityError):
            check_path(root, key, wrong)
    if len(nodes) > 1:
        with pytest.raises(IntegrityError):
            check_path(root, key, nodes[::-1])


@settings(deadline=None)
@given(pairs=PAIRS, data=st.data())
def test_a_key_that_is_not_there_is_not_proven(pairs: dict[bytes, bytes], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(pairs)))
    absent = data.draw(st.binary(min_size=1, max_size=5).filter(lambda each: each not in pairs))
    root, nodes = prove(pairs, key)
    with pytest.raises(IntegrityError):
        check_path(root, absent, nodes)


LEAVES = st.sampled_from([b"", b"\0", b"\x20", b"\x16", b"\x3a\xbc", b"\0\x12", b"v" * 32, b"v" * 40])
NODES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.lists(inner, min_size=17, max_size=17))


ABOVE: dict[str, Callable[[Any], list[Any]]] = {
    "a branch": lambda below: [below if place == 8 else b"" for place in range(17)],
    "an extension": lambda below: [b"\x18", below],
    "an extension longer than the key": lambda below: [b"\0\x80\x80", below],
    "an extension that leads nowhere": lambda below: [b"\0", below],
}


@pytest.mark.long
@settings(deadline=None)
@given(st.lists(NODES, min_size=1, max_size=4), st.sampled_from([b"\x80", b"\x01", b"\x81\x80", b""]))
@pytest.mark.parametrize("above", ABOVE)
def test_nodes_that_make_no_trie_raise_nothing_but_a_refusal(above: str, made: list[Any], key: bytes) -> None:
    below = made[0]
    nodes: list[bytes] = []
    for _ in made:
        encoded = rlp.encode(below)
        nodes.insert(0, encoded)
        below = ABOVE[above](keccak(encoded) if len(encoded) >= 32 else below)
    nodes.insert(0, rlp.encode(below))
    for given_nodes in (nodes, [node for node in nodes if len(node) >= 32], [nodes[0]]):
        with contextlib.suppress(IntegrityError):
            assert check_path(keccak(nodes[0]), key, given_nodes)
