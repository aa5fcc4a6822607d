"""Recall of real copies by kind, and false alarms of look-alikes: Exhibit, pHash 64 and PDQ with usual thresholds."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import imagehash
import numpy as np

from bench.common import Progress, Row
from bench.matching.peers import PDQ_THRESHOLD, PHASH_64_THRESHOLD, LoadedPicture, compute_pdq
from exhibit.errors import UnreadablePictureError
from exhibit.files.delimited import read_records
from exhibit.types import Decision
from indexer.picture.features import Features, extract
from indexer.search.comparison import compare_pair


@dataclass(frozen=True, slots=True)
class PairVerdicts:
    """Verdicts on one pair."""

    decision: Decision
    phash: bool
    pdq: bool


@lru_cache(maxsize=512)
def _compute_features(path: Path) -> Features:
    return extract(path.read_bytes())


@lru_cache(maxsize=512)
def _compute_peer_hashes(path: Path) -> tuple[imagehash.ImageHash, np.ndarray]:
    """Compute the hashes of both peers for the picture as decoded by Exhibit, so that no format is a disadvantage."""
    picture = LoadedPicture(path.read_bytes())
    return imagehash.phash(picture.image), compute_pdq(picture)


def compare(registered_path: Path, found_path: Path) -> PairVerdicts | None:
    """Compare two files. Returns ``None`` if one of them cannot be decoded."""
    try:
        decision = compare_pair(
            _compute_features(found_path), found_path.read_bytes, _compute_features(registered_path)
        ).decision
        (registered_phash, registered_pdq), (found_phash, found_pdq) = (
            _compute_peer_hashes(registered_path),
            _compute_peer_hashes(found_path),
        )
    except UnreadablePictureError:
        return None
    feature_pair = len(registered_pdq) and len(found_pdq)
    return PairVerdicts(
        decision,
        bool(registered_phash - found_phash <= PHASH_64_THRESHOLD),
        bool(feature_pair and np.bitwise_count(registered_pdq ^ found_pdq).sum() <= PDQ_THRESHOLD),
    )


def measure_real_copies(folder: Path) -> list[Row]:
    """Measure recall of the copies in a folder, by kind."""
    rows = [row for row in read_records(folder / "pairs.csv") if row["expected"].startswith("copy")]
    by_kind: dict[str, list[PairVerdicts | None]] = defaultdict(list)
    progress = Progress("real copies", len(rows))
    for number, row in enumerate(rows, start=1):
        by_kind[row["kind"]].append(compare(folder / row["original"], folder / row["copy"]))
        progress(number)
    table = [
        _build_row(kind, verdict_list) for kind, verdict_list in sorted(by_kind.items(), key=lambda item: -len(item[1]))
    ]
    return [*table, _build_row("**all**", [verdicts for verdict_list in by_kind.values() for verdicts in verdict_list])]


def _build_row(kind: str, verdict_list: list[PairVerdicts | None]) -> Row:
    readable = [verdicts for verdicts in verdict_list if verdicts is not None]
    return {
        "kind": kind,
        "pairs": len(verdict_list),
        "unreadable": len(verdict_list) - len(readable),
        **{
            f"exhibit {grade}": sum(verdicts.decision is grade for verdicts in readable)
            for grade in (Decision.CERTAIN, Decision.REVIEW, Decision.RELATED)
        },
        f"pHash 64 ≤ {PHASH_64_THRESHOLD}": sum(verdicts.phash for verdicts in readable),
        f"PDQ ≤ {PDQ_THRESHOLD}": sum(verdicts.pdq for verdicts in readable),
    }


@dataclass(frozen=True, slots=True)
class LookAlikePair:
    """A listed pair of look-alikes with its verdicts."""

    group: str
    kind: str
    expected: str
    files: tuple[str, str]
    verdicts: PairVerdicts | None


def compare_lookalikes(folder: Path) -> list[LookAlikePair]:
    """Compare every listed pair. The first file is the registered picture, the second the found one."""
    rows = list(read_records(folder / "group_pairs.csv"))
    progress, pairs = Progress("look-alikes", len(rows)), []
    for row in rows:
        a, b = row["file_a"], row["file_b"]
        verdicts = compare(folder / a, folder / b)
        pairs.append(LookAlikePair(row["group"], row.get("kind", ""), row["expected"], (a, b), verdicts))
        progress(len(pairs))
    return pairs


def build_lookalike_rows(pairs: Iterable[LookAlikePair]) -> list[Row]:
    """Return the number of false alarms by kind. Ambiguous pairs are counted separately."""
    by_kind: dict[tuple[str, str], list[PairVerdicts | None]] = defaultdict(list)
    for pair in pairs:
        by_kind[pair.expected, pair.kind].append(pair.verdicts)
        by_kind[pair.expected, "**all**"].append(pair.verdicts)
    ordered = sorted(by_kind.items(), key=lambda item: (item[0][0], item[0][1] == "**all**", item[0][1]))
    return [_build_row(f"{expected}: {kind}", verdict_list) for (expected, kind), verdict_list in ordered]
