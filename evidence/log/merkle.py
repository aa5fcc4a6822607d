"""Merkle tree hashes and proofs of RFC 6962 and RFC 9162, over stored hashes of complete subtrees.

A complete subtree is named by ``(level, index)``: it spans the leaves ``index * 2**level`` up to, not including,
``(index + 1) * 2**level``. The root of every past size and every proof can be computed from these hashes.
"""

import hashlib
from collections.abc import Callable, Sequence

Node = Callable[[int, int], bytes]
"""Function that returns the hash of the complete subtree ``(level, index)``, 32 bytes."""

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def compute_leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def compute_node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def compute_root(size: int, node: Node) -> bytes:
    """Return the root over the first ``size`` leaves, 32 bytes (RFC 9162, 2.1.1)."""
    return _compute_range_hash(0, size, node) if size else EMPTY_ROOT


def prove_inclusion(index: int, size: int, node: Node) -> list[bytes]:
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
            path.append(_compute_range_hash(middle, end, node))
            end = middle
        else:
            path.append(_compute_range_hash(begin, middle, node))
            begin = middle
    return path[::-1]


def prove_consistency(old: int, new: int, node: Node) -> list[bytes]:
    """Return the proof that the tree of ``new`` leaves continues the tree of ``old`` leaves (RFC 9162, 2.1.4.1).

    The proof is empty if ``old`` is 0 or equals ``new``.

    Raises:
        ValueError: ``old`` is larger than ``new``, or negative.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves cannot continue one of {old}")
    if old in {0, new}:
        return []
    path: list[bytes] = []
    begin, end, left_edge = 0, new, True
    while old != end:
        middle = begin + _find_split(end - begin)
        if old <= middle:
            path.append(_compute_range_hash(middle, end, node))
            end = middle
        else:
            path.append(_compute_range_hash(begin, middle, node))
            begin, left_edge = middle, False
    if not left_edge:
        path.append(_compute_range_hash(begin, end, node))
    return path[::-1]


def list_completed_nodes(size_before: int, new_leaf: bytes, node: Node) -> list[tuple[int, int, bytes]]:
    """Return the nodes completed by appending a leaf: ``(level, index, hash)``, the leaf itself (level 0) first.

    ``node`` returns the complete left siblings that exist already.
    """
    level, index, current = 0, size_before, new_leaf
    nodes = [(level, index, current)]
    while index % 2:
        current = compute_node_hash(node(level, index - 1), current)
        level, index = level + 1, index // 2
        nodes.append((level, index, current))
    return nodes


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes) -> bool:
    """Return True if ``path`` shows that leaf hash ``leaf`` is number ``index`` under this root (RFC 9162, 2.1.3.2)."""
    return compute_proof_hashes(index, size, path, leaf, whole=False).get((0, size)) == expected_root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Return True if ``path`` shows that the tree of ``new_root`` continues that of ``old_root`` (RFC 9162, 2.1.4.2).

    Every tree continues the empty one, whose root is :data:`EMPTY_ROOT`.
    """
    if old in {0, new}:
        return 0 <= old <= new and not path and old_root == (new_root if old == new else EMPTY_ROOT)
    return compute_consistency_roots(old, new, old_root, path) == (old_root, new_root)


def compute_consistency_roots(old: int, new: int, old_root: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the roots of both trees that a consistency proof gives; ``None`` if the path does not fit these sizes.

    The older root is taken from ``old_root`` if the older size is a power of two, because the proof then omits it.
    """
    hashes = compute_proof_hashes(old - 1, new, path, old_root, whole=True) if 0 < old < new else {}

    def node(level: int, index: int) -> bytes:
        return hashes.get((index << level, (index + 1) << level), b"")

    return (compute_root(old, node), hashes[0, new]) if hashes else None


def compute_proof_hashes(
    index: int, size: int, path: Sequence[bytes], value: bytes, *, whole: bool
) -> dict[tuple[int, int], bytes]:
    """Return the hashes that a proof gives, by range of leaves (first, end exclusive); empty if the path does not fit.

    For inclusion, ``index`` is the leaf's number and ``value`` its hash; for consistency (``whole``), they are the last
    leaf of the older tree and its root. The result includes the hash over all ``size`` leaves, which the caller must
    compare with the root.
    """
    siblings: list[tuple[int, int]] = []
    begin, end = 0, size
    while 0 <= index < size and not (end == index + 1 and (whole or end - begin == 1)):
        middle = begin + _find_split(end - begin)
        siblings.append((middle, end) if index < middle else (begin, middle))
        begin, end = (begin, middle) if index < middle else (middle, end)
    if whole and begin:
        value, path = (path[0], path[1:]) if path else (value, path)
    are_hashes = all(len(item) == HASH_BYTES for item in (value, *path))  # else bytes could move between hashes
    if not 0 <= index < size or len(path) != len(siblings) or not are_hashes:
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


def _compute_range_hash(begin: int, end: int, node: Node) -> bytes:
    """Return the hash over leaves ``begin`` to ``end``; ``begin`` must be a multiple of the required power of two."""
    count = end - begin
    if count & (count - 1) == 0:
        return node(count.bit_length() - 1, begin // count)
    middle = begin + _find_split(count)
    return compute_node_hash(_compute_range_hash(begin, middle, node), _compute_range_hash(middle, end, node))
