"""The log as static files that anybody can fetch and mirror, in the layout of C2SP tlog-tiles.

A tile of level L holds up to 256 hashes of complete subtrees of ``256**L`` leaves. With the tiles, a client can compute
every proof locally. Full tiles never change. A partial tile, with ``.p/W`` in its name, holds the first W hashes and
never changes either.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from exhibit.errors import NotFoundError

HEIGHT = 8  # levels of the tree that one level of tiles spans
WIDTH = 1 << HEIGHT
LEVELS = 6  # 256**6 leaves exceed any realistic log
_MAX_ENTRY_BYTES = (1 << 16) - 1
_TILE_PATH = re.compile(r"(?:x\d{3}/){0,6}\d{3}(?:\.p/([1-9]\d{0,2}))?")


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of hashes, or a bundle of entries."""

    index: int  # number of the tile in its level, from 0
    width: int  # number of hashes or entries in it, 1 to 256

    @property
    def first_index(self) -> int:
        """Number of the tile's first hash in its level, or of its first entry."""
        return self.index * WIDTH

    def is_complete_in(self, size: int, level: int = 0) -> bool:
        """Return True if a log of this size completely contains the tile, at this level of tiles."""
        min_size: int = (self.first_index + self.width) << (HEIGHT * level)
        return min_size <= size


def parse_tile(path: str) -> Tile:
    """Parse the end of a tile path, such as ``x001/x234/067`` or ``000.p/17``.

    Raises:
        NotFoundError: The path is not a tile path.
    """
    match = _TILE_PATH.fullmatch(path)
    if match is None or int(match[1] or 1) >= WIDTH:
        raise NotFoundError("There is no such tile.")
    tile = Tile(int(path.partition(".p/")[0].replace("x", "").replace("/", "")), int(match[1] or WIDTH))
    if build_tile_path(tile) != path:
        raise NotFoundError("There is no such tile.")
    return tile


def build_tile_path(tile: Tile) -> str:
    """Build the path of a tile; the inverse of :func:`parse_tile`."""
    digits = str(tile.index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    number = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return number if tile.width == WIDTH else f"{number}.p/{tile.width}"


def encode_entries(leaves: Iterable[bytes]) -> bytes:
    """Encode leaves as a bundle of entries, each preceded by its length in two bytes, big-endian.

    Raises:
        ValueError: A leaf has more than 65,535 bytes.
    """
    parts = []
    for leaf in leaves:
        if len(leaf) > _MAX_ENTRY_BYTES:
            raise ValueError("a leaf is too long for a bundle of entries")
        parts += [len(leaf).to_bytes(2, "big"), leaf]
    return b"".join(parts)
