import hashlib

import pytest
from hypothesis import given, strategies as st

from evidence.log import merkle

# The reference vectors of RFC 6962 implementations (leaves and roots of the trees of 1 to 8 leaves).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


class Tree:
    """A tree grown by the function under test, with access to its nodes."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        for size, leaf in enumerate(leaves):
            for level, index, value in merkle.list_completed_nodes(size, merkle.compute_leaf_hash(leaf), self.node):
                assert (level, index) not in self.nodes
                self.nodes[level, index] = value

    def node(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]


def naive_root(leaves: list[bytes]) -> bytes:
    """Compute MTH of RFC 9162, 2.1.1, literally."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """Compute PATH of RFC 9162, 2.1.3.1, literally."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*naive_path(index, leaves[:split]), naive_root(leaves[split:])]
    return [*naive_path(index - split, leaves[split:]), naive_root(leaves[:split])]


def naive_subproof(old: int, leaves: list[bytes], *, complete: bool) -> list[bytes]:
    """Compute SUBPROOF of RFC 9162, 2.1.4.1, literally."""
    if old == len(leaves):
        return [] if complete else [naive_root(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if old <= split:
        return [*naive_subproof(old, leaves[:split], complete=complete), naive_root(leaves[split:])]
    return [*naive_subproof(old - split, leaves[split:], complete=False), naive_root(leaves[:split])]


def create_leaves(count: int) -> list[bytes]:
    return [b"leaf %d" % number for number in range(count)]


@pytest.mark.parametrize(("size", "expected"), list(enumerate(ROOTS, start=1)))
def test_roots_match_known_vectors(size: int, expected: str) -> None:
    tree = Tree(LEAVES)
    assert merkle.compute_root(size, tree.node).hex() == expected


def test_proofs_match_known_vectors() -> None:
    tree = Tree(LEAVES)
    assert [item.hex() for item in merkle.prove_inclusion(5, 8, tree.node)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [item.hex() for item in merkle.prove_consistency(6, 8, tree.node)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_root_of_empty_tree_is_digest_of_nothing() -> None:
    assert merkle.compute_root(0, Tree([]).node) == naive_root([]) == merkle.EMPTY_ROOT


@given(st.integers(1, 130), st.data())
def test_inclusion_proofs_match_naive_implementation(size: int, data: st.DataObject) -> None:
    leaves = create_leaves(size)
    tree = Tree(create_leaves(140))
    index = data.draw(st.integers(0, size - 1))
    path = merkle.prove_inclusion(index, size, tree.node)
    root = merkle.compute_root(size, tree.node)
    assert root == naive_root(leaves)
    assert path == naive_path(index, leaves)
    assert merkle.verify_inclusion(merkle.compute_leaf_hash(leaves[index]), index, size, path, root)


@given(st.integers(1, 130), st.data())
def test_consistency_proofs_match_naive_implementation(new: int, data: st.DataObject) -> None:
    leaves = create_leaves(new)
    tree = Tree(create_leaves(140))
    old = data.draw(st.integers(1, new))
    path = merkle.prove_consistency(old, new, tree.node)
    assert path == naive_subproof(old, leaves, complete=True)
    assert merkle.verify_consistency(
        old, new, merkle.compute_root(old, tree.node), merkle.compute_root(new, tree.node), path
    )


@given(st.integers(2, 70), st.data())
def test_changed_proof_never_verifies(size: int, data: st.DataObject) -> None:
    tree = Tree(create_leaves(size))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size - 1))
    root, old_root = merkle.compute_root(size, tree.node), merkle.compute_root(old, tree.node)
    leaf = merkle.compute_leaf_hash(create_leaves(size)[index])
    path, link = merkle.prove_inclusion(index, size, tree.node), merkle.prove_consistency(old, size, tree.node)
    for broken in list_broken_paths(path, data):
        assert not merkle.verify_inclusion(leaf, index, size, broken, root)
    for broken in list_broken_paths(link, data):
        assert not merkle.verify_consistency(old, size, old_root, root, broken)
    assert not merkle.verify_inclusion(leaf, data.draw(st.integers(0, size - 1).filter(index.__ne__)), size, path, root)
    assert not merkle.verify_inclusion(leaf, size, size, path, root)
    assert not merkle.verify_consistency(old, size, root, root, link)
    assert not merkle.verify_consistency(size, old, root, old_root, link)
    assert not merkle.verify_consistency(old, 4 * size, old_root, root, link)


def list_broken_paths(path: list[bytes], data: st.DataObject) -> list[list[bytes]]:
    position = data.draw(st.integers(0, len(path) - 1))
    flipped = bytearray(path[position])
    flipped[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
    return [
        [*path[:position], bytes(flipped), *path[position + 1 :]],
        [*path[:position], *path[position + 1 :]],
        [*path, path[0]],
        [],
    ]


def test_every_tree_is_consistent_with_the_empty_tree_and_with_itself() -> None:
    tree = Tree(create_leaves(5))
    root = merkle.compute_root(5, tree.node)
    assert merkle.prove_consistency(0, 5, tree.node) == merkle.prove_consistency(5, 5, tree.node) == []
    assert merkle.verify_consistency(0, 5, merkle.EMPTY_ROOT, root, [])
    assert merkle.verify_consistency(5, 5, root, root, [])
    assert not merkle.verify_consistency(0, 5, root, root, [])
    assert not merkle.verify_consistency(5, 5, root, merkle.EMPTY_ROOT, [])


def test_proofs_for_missing_leaves_are_rejected() -> None:
    tree = Tree(create_leaves(3))
    with pytest.raises(ValueError, match="no leaf 3"):
        merkle.prove_inclusion(3, 3, tree.node)
    with pytest.raises(ValueError, match="cannot continue"):
        merkle.prove_consistency(4, 3, tree.node)
