"""``python -m bench.blind``: how many edited copies agree with their original in a band of their hash, and strangers.

A picture is found by a blind search where at least one of the bands agrees (:mod:`registry.alliance.blind`).
"""

import argparse
from itertools import combinations
from pathlib import Path

from bench.edited import opened, photos_in
from bench.table import machine
from exhibit.errors import UnreadablePictureError
from indexer.edits import apply
from indexer.picture.features import extract
from indexer.vectors.bands import elements

EDITS = (
    "jpeg70", "jpeg30", "jpeg10", "resize50", "resize25", "gray", "sharpen", "blur", "jitter", "watermark", "text",
    "border", "crop95", "crop85", "crop70", "rot5", "mirror", "meme",
)  # fmt: skip
OURS = Path(__file__).resolve().parent.parent / "demo" / "assets"


def bands(data: bytes) -> set[bytes]:
    """The bands of the hash of a file."""
    return set(elements(b"", extract(data).hash_variants[0].tobytes())[1:])


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(prog="python -m bench.blind", description=__doc__)
    parser.add_argument("--photos", type=Path, nargs="+", default=[OURS], help="folders; those of the demonstration")
    photos = photos_in(*parser.parse_args().photos)
    print(machine())
    registered = {path: bands(path.read_bytes()) for path in photos}
    print(f"{len(photos)} photographs\n\n| edit | found |\n|---|---|")
    for edit in EDITS:
        found = sum(bool(registered[path] & _edited(path, edit)) for path in photos)
        print(f"| {edit} | {found / len(photos):.0%} |", flush=True)
    pairs = list(combinations(registered.values(), 2))
    print(f"\nof {len(pairs)} pairs of different photographs {sum(bool(one & other) for one, other in pairs)} agree")


def _edited(path: Path, edit: str) -> set[bytes]:
    try:
        return bands(apply(edit, opened(path), [], 1).data)
    except UnreadablePictureError:
        return set()


if __name__ == "__main__":
    main()
