"""Real copies by kind and look-alikes that aren't copies: Exhibit beside pHash 64 and PDQ at their usual thresholds."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import imagehash
import numpy as np
import pdqhash
from PIL import Image

from bench.table import Row
from exhibit.decode import decode
from exhibit.errors import UnreadablePictureError
from exhibit.types import Decision
from indexer.features import Features, extract
from indexer.verify import verify

PHASH_BITS, PDQ_BITS = 10, 31


@dataclass(frozen=True, slots=True)
class Answer:
    """What each says of one pair."""

    decision: Decision
    phash: bool
    pdq: bool


@lru_cache(maxsize=512)
def _features(path: Path) -> Features:
    return extract(path.read_bytes())


@lru_cache(maxsize=512)
def _peers(path: Path) -> tuple[imagehash.ImageHash, np.ndarray]:
    """Both peers see the picture as Exhibit decodes it, so that a strange format counts against neither."""
    pixels = decode(path.read_bytes()).pixels
    return imagehash.phash(Image.fromarray(pixels)), pdqhash.compute(pixels)[0]


def compare(registered: Path, found: Path) -> Answer | None:
    """Compare two files; ``None`` when one of them can't be decoded."""
    try:
        decision = verify(_features(found), _features(registered)).decision
        (a, p), (b, q) = _peers(registered), _peers(found)
    except UnreadablePictureError:
        return None
    return Answer(decision, bool(a - b <= PHASH_BITS), int((p != q).sum()) <= PDQ_BITS)


def real_copies(folder: Path) -> list[Row]:
    """Found copies by kind."""
    with (folder / "pairs.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["expected"].startswith("copy")]
    by_kind: dict[str, list[Answer | None]] = defaultdict(list)
    for row in rows:
        by_kind[row["kind"]].append(compare(folder / row["original"], folder / row["copy"]))
    table = [_row(kind, answers) for kind, answers in sorted(by_kind.items(), key=lambda item: -len(item[1]))]
    return [*table, _row("**all**", [answer for answers in by_kind.values() for answer in answers])]


def _row(kind: str, answers: list[Answer | None]) -> Row:
    read = [answer for answer in answers if answer is not None]
    return {
        "kind": kind,
        "pairs": len(answers),
        "unreadable": len(answers) - len(read),
        "exhibit certain": sum(answer.decision is Decision.CERTAIN for answer in read),
        "exhibit certain or review": sum(answer.decision is not Decision.NONE for answer in read),
        f"pHash 64 ≤ {PHASH_BITS}": sum(answer.phash for answer in read),
        f"PDQ ≤ {PDQ_BITS}": sum(answer.pdq for answer in read),
    }


def lookalikes(folder: Path) -> list[Row]:
    """Pairs that aren't copies: each count is of false alarms. Ambiguous pairs are counted apart."""
    by_expected: dict[str, list[Answer | None]] = defaultdict(list)
    for expected, a, b in _lookalike_pairs(folder):
        by_expected[expected].append(compare(folder / a, folder / b))
    return [_row(expected, answers) for expected, answers in sorted(by_expected.items())]


def _lookalike_pairs(folder: Path) -> Iterator[tuple[str, str, str]]:
    with (folder / "group_pairs.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield row["expected"], row["file_a"], row["file_b"]
