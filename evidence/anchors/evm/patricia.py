"""Proofs in Ethereum's Merkle-Patricia tries: made from all of a trie's pairs, checked against its root alone.

Source: Ethereum Yellow Paper, appendices C and D.
"""

from collections.abc import Mapping, Sequence

from evidence.anchors.evm import rlp
from evidence.anchors.evm.rlp import Item, keccak256
from exhibit.errors import IntegrityError

MAX_NODES = 64

_Pairs = list[tuple[list[int], bytes]]


def prove(pairs: Mapping[bytes, bytes], key: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """The root of the trie of these pairs (no value is empty), and the nodes that lead from it to one of the keys."""
    nodes: list[bytes] = []
    root = rlp.encode(_build([(_nibbles(each), value) for each, value in sorted(pairs.items())], _nibbles(key), nodes))
    if len(root) < 32:
        nodes.append(root)  # a small root is hashed all the same
    return keccak256(root), tuple(reversed(nodes))


def check_proof(root: bytes, key: bytes, nodes: Sequence[bytes]) -> bytes:
    """The value that a trie with this hash holds at a key; raises ``IntegrityError``.

    The nodes are those from the root's downwards that aren't inlined in the one above; no others.
    """
    left = list(nodes)
    if not 0 < len(left) <= MAX_NODES:
        raise IntegrityError("The proof has no nodes, or too many.")
    reference: Item = root
    path = _nibbles(key)
    while True:
        node = _resolved(reference, left)
        if len(node) == 17:
            if not path:
                return _ended(node[16], left)
            reference, path = node[path[0]], path[1:]
            continue
        part, is_leaf = _unpacked(node)
        if path[: len(part)] != part:
            raise IntegrityError("The proof leads to another key.")
        reference, path = node[1], path[len(part) :]
        if is_leaf:
            if path:
                raise IntegrityError("The proof leads to another key.")
            return _ended(reference, left)


def _resolved(reference: Item, left: list[bytes]) -> list[Item]:
    """The node behind a reference: inlined, or the next one given if it has the hash."""
    if isinstance(reference, list):
        node = reference
    else:
        if not left or keccak256(left[0]) != reference:
            raise IntegrityError("A node of the proof doesn't have the hash that the one above names.")
        node = rlp.as_list(rlp.decode(left.pop(0)))
    if len(node) not in {2, 17}:
        raise IntegrityError("A node of the proof is none of a trie.")
    return node


def _ended(value: Item, left: list[bytes]) -> bytes:
    found = rlp.as_bytes(value)
    if left or not found:
        raise IntegrityError("The proof leads to no value, or goes on behind it.")
    return found


def _build(pairs: _Pairs, wanted: list[int] | None, nodes: list[bytes]) -> Item:
    """A node over pairs whose keys are cut to what is below it; those on the way to the wanted key are collected."""
    if len(pairs) == 1:
        return _kept([_packed(pairs[0][0], is_leaf=True), pairs[0][1]], wanted, nodes)
    apart = enumerate(zip(pairs[0][0], pairs[-1][0], strict=False))  # all other keys lie between these two in order
    shared = next((place for place, (first, last) in apart if first != last), len(pairs[0][0]))
    if shared:
        below = _build(_cut(pairs, shared), None if wanted is None else wanted[shared:], nodes)
        return _kept([_packed(pairs[0][0][:shared], is_leaf=False), _reference(below)], wanted, nodes)
    branch: list[Item] = [b""] * 17
    for nibble in range(16):
        inside = [pair for pair in pairs if pair[0] and pair[0][0] == nibble]
        if inside:
            ahead = wanted[1:] if wanted and wanted[0] == nibble else None
            branch[nibble] = _reference(_build(_cut(inside, 1), ahead, nodes))
    branch[16] = next((value for key, value in pairs if not key), b"")
    return _kept(branch, wanted, nodes)


def _kept(node: list[Item], wanted: list[int] | None, nodes: list[bytes]) -> Item:
    encoded = rlp.encode(node)
    if wanted is not None and len(encoded) >= 32:
        nodes.append(encoded)
    return node


def _reference(node: Item) -> Item:
    encoded = rlp.encode(node)
    return node if len(encoded) < 32 else keccak256(encoded)


def _cut(pairs: _Pairs, length: int) -> _Pairs:
    return [(key[length:], value) for key, value in pairs]


def _nibbles(data: bytes) -> list[int]:
    return [nibble for byte in data for nibble in (byte >> 4, byte & 15)]


def _packed(path: list[int], *, is_leaf: bool) -> bytes:
    flag = 2 * is_leaf + len(path) % 2
    full = [flag, *path] if len(path) % 2 else [flag, 0, *path]
    return bytes(16 * high + low for high, low in zip(full[::2], full[1::2], strict=True))


def _unpacked(node: list[Item]) -> tuple[list[int], bool]:
    flag, *rest = _nibbles(rlp.as_bytes(node[0])) or [15]
    if flag > 3 or (flag % 2 == 0 and rest[:1] != [0]):
        raise IntegrityError("A node of the proof is none of a trie.")
    return rest if flag % 2 else rest[1:], flag >= 2
