"""Check that matches lead to valid evidence: copies of every kind are matched, confirmed, sealed and verified.

No bundle that an installation seals may be rejected by its verifier.
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
from bench.primitives import PRIMITIVES, compose
from bench.product import run_product
from bench.queries import open_photo
from indexer.edits import EDITS, apply

WORK_COUNT = 2
NEIGHBOUR_COUNT = 8
"""Number of photographs placed next to and behind copies."""
CHAIN_COUNT, CHAIN_LENGTH = 6, 2
STRENGTHS = (0.3, 0.6, 0.9)
COUNT_NAMES = ("copies", "cases", "pass")


@dataclass(frozen=True, slots=True)
class CopyFile:
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
    """Count copies, copies with a case, and valid bundles by family. Failures are printed to standard error."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    shuffled = random.Random(seed).sample(list(photos), len(photos))
    if len(shuffled) < works + NEIGHBOUR_COUNT:
        raise SystemExit(f"{works} works and {NEIGHBOUR_COUNT} photos beside them are needed: --photos DIR")
    progress = Progress("copies", works * (len(EDITS) + len(PRIMITIVES) + CHAIN_COUNT))
    with run_product("127.0.0.1") as product, TemporaryDirectory(prefix="exhibit-bench-") as folder:
        for path in shuffled[:works]:
            owner = product.create_owner(path.read_bytes())
            for number, copy in enumerate(generate_copies(path, shuffled[-NEIGHBOUR_COUNT:], seed)):
                progress(sum(count["copies"] for count in counts.values()))
                count = counts[copy.family]
                count["copies"] += 1
                for failed_checks in product.find_failed_checks(
                    owner, copy.data, f"{owner.slug}-{number}", Path(folder)
                ):
                    count["cases"] += 1
                    count["pass"] += not failed_checks
                    for message in failed_checks:
                        print(f"{path.name}, {copy.name}: {message}", file=sys.stderr)
    return [{"family": family, **{name: count[name] for name in COUNT_NAMES}} for family, count in counts.items()]


def generate_copies(path: Path, neighbours: Sequence[Path], seed: int) -> Iterator[CopyFile]:
    """Yield copies of a photograph by all edits, all primitives and some chains of primitives."""
    rng = random.Random(f"{seed}:{path.name}")
    picture, neighbour_pictures = open_photo(path), [open_photo(other) for other in neighbours]
    for name in EDITS:
        yield CopyFile("edits", name, apply(name, picture, neighbour_pictures, rng.randrange(10**6)).data)
    work, strangers = np.asarray(picture), [np.asarray(other) for other in neighbour_pictures]
    variants = [([primitive], 1) for primitive in PRIMITIVES.values()] + [
        ([*PRIMITIVES.values()], CHAIN_LENGTH)
    ] * CHAIN_COUNT
    for number, (pool, length) in enumerate(variants):
        group = zlib.crc32(f"{seed}:{path.name}:{number}".encode())
        composition = compose(work, strangers, pool, group, length=length, strength=rng.choice(STRENGTHS))
        if composition is not None:
            family = pool[0].family if length == 1 else "chains"
            yield CopyFile(family, pool[0].name if length == 1 else f"chain {number}", composition.data)
