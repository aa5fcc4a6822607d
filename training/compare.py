"""Two networks on works that neither was trained on: primitives held back, chains of those, and ``indexer/edits``.

.venv/bin/python -m training.compare --photos DIR --works-from NAME --trained-on training.txt descriptor.int8.onnx

A copy is looked for as the product does: by itself and its centre, among all references; the larger cosine counts.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.edited import opened
from bench.primitives import PRIMITIVES, composed
from exhibit.pictures.decode import Limits, decode
from indexer.edits import DESIGN, EDITS, FURTHER, apply
from indexer.picture.descriptor import BUILT_IN, MODEL, Descriptor, centre
from training.data import NEAR_SAME, Collection, collect, distances

STRENGTHS = (0.3, 0.7)
TRAINED_ON = Path(__file__).with_name("descriptor.training.txt")
"""The hashes of all pictures that the network which comes with Exhibit was trained on."""
BESIDE = 8
"""Pictures that stand beside and behind works; they are no references."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One network, the references as it describes them, and how near each copy came to each of those."""

    network: Descriptor
    references: NDArray[np.float32]
    near: list[NDArray[np.float32]] = field(default_factory=list)

    def ask(self, copy: NDArray[np.uint8]) -> None:
        """Look for a copy."""
        self.near.append((self.network.vectors([copy, centre(copy)]) @ self.references.T).max(0))

    def found(self, own: NDArray[np.int64], strange: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether each copy has its work first, among ten, and nearer than any stranger is to any: shape (n, 3)."""
        near = np.stack(self.near)
        nearest = near[np.arange(len(own)), own]
        rank = (strange & (near > nearest[:, None])).sum(1)
        return np.stack([rank < 1, rank < 10, nearest > near[strange].max()], 1)


def main(arguments: list[str] | None = None) -> None:
    """Make the copies, ask both networks, and print a table."""
    options = _parser().parse_args(arguments)
    collection = collect(options.photos, options.works_from, options.most_held_out, options.seed)
    rng = np.random.default_rng(options.seed)
    works, beside = np.split(rng.permutation(_untrained(collection, options.trained_on)), [-BESIDE])
    rest = sorted({*collection.training, *collection.held_out} - {*works.tolist(), *beside.tolist()})
    columns = np.append(works, rng.permutation(rest))[: options.references]
    trials = [_trial(path, collection, columns) for path in (MODEL, options.network)]
    others = [opened(collection.pictures[one].path) for one in beside]
    kinds, own, begun = [], [], time.monotonic()
    for number, work in enumerate(works[: options.works]):
        if time.monotonic() - begun > 60 * options.minutes:
            break
        for kind, data in _copies(opened(collection.pictures[work].path), others, number, options):
            kinds.append(kind)
            own.append(number)
            for trial in trials:
                trial.ask(decode(data, Limits(), at_least=512).pixels)
    strange = collection.works[columns][None] != collection.works[works][own][:, None]
    sys.stdout.write(f"{len(set(own))} works, {len(columns)} references, {strange.sum():,} strange pairs\n")
    _show(kinds, [trial.found(np.array(own), strange) for trial in trials])


def _untrained(collection: Collection, lists: Sequence[Path]) -> list[int]:
    """Pictures held out now that are like none of those that either network was trained on."""
    lines = [line for path in (TRAINED_ON, *lists) for line in path.read_text().split()]
    trained = np.array([int(line, 16) for line in lines], np.uint64)
    pictures = collection.pictures
    return [one for one in collection.held_out if distances(trained, pictures[one].phash).min() > 2 * NEAR_SAME]


def _trial(path: Path, collection: Collection, columns: NDArray[np.int64]) -> Trial:
    network = Descriptor(BUILT_IN.card, BUILT_IN.space, path.read_bytes)
    return Trial(network, np.concatenate([network.vectors([collection.pixels[one]]) for one in columns]))


def _copies(
    work: Image.Image, beside: Sequence[Image.Image], number: int, options: argparse.Namespace
) -> Iterator[tuple[str, bytes]]:
    """As many primitives held back and edits as are asked for, in turns from work to work, and chains."""
    pixels, others = np.asarray(work), [np.asarray(one) for one in beside]
    pool, edits = [primitive for primitive in PRIMITIVES.values() if primitive.held_out], list(EDITS)
    made = [
        (
            f"primitives held back, {strength}",
            composed(pixels, others, [pool[turn % len(pool)]], number, length=1, strength=strength),
        )
        for turn in range(number * options.singles, (number + 1) * options.singles)
        for strength in STRENGTHS
    ]
    seeds = range(number * options.chains, (number + 1) * options.chains)
    made += [("chains of those", composed(pixels, others, pool, seed)) for seed in seeds]
    yield from ((kind, one.data) for kind, one in made if one is not None)
    for turn in range(number * options.edits, (number + 1) * options.edits):
        name = edits[turn % len(edits)]
        kind = f"{len(DESIGN)} edits of the design" if name in DESIGN else f"{len(FURTHER)} further edits"
        yield kind, apply(name, work, beside, number).data


def _show(kinds: Sequence[str], found: Sequence[NDArray[np.bool_]]) -> None:
    """A row for each kind of copy: shares of the present network → of the other, and at R@10 how many changed."""
    sys.stdout.write("| copies | | R@1 | R@10 | R@0FP | R@10 won, lost |\n|---|---|---|---|---|---|\n")
    for kind in dict.fromkeys(kinds):
        rows = np.array(kinds) == kind
        before, after = (one[rows] for one in found)
        shares = [f"{old:.3f} → {new:.3f}" for old, new in zip(before.mean(0), after.mean(0), strict=True)]
        won, lost = (after & ~before)[:, 1].sum(), (before & ~after)[:, 1].sum()
        sys.stdout.write(f"| {kind} | {rows.sum()} | {' | '.join(shares)} | {won}, {lost} |\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("network", type=Path, help="quantised descriptor that is compared with the present one")
    add("--photos", type=Path, required=True, action="append", help="a folder of pictures; several may be given")
    add("--works-from", required=True, action="append", help="part of the name of a source that works are taken from")
    add("--trained-on", type=Path, action="append", default=[], help="hashes of what the network was trained on")
    add("--most-held-out", type=int, default=1000, help="pictures of those sources that are read")
    add("--works", type=int, default=60, help="that are looked for, at most")
    add("--references", type=int, default=2000, help="pictures that are searched, works among them")
    add("--singles", type=int, default=18, help="primitives of each work, in two strengths; they come in turns")
    add("--chains", type=int, default=6, help="of each work")
    add("--edits", type=int, default=76, help="of each work; they come in turns")
    add("--minutes", type=float, default=1e9, help="no work is begun after so many")
    add("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()
