"""Keccak, RLP and Merkle-Patricia proofs against other people's code."""

import contextlib
import json

import pytest
import rlp as other_rlp
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from evidence.anchors.evm import node as evm_node
from evidence.anchors.evm import rlp
from evidence.anchors.evm.anchor import CONTRACT
from evidence.anchors.evm.keccak import keccak256
from evidence.anchors.evm.patricia import check_proof, prove
from exhibit.errors import IntegrityError

ITEMS = st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=20), max_leaves=40)
PAIRS = st.dictionaries(st.binary(min_size=1, max_size=4), st.binary(min_size=1, max_size=90), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("data", "known"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (b"Transfer(address,address,uint256)", "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"),
    ],
)
def test_keccak_is_the_hash_that_ethereum_uses(data: bytes, known: str) -> None:
    assert keccak256(data).hex() == known


@given(ITEMS)
def test_rlp_is_written_and_read_as_by_another_library(item: rlp.Item) -> None:
    assert rlp.encode(item) == other_rlp.encode(item)
    assert rlp.decode(rlp.encode(item)) == item


@given(st.binary(max_size=80))
def test_bytes_that_are_no_rlp_are_refused_and_all_others_have_one_form(data: bytes) -> None:
    with contextlib.suppress(IntegrityError):
        assert rlp.encode(rlp.decode(data)) == data


@pytest.mark.parametrize("data", ["", "8100", "b800", "b90001ff", "c2", "c181", "f80101", "80ff", "bf" + "ff" * 8])
def test_rlp_that_is_not_in_its_one_form_is_refused(data: str) -> None:
    with pytest.raises(IntegrityError):
        rlp.decode(bytes.fromhex(data))


def test_rlp_that_is_nested_without_end_is_refused() -> None:
    data = b""
    for _ in range(30):
        data = rlp.encode([data]) if not data else rlp._head(len(data), 0xC0) + data
    with pytest.raises(IntegrityError, match="too deeply"):
        rlp.decode(data)


@settings(deadline=None)
@given(pairs=PAIRS, data=st.data())
def test_a_proof_is_made_and_checked_as_by_another_library(pairs: dict[bytes, bytes], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(pairs)))
    other = HexaryTrie({})
    for each, value in pairs.items():
        other[each] = value
    root, nodes = prove(pairs, key)
    assert root == other.root_hash
    assert HexaryTrie.get_from_proof(root, key, [other_rlp.decode(node) for node in nodes]) == pairs[key]
    theirs = [other_rlp.encode(node) for node in other.get_proof(key)]
    ours = [node for place, node in enumerate(theirs) if place == 0 or len(node) >= 32]
    assert check_proof(root, key, ours) == pairs[key]


@settings(deadline=None)
@given(pairs=PAIRS, data=st.data())
def test_a_changed_proof_never_gives_another_value(pairs: dict[bytes, bytes], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(pairs)))
    root, nodes = prove(pairs, key)
    place = data.draw(st.integers(0, len(nodes) - 1))
    changed = bytearray(nodes[place])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(IntegrityError):
        check_proof(root, key, [*nodes[:place], bytes(changed), *nodes[place + 1 :]])
    for wrong in ([*nodes, nodes[-1]], nodes[1:], []):
        with pytest.raises(IntegrityError):
            check_proof(root, key, wrong)


@settings(deadline=None)
@given(pairs=PAIRS, data=st.data())
def test_a_key_that_is_not_there_is_not_proven(pairs: dict[bytes, bytes], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(pairs)))
    absent = data.draw(st.binary(min_size=1, max_size=5).filter(lambda each: each not in pairs))
    root, nodes = prove(pairs, key)
    with pytest.raises(IntegrityError):
        check_proof(root, absent, nodes)


VANITY, VALIDATORS, SEALS = bytes(32), [b"\x01" * 20, b"\x02" * 20], [b"\x03" * 65, b"\x04" * 65]
SEALED: dict[str, tuple[bytes, bytes]] = {
    "clique": (VANITY + SEALS[0], VANITY + SEALS[0]),
    "qbft": (
        other_rlp.encode([VANITY, VALIDATORS, [], b"\x07", SEALS]),
        other_rlp.encode([VANITY, VALIDATORS, [], b"", []]),
    ),
    "ibft-2": (
        other_rlp.encode([VANITY, VALIDATORS, b"", b"\0\0\0\x07", SEALS]),
        other_rlp.encode([VANITY, VALIDATORS, b""]),
    ),
    "ibft-of-quorum": (
        VANITY + other_rlp.encode([VALIDATORS, SEALS[0], SEALS]),
        VANITY + other_rlp.encode([VALIDATORS, SEALS[0], []]),
    ),
}
"""Extra data as nodes tell it, and as the chain hashes it, by how its validators agree."""


@pytest.mark.parametrize("agreement", SEALED)
def test_a_header_is_written_as_its_chain_hashes_it(agreement: str) -> None:
    told, hashed = SEALED[agreement]
    fields = [bytes([number + 1]) * 32 for number in range(15)]
    fields[12] = hashed
    header = other_rlp.encode(fields)
    block = dict(zip(evm_node._HEADER, ["0x" + field.hex() for field in fields], strict=True))
    block |= {"extraData": "0x" + told.hex(), "hash": "0x" + keccak256(header).hex()}
    assert evm_node.encode_header(block) == header
    with pytest.raises(IntegrityError, match="headers of its own form"):
        evm_node.encode_header({**block, "hash": "0x" + bytes(32).hex()})


def test_the_contracts_files_belong_together() -> None:
    described = json.loads(CONTRACT.read_text("utf-8"))
    source = (CONTRACT.parent / described["source"]).read_text("utf-8")
    assert f"# pragma version {described['compiler'].removeprefix('vyper ').partition('+')[0]}" in source
    assert f"# pragma evm-version {described['evm_version']}" in source
    assert described["runtime_bytecode"].removeprefix("0x") in described["bytecode"]
    [event] = [each for each in described["abi"] if each["type"] == "event"]
    assert [(each["type"], each["indexed"]) for each in event["inputs"]] == [("bytes32", True), ("uint256", False)]
