"""What one crawl slice commits to: the Merkle root over its sightings, so that each can be shown without the others.

A leaf is the canonical JSON (RFC 8785) of a :class:`~evidence.log.proofs.SightingRecord`; the tree is that of RFC 9162,
2.1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evidence.formats.codec import to_plain
from evidence.log import merkle
from evidence.log.proofs import LogProof, SightingRecord, SliceProof
from exhibit.entries import canonical


def record_leaf(record: SightingRecord) -> bytes:
    """The leaf hash of one sighting, 32 bytes."""
    return merkle.leaf_hash(canonical(to_plain(record)))


class SliceTree:
    """The Merkle tree over a slice's sightings, in the order given.

    Args:
        leaves: leaf hashes by :func:`record_leaf`, at least one.
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.count = len(leaves)
        self._nodes: dict[tuple[int, int], bytes] = {}
        for number, leaf in enumerate(leaves):
            for level, index, value in merkle.completed_nodes(number, leaf, self._node):
                self._nodes[level, index] = value
        self.root = merkle.root(self.count, self._node)

    def opening(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """What the slice's entry commits to: root and count, besides plain facts of the caller's."""
        return {**facts, "root": self.root.hex(), "count": self.count}

    def prove(self, index: int, record: SightingRecord, log: LogProof) -> SliceProof:
        """The proof for one sighting, given the slice's place in the log."""
        path = merkle.inclusion(index, self.count, self._node)
        return SliceProof(record, index, self.count, tuple(path), log)

    def _node(self, level: int, index: int) -> bytes:
        return self._nodes[level, index]
