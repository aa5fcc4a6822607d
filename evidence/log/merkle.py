"""Merkle tree hashes and proofs of RFC 6962 and RFC 9162, over stored hashes of complete subtrees.

A complete subtree is named by ``(level, index)``: it spans the leaves ``index * 2**level`` up to, not including,
``(index + 1) * 2**level``. These hashes suffice to compute the root of every past size and every proof.
"""

import hashlib
from collections.abc import Callable, Sequence

NodeHashGetter = Callable[[int, int], bytes]
"""Function that returns the hash of the complete subtree ``(level, index)``, 32 bytes."""

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def compute_leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def compute_node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def compute_root(size: int, get_node_hash: NodeHashGetter) -> bytes:
    """Return the root over the first ``size`` leaves, 32 bytes (RFC 9162, 2.1.1)."""
    return _compute_range_hash(0, size, get_node_hash) if size else EMPTY_ROOT


def prove_inclusion(index: int, size: int, get_node_hash: NodeHashGetter) -> list[bytes]:
    """Return the inclusion proof of a leaf in the tree of ``size`` leaves, nearest sibling first (RFC 9162, 2.1.3.1).

    Raises:
        ValueError: The tree has no leaf ``index``.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} has no leaf {index}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _find_split(end - begin)
        if index < middle:
            path.append(_compute_range_hash(middle, end, get_node_hash))
            end = middle
        else:
            path.append(_compute_range_hash(begin, middle, get_node_hash))
            begin = middle
    return path[::-1]


def prove_consistency(old_size: int, new_size: int, get_node_hash: NodeHashGetter) -> list[bytes]:
    """Return the proof that the tree of ``new_size`` leaves continues that of ``old_size`` leaves (RFC 9162, 2.1.4.1).

    The proof is empty if ``old_size`` is 0 or equals ``new_size``.

    Raises:
        ValueError: ``old_size`` is larger than ``new_size``, or negative.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"a tree of {new_size} leaves cannot continue one of {old_size}")
    if old_size in {0, new_size}:
        return []
    path: list[bytes] = []
    begin, end, is_left_edge = 0, new_size, True
    while old_size != end:
        middle = begin + _find_split(end - begin)
        if old_size <= middle:
            path.append(_compute_range_hash(middle, end, get_node_hash))
            end = middle
        else:
            path.append(_compute_range_hash(begin, middle, get_node_hash))
            begin, is_left_edge = middle, False
    if not is_left_edge:
        path.append(_compute_range_hash(begin, end, get_node_hash))
    return path[::-1]


def list_completed_nodes(
    size_before: int, new_leaf: bytes, get_node_hash: NodeHashGetter
) -> list[tuple[int, int, bytes]]:
    """Return the nodes completed by appending a leaf: ``(level, index, hash)``, the leaf itself (level 0) first.

    ``get_node_hash`` returns the hashes of existing complete left siblings.
    """
    level, index, node_hash = 0, size_before, new_leaf
    nodes = [(level, index, node_hash)]
    while index % 2:
        node_hash = compute_node_hash(get_node_hash(level, index - 1), node_hash)
        level, index = level + 1, index // 2
        nodes.append((level, index, node_hash))
    return nodes


def verify_inclusion(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes) -> bool:
    """Return True if ``path`` proves that ``leaf_hash`` is leaf number ``index`` under the root (RFC 9162, 2.1.3.2)."""
    return compute_proof_hashes(index, size, path, leaf_hash, is_consistency=False).get((0, size)) == expected_root


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Return True if ``path`` proves that the tree of ``new_root`` continues that of ``old_root`` (RFC 9162, 2.1.4.2).

    Every tree continues the empty one, whose root is :data:`EMPTY_ROOT`.
    """
    if old_size in {0, new_size}:
        return 0 <= old_size <= new_size and not path and old_root == (new_root if old_size == new_size else EMPTY_ROOT)
    return compute_consistency_roots(old_size, new_size, old_root, path) == (old_root, new_root)


def compute_consistency_roots(
    old_size: int, new_size: int, old_root: bytes, path: Sequence[bytes]
) -> tuple[bytes, bytes] | None:
    """Compute the roots of both trees from a consistency proof; ``None`` if the path does not fit the sizes.

    The older root is taken from ``old_root`` if the older size is a power of two, because the proof then omits it.
    """
    hashes = (
        compute_proof_hashes(old_size - 1, new_size, path, old_root, is_consistency=True)
        if 0 < old_size < new_size
        else {}
    )

    def get_node_hash(level: int, index: int) -> bytes:
        return hashes.get((index << level, (index + 1) << level), b"")

    return (compute_root(old_size, get_node_hash), hashes[0, new_size]) if hashes else None


def compute_proof_hashes(
    index: int, size: int, path: Sequence[bytes], value: bytes, *, is_consistency: bool
) -> dict[tuple[int, int], bytes]:
    """Compute the node hashes of a proof by range of leaves (first, end exclusive); empty if the path does not fit.

    For an inclusion proof, ``index`` is the number of the leaf and ``value`` its hash. For a consistency proof,
    ``index`` is the number of the last leaf of the older tree and ``value`` the root of that tree. The result includes
    the hash over all ``size`` leaves; the caller must compare it with the root.
    """
    siblings: list[tuple[int, int]] = []
    begin, end = 0, size
    while 0 <= index < size and not (end == index + 1 and (is_consistency or end - begin == 1)):
        middle = begin + _find_split(end - begin)
        siblings.append((middle, end) if index < middle else (begin, middle))
        begin, end = (begin, middle) if index < middle else (middle, end)
    if is_consistency and begin:
        value, path = (path[0], path[1:]) if path else (value, path)
    have_hash_size = all(len(item) == HASH_BYTES for item in (value, *path))  # else bytes could shift between hashes
    if not 0 <= index < size or len(path) != len(siblings) or not have_hash_size:
        return {}
    hashes = {(begin, end): value}
    for (first, last), sibling in zip(reversed(siblings), path, strict=True):
        hashes[first, last] = sibling
        value = compute_node_hash(value, sibling) if first == end else compute_node_hash(sibling, value)
        begin, end = min(begin, first), max(end, last)
        hashes[begin, end] = value
    return hashes


def _find_split(count: int) -> int:
    """Return the largest power of two below ``count``, which must be at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _compute_range_hash(begin: int, end: int, get_node_hash: NodeHashGetter) -> bytes:
    """Return the hash over leaves ``begin`` to ``end`` (exclusive); ``begin`` must be aligned to the subtree size."""
    count = end - begin
    if count & (count - 1) == 0:
        return get_node_hash(count.bit_length() - 1, begin // count)
    middle = begin + _find_split(count)
    return compute_node_hash(
        _compute_range_hash(begin, middle, get_node_hash), _compute_range_hash(middle, end, get_node_hash)
    )
