"""Real copies by kind and look-alikes that are not copies: Exhibit beside pHash 64 and PDQ at usual thresholds."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import imagehash
import numpy as np

from bench.common import Progress, Row
from bench.matching.peers import PDQ, PHASH_64, LoadedPicture, pdq
from exhibit.errors import UnreadablePictureError
from exhibit.files.delimited import records
from exhibit.types import Decision
from indexer.picture.features import Features, extract
from indexer.search.search import compare as compared


@dataclass(frozen=True, slots=True)
class Answer:
    """Verdicts on one pair."""

    decision: Decision
    phash: bool
    pdq: bool


@lru_cache(maxsize=512)
def _features(path: Path) -> Features:
    return extract(path.read_bytes())


@lru_cache(maxsize=512)
def _peer_hashes(path: Path) -> tuple[imagehash.ImageHash, np.ndarray]:
    """Compute both peers' hashes of the picture as decoded by Exhibit, so that no format counts against them."""
    look = LoadedPicture(path.read_bytes())
    return imagehash.phash(look.image), pdq(look)


def compare(registered: Path, found: Path) -> Answer | None:
    """Compare two files. Returns ``None`` if one of them cannot be decoded."""
    try:
        decision = compared(_features(found), _features(registered)).decision
        (a, p), (b, q) = _peer_hashes(registered), _peer_hashes(found)
    except UnreadablePictureError:
        return None
    both = len(p) and len(q)
    return Answer(decision, bool(a - b <= PHASH_64), bool(both and np.bitwise_count(p ^ q).sum() <= PDQ))


def real_copies(folder: Path) -> list[Row]:
    """Return the found copies by kind."""
    rows = [row for row in records(folder / "pairs.csv") if row["expected"].startswith("copy")]
    by_kind: dict[str, list[Answer | None]] = defaultdict(list)
    progress = Progress("real copies", len(rows))
    for number, row in enumerate(rows, start=1):
        by_kind[row["kind"]].append(compare(folder / row["original"], folder / row["copy"]))
        progress(number)
    table = [_row(kind, answers) for kind, answers in sorted(by_kind.items(), key=lambda item: -len(item[1]))]
    return [*table, _row("**all**", [answer for answers in by_kind.values() for answer in answers])]


def _row(kind: str, answers: list[Answer | None]) -> Row:
    readable = [answer for answer in answers if answer is not None]
    return {
        "kind": kind,
        "pairs": len(answers),
        "unreadable": len(answers) - len(readable),
        **{
            f"exhibit {grade}": sum(answer.decision is grade for answer in readable)
            for grade in (Decision.CERTAIN, Decision.REVIEW, Decision.RESEMBLES)
        },
        f"pHash 64 ≤ {PHASH_64}": sum(answer.phash for answer in readable),
        f"PDQ ≤ {PDQ}": sum(answer.pdq for answer in readable),
    }


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A pair of look-alikes as listed, with the verdicts on it."""

    group: str
    kind: str
    expected: str
    files: tuple[str, str]
    answer: Answer | None


def compare_lookalikes(folder: Path) -> list[LookAlike]:
    """Compare every listed pair, the first registered and the second found."""
    rows = list(records(folder / "group_pairs.csv"))
    progress, pairs = Progress("look-alikes", len(rows)), []
    for row in rows:
        a, b = row["file_a"], row["file_b"]
        answer = compare(folder / a, folder / b)
        pairs.append(LookAlike(row["group"], row.get("kind", ""), row["expected"], (a, b), answer))
        progress(len(pairs))
    return pairs


def lookalikes(pairs: Iterable[LookAlike]) -> list[Row]:
    """Return the number of false alarms by kind. Ambiguous pairs are counted separately."""
    by_kind: dict[tuple[str, str], list[Answer | None]] = defaultdict(list)
    for pair in pairs:
        by_kind[pair.expected, pair.kind].append(pair.answer)
        by_kind[pair.expected, "**all**"].append(pair.answer)
    ordered = sorted(by_kind.items(), key=lambda item: (item[0][0], item[0][1] == "**all**", item[0][1]))
    return [_row(f"{expected}: {kind}", answers) for (expected, kind), answers in ordered]
