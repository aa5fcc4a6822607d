"""Share of edited copies, and of different photographs, that agree in a band of their hash.

A blind search finds a picture if at least one of its bands agrees (:mod:`registry.alliance.blind_search`).
"""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from bench.common import Row
from bench.queries import open_photo
from exhibit.errors import UnreadablePictureError
from indexer.edits import apply
from indexer.picture.features import extract
from indexer.vectors.bands import list_elements

EDITS = (
    "jpeg70", "jpeg30", "jpeg10", "resize50", "resize25", "gray", "sharpen", "blur", "jitter", "watermark", "text",
    "border", "crop95", "crop85", "crop70", "rot5", "mirror", "meme",
)  # fmt: skip


def measure(photos: Sequence[Path]) -> list[Row]:
    """Measure the share of photographs found in each edit, and finally the pairs of different ones that agree."""
    registered = {path: bands(path.read_bytes()) for path in photos}
    rows: list[Row] = []
    for edit in EDITS:
        matches = sum(bool(registered[path] & _edited_bands(path, edit)) for path in photos)
        rows.append({"edit": edit, "found": f"{matches / len(photos):.0%}"})
    pairs = list(combinations(registered.values(), 2))
    agreeing = sum(bool(first & second) for first, second in pairs)
    return [*rows, {"edit": "**different photographs**", "found": f"{agreeing} of {len(pairs):,} pairs"}]


def bands(data: bytes) -> set[bytes]:
    """Return the bands of a file's hash."""
    return set(list_elements(b"", extract(data).hash_variants[0].tobytes())[1:])


def _edited_bands(path: Path, edit: str) -> set[bytes]:
    try:
        return bands(apply(edit, open_photo(path), [], 1).data)
    except UnreadablePictureError:
        return set()
