"""Recall of a network on edited copies, over the edits of :mod:`indexer.edits`, with the user's own photographs.

Each registered photograph is searched for with every edit. A query consists of the picture and its centre, a registered
picture is described as a whole; the larger cosine similarity counts.
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
"""Photographs used only beside and behind others, in collages and on backgrounds."""
NEAR_SAME = 40
"""Maximum hash distance, in bits, at which two photographs count as the same picture and not as negatives."""
FIRST, FEW = 1, 10
RARE = 1e-4
Progress = Callable[[int, int], None]
"""Receives the number of finished queries, and their total."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of queries that find their work."""

    first: float  # as the nearest match
    few: float  # among the ten nearest
    rare: float  # with a similarity above that of all but 1 in 10,000 unrelated pairs
    never: float  # with a similarity above that of all unrelated pairs


@dataclass(frozen=True, slots=True)
class Recall:
    """Measurements of one network."""

    overall: Figures  # means over the edits
    by_edit: Mapping[str, Figures]  # by the edit's name
    milliseconds: float  # time to describe one picture or part, including its preparation
    photos: int  # registered photographs that were searched for
    references: int  # registered photographs
    pairs: int  # unrelated pairs that were compared


def as_plain(recall: Recall) -> dict[str, Any]:
    """Convert a measurement to JSON-compatible data."""
    return {**asdict(recall), "by_edit": {name: asdict(measured) for name, measured in recall.by_edit.items()}}


def recall_of(plain: Mapping[str, Any]) -> Recall:
    """Restore a measurement from the data of :func:`as_plain`."""
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
    """Measure networks on the same edited pictures.

    Args:
        descriptors: The networks.
        photos: Functions that return the bytes of the photographs; unreadable ones are skipped.
        most: Maximum number of photographs to search for; the others are registered too, except for some in collages.
        seed: Seed of order and edits.
        progress: Receives the number of finished queries, and their total.
        edits: Names of edits.

    Returns:
        The measurements of each network.

    Raises:
        WrongUseError: There are too few photographs, or all show the same picture.
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
        edited = decode(apply(edit, works[number], beside, seed + number).data, DEFAULT_LIMITS, at_least=512).pixels
        for trial in trials:
            trial.ask(edit, number, edited)
        if progress is not None:
            progress(done, len(works) * len(edits))
    strange = _strange(np.stack(hashes))[: len(works)]
    if not strange.any():
        raise WrongUseError("All photographs show the same picture.", hint="Name a folder of different ones.")
    return [trial.recall(strange) for trial in trials]


class _Trial:
    """One network with the registered vectors, and the similarities of each query."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._registered: list[NDArray[np.float32]] = []
        self._near: dict[str, dict[int, NDArray[np.float32]]] = {}
        self._seconds = self._described = 0.0

    def register(self, pixels: NDArray[np.uint8]) -> None:
        self._registered.append(self._descriptor.vectors([pixels])[0])

    def ask(self, edit: str, work: int, pixels: NDArray[np.uint8]) -> None:
        start = time.process_time()
        vectors = self._descriptor.vectors([pixels, centre(pixels)])
        self._seconds += time.process_time() - start
        self._described += 2
        self._near.setdefault(edit, {})[work] = (vectors @ self._matrix.T).max(0)

    @cached_property
    def _matrix(self) -> NDArray[np.float32]:
        """Matrix of the registered vectors, once all have been added."""
        return np.stack(self._registered)

    def recall(self, strange: NDArray[np.bool_]) -> Recall:
        near = np.stack([row for rows in self._near.values() for _, row in sorted(rows.items())])
        works = np.array([work for rows in self._near.values() for work in sorted(rows)])
        unlike = strange[works]
        own = near[np.arange(len(near)), works]
        others = np.where(unlike, near, -np.inf)
        rank = (others >= own[:, None]).sum(1)  # a network that gives all pictures the same vector finds nothing
        negatives = near[unlike]
        rare = np.quantile(negatives, 1 - RARE, method="higher")
        successes = np.stack([rank < FIRST, rank < FEW, own > rare, own > negatives.max()], 1)
        counts = [len(rows) for rows in self._near.values()]
        parts = np.split(successes, np.cumsum(counts)[:-1])
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
    """Return pairs that are not nearly the same in any orientation: bool, shape (n, n), from hashes (n, 8, 32)."""
    bits = np.unpackbits(hashes, axis=2).astype(np.int16)
    upright = bits[:, 0]
    least = np.full((len(hashes), len(hashes)), bits.shape[2], np.int64)
    for orientation in range(len(ORIENTATIONS)):
        turned = bits[:, orientation]
        away = turned.sum(1)[:, None] + upright.sum(1)[None] - 2 * (turned @ upright.T).astype(np.int64)
        least = np.minimum(least, away)
    return np.asarray(np.minimum(least, least.T) > NEAR_SAME)
