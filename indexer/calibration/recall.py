"""How well a network finds edited copies: recall over the edits of :mod:`indexer.edits`, among pictures of one's own.

Each photograph that is registered here is looked for in every edit. A query is the picture and its middle, a registered
picture is described as a whole; the larger cosine counts.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from exhibit.errors import UnreadablePictureError, WrongUseError
from exhibit.pictures.decode import decode
from indexer.edits import EDITS, LONG_SIDE, apply
from indexer.layout.orientation import ORIENTATIONS
from indexer.picture.descriptor import Descriptor, centre
from indexer.picture.features import DEFAULT_LIMITS
from indexer.picture.perceptual_hash import orientation_hashes, shrink

MIN_PHOTOS = 12
STAND_BESIDE = 8
"""Photographs that only stand beside and behind others in collages and on backgrounds."""
NEAR_SAME = 40
"""Bits of the hash within which two photographs count as the same picture: they are no negatives of each other."""
FIRST, FEW = 1, 10
RARE = 1e-4
Progress = Callable[[int, int], None]
"""Told how many queries are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of the queries that find their work."""

    first: float  # as the nearest
    few: float  # among the ten nearest
    rare: float  # above the nearness that 1 in 10,000 strange pairs reach
    never: float  # above the nearness of every strange pair


@dataclass(frozen=True, slots=True)
class Recall:
    """What was measured of one network."""

    overall: Figures  # means over the edits
    by_edit: Mapping[str, Figures]  # by the edit's name
    milliseconds: float  # to describe one picture or part, with its preparation
    photos: int  # registered photographs that were looked for
    references: int  # photographs that were registered
    pairs: int  # strange pairs that were compared


def as_plain(recall: Recall) -> dict[str, Any]:
    """A measurement as JSON keeps it."""
    return {**asdict(recall), "by_edit": {name: asdict(measured) for name, measured in recall.by_edit.items()}}


def recall_of(plain: Mapping[str, Any]) -> Recall:
    """What :func:`as_plain` made."""
    by_edit = {name: Figures(**shares) for name, shares in plain["by_edit"].items()}
    return Recall(**{**plain, "overall": Figures(**plain["overall"]), "by_edit": by_edit})


def measure(
    descriptors: Sequence[Descriptor],
    photos: Sequence[Callable[[], bytes]],
    most: int,
    seed: int = 0,
    progress: Progress | None = None,
    edits: Sequence[str] = tuple(EDITS),
) -> list[Recall]:
    """Measure networks on the same edited pictures, looking for at most so many of the photographs.

    The others are registered too, but for some that stand in collages; what can't be read is left out. Raises
    ``WrongUseError`` when there are too few photographs, or all show the same picture.
    """
    shuffled = [photos[index] for index in np.random.default_rng(seed).permutation(len(photos))]
    trials = [_Trial(descriptor) for descriptor in descriptors]
    beside = list(_read(shuffled[:STAND_BESIDE]))
    works: list[Image.Image] = []
    hashes: list[NDArray[np.uint8]] = []
    for image in _read(shuffled[STAND_BESIDE:]):
        if len(works) < most:
            works.append(image)
        hashes.append(orientation_hashes(shrink(image.convert("L"))))
        for trial in trials:
            trial.register(np.asarray(image))
    if len(hashes) < MIN_PHOTOS:
        raise WrongUseError(
            f"There are {len(hashes) + len(beside)} photographs to measure on; at least {MIN_PHOTOS + STAND_BESIDE} "
            "are needed, better some hundred.",
            hint="Name a folder: --photos DIR",
        )
    for done, (number, edit) in enumerate(product(range(len(works)), edits), start=1):
        made = decode(apply(edit, works[number], beside, seed + number).data, DEFAULT_LIMITS, at_least=512).pixels
        for trial in trials:
            trial.ask(edit, number, made)
        if progress is not None:
            progress(done, len(works) * len(edits))
    strange = _strange(np.stack(hashes))[: len(works)]
    if not strange.any():
        raise WrongUseError("All photographs show the same picture.", hint="Name a folder of different ones.")
    return [trial.recall(strange) for trial in trials]


class _Trial:
    """One network, the vectors of what is registered, and how near each query came."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._registered: list[NDArray[np.float32]] = []
        self._near: dict[str, dict[int, NDArray[np.float32]]] = {}
        self._seconds = self._described = 0.0

    def register(self, pixels: NDArray[np.uint8]) -> None:
        self._registered.append(self._descriptor.vectors([pixels])[0])

    def ask(self, edit: str, work: int, pixels: NDArray[np.uint8]) -> None:
        begun = time.process_time()
        vectors = self._descriptor.vectors([pixels, centre(pixels)])
        self._seconds += time.process_time() - begun
        self._described += 2
        self._near.setdefault(edit, {})[work] = (vectors @ self._matrix.T).max(0)

    @cached_property
    def _matrix(self) -> NDArray[np.float32]:
        """What is registered, once all of it is."""
        return np.stack(self._registered)

    def recall(self, strange: NDArray[np.bool_]) -> Recall:
        near = np.stack([row for rows in self._near.values() for _, row in sorted(rows.items())])
        works = np.array([work for rows in self._near.values() for work in sorted(rows)])
        unlike = strange[works]
        own = near[np.arange(len(near)), works]
        others = np.where(unlike, near, -np.inf)
        rank = (others >= own[:, None]).sum(1)  # one that gives all pictures the same vector finds nothing
        negatives = near[unlike]
        rare = np.quantile(negatives, 1 - RARE, method="higher")
        found = np.stack([rank < FIRST, rank < FEW, own > rare, own > negatives.max()], 1)
        counts = [len(rows) for rows in self._near.values()]
        parts = np.split(found, np.cumsum(counts)[:-1])
        by_edit = {edit: _figures(part) for edit, part in zip(self._near, parts, strict=True)}
        overall = _figures(np.stack([part.mean(0) for part in parts]))
        milliseconds = 1000 * self._seconds / self._described
        return Recall(overall, by_edit, milliseconds, counts[0], near.shape[1], int(unlike.sum()))


def _figures(found: NDArray[Any]) -> Figures:
    return Figures(*(float(share) for share in found.mean(0)))


def _read(photos: Sequence[Callable[[], bytes]]) -> Iterator[Image.Image]:
    for load in photos:
        try:
            pixels = decode(load(), DEFAULT_LIMITS, at_least=LONG_SIDE).pixels
        except UnreadablePictureError:
            continue
        image = ImageOps.contain(Image.fromarray(pixels), (LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
        yield image if max(pixels.shape[:2]) > LONG_SIDE else Image.fromarray(pixels)


def _strange(hashes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which photographs aren't nearly the same, in any orientation: bool, shape (n, n), from hashes (n, 8, 32)."""
    bits = np.unpackbits(hashes, axis=2).astype(np.int16)
    upright = bits[:, 0]
    least = np.full((len(hashes), len(hashes)), bits.shape[2], np.int64)
    for orientation in range(len(ORIENTATIONS)):
        turned = bits[:, orientation]
        away = turned.sum(1)[:, None] + upright.sum(1)[None] - 2 * (turned @ upright.T).astype(np.int64)
        least = np.minimum(least, away)
    return np.asarray(np.minimum(least, least.T) > NEAR_SAME)
