"""Keccak, RLP and Merkle-Patricia proofs against other people's code."""

import pytest
import rlp as other_rlp
from hypothesis import given, settings, strategies as st
from trie import HexaryTrie

from evidence.anchors.evm.patricia import check_proof, prove
from exhibit.errors import IntegrityError

PAIRS = st.dictionaries(st.binary(min_size=1, max_size=4), st.binary(min_size=1, max_size=90), min_size=1, max_size=40)


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
