"""Fraction of edited copies, and of different photographs, whose hashes agree in a band.

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
    """Measure the fraction of photographs found in each edit, and of different photographs that match."""
    bands_by_photo = {path: compute_bands(path.read_bytes()) for path in photos}
    rows: list[Row] = []
    for edit in EDITS:
        matches = sum(bool(bands_by_photo[path] & _compute_edited_bands(path, edit)) for path in photos)
        rows.append({"edit": edit, "found": f"{matches / len(photos):.0%}"})
    pairs = list(combinations(bands_by_photo.values(), 2))
    agreeing_pairs = sum(bool(first & second) for first, second in pairs)
    return [*rows, {"edit": "**different photographs**", "found": f"{agreeing_pairs} of {len(pairs):,} pairs"}]


def compute_bands(data: bytes) -> set[bytes]:
    """Return the bands of a file's hash."""
    return set(list_elements(b"", extract(data).hash_variants[0].tobytes())[1:])


def _compute_edited_bands(path: Path, edit: str) -> set[bytes]:
    try:
        return compute_bands(apply(edit, open_photo(path), [], 1).data)
    except UnreadablePictureError:
        return set()
