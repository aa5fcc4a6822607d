"""A small client of C2SP tlog-tiles that shares no code with the product and trusts only a pinned key and tile hashes.

It fetches through any function from path to bytes, and computes roots and proofs from tiles alone.
"""

import base64
import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Fetch = Callable[[str], bytes]


class TileClient:
    """A reader of one log.

    Args:
        fetch: Returns the bytes of a path below the log's URL; raises an error if there are none.
        vkey: The pinned key, ``name+id+base64``.
    """

    def __init__(self, fetch: Fetch, vkey: str) -> None:
        self._fetch = fetch
        self._name, _, rest = vkey.partition("+")
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(rest.partition("+")[2])[1:])
        self._tiles: dict[tuple[int, int, int], bytes] = {}
        self.size, self.root = self._read_checkpoint()

    def _read_checkpoint(self) -> tuple[int, bytes]:
        text = self._fetch("checkpoint").decode()
        body, _, signature = text.partition("\n\n")
        origin, size, root = body.split("\n")
        assert origin == self._name
        _, name, encoded = signature.strip().split(" ")
        assert name == self._name
        self._key.verify(base64.b64decode(encoded)[4:], f"{body}\n".encode())
        return int(size), base64.b64decode(root)

    def leaves(self) -> list[bytes]:
        """Return every leaf of the log, from the entry bundles."""
        entries: list[bytes] = []
        for number in range(-(-self.size // 256)):
            width = min(256, self.size - number * 256)
            data = self._fetch(f"tile/entries/{tile_suffix(number, width)}")
            while data:
                length = int.from_bytes(data[:2], "big")
                entries.append(data[2 : 2 + length])
                data = data[2 + length :]
        return entries

    def hash_of(self, begin: int, end: int) -> bytes:
        """Return the hash of a range of leaves (RFC 6962, 2.1) from tiles.

        Complete subtrees are looked up, others are split.
        """
        count = end - begin
        if count & (count - 1) == 0 and begin % count == 0:
            return self._node(count.bit_length() - 1, begin // count)
        middle = begin + (1 << (count - 1).bit_length() - 1)
        return hashlib.sha256(b"\1" + self.hash_of(begin, middle) + self.hash_of(middle, end)).digest()

    def _node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree, from a tile or computed from a tile's hashes."""
        if level % 8:
            left_hash, right_hash = self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1)
            return hashlib.sha256(b"\1" + left_hash + right_hash).digest()
        number, offset = divmod(index, 256)
        width = min(256, (self.size >> level) - number * 256)
        key = (level // 8, number, width)
        if key not in self._tiles:
            self._tiles[key] = self._fetch(f"tile/{level // 8}/{tile_suffix(number, width)}")
            assert len(self._tiles[key]) == 32 * width
        return self._tiles[key][32 * offset : 32 * offset + 32]

    def check_inclusion(self, leaf: bytes, index: int) -> bool:
        """Return True if the leaf is number ``index`` under the signed root, recomputed along the leaf's path."""

        def root(begin: int, end: int) -> bytes:
            if end - begin == 1:
                return hashlib.sha256(b"\0" + leaf).digest()
            middle = begin + (1 << (end - begin - 1).bit_length() - 1)
            left_hash = root(begin, middle) if index < middle else self.hash_of(begin, middle)
            right_hash = root(middle, end) if index >= middle else self.hash_of(middle, end)
            return hashlib.sha256(b"\1" + left_hash + right_hash).digest()

        return root(0, self.size) == self.root


def tile_suffix(number: int, width: int) -> str:
    """Return the end of a tile's path, as the specification writes it."""
    text = f"{number % 1000:03d}"
    while number >= 1000:
        number //= 1000
        text = f"x{number % 1000:03d}/{text}"
    return text if width == 256 else f"{text}.p/{width}"
