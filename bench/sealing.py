"""Check that all matches lead to valid evidence: copies of every kind, each confirmed, sealed and verified.

A bundle that an honest installation seals but its own verifier rejects is worse than none.
"""

import random
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.common import Progress, Row
from bench.primitives import PRIMITIVES, composed
from bench.product import running_product
from bench.queries import open_photo
from indexer.edits import EDITS, apply

WORKS = 2
NEIGHBOURS = 8
"""Photographs placed beside and behind copies."""
CHAINS, LENGTH = 6, 2
STRENGTHS = (0.3, 0.6, 0.9)
COUNT_NAMES = ("copies", "cases", "pass")


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a work.

    Attributes:
        family: Kind of the change.
        name: Name of the change.
        data: The file.
    """

    family: str
    name: str
    data: bytes


def measure(photos: Sequence[Path], works: int, seed: int) -> list[Row]:
    """Count by family: copies, copies that opened a case, valid bundles. Failures are printed to standard error."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    shuffled = random.Random(seed).sample(list(photos), len(photos))
    if len(shuffled) < works + NEIGHBOURS:
        raise SystemExit(f"{works} works and {NEIGHBOURS} photos beside them are needed: --photos DIR")
    progress = Progress("copies", works * (len(EDITS) + len(PRIMITIVES) + CHAINS))
    with running_product("127.0.0.1") as product, TemporaryDirectory(prefix="exhibit-bench-") as folder:
        for path in shuffled[:works]:
            owner = product.owner_of(path.read_bytes())
            for number, copy in enumerate(copies(path, shuffled[-NEIGHBOURS:], seed)):
                progress(sum(count["copies"] for count in counts.values()))
                count = counts[copy.family]
                count["copies"] += 1
                for failed in product.failed_checks(owner, copy.data, f"{owner.slug}-{number}", Path(folder)):
                    count["cases"] += 1
                    count["pass"] += not failed
                    for message in failed:
                        print(f"{path.name}, {copy.name}: {message}", file=sys.stderr)
    return [{"family": family, **{name: count[name] for name in COUNT_NAMES}} for family, count in counts.items()]


def copies(path: Path, neighbours: Sequence[Path], seed: int) -> Iterator[Copy]:
    """Yield a photograph in every edit, every primitive and some chains of these."""
    chance = random.Random(f"{seed}:{path.name}")
    picture, beside = open_photo(path), [open_photo(other) for other in neighbours]
    for name in EDITS:
        yield Copy("edits", name, apply(name, picture, beside, chance.randrange(10**6)).data)
    work, strangers = np.asarray(picture), [np.asarray(other) for other in beside]
    variants = [([primitive], 1) for primitive in PRIMITIVES.values()] + [([*PRIMITIVES.values()], LENGTH)] * CHAINS
    for number, (among, length) in enumerate(variants):
        lot = zlib.crc32(f"{seed}:{path.name}:{number}".encode())
        composition = composed(work, strangers, among, lot, length=length, strength=chance.choice(STRENGTHS))
        if composition is not None:
            family = among[0].family if length == 1 else "chains"
            yield Copy(family, among[0].name if length == 1 else f"chain {number}", composition.data)
