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
from indexer.picture.descriptor import Descriptor, crop_centre
from indexer.picture.features import DEFAULT_LIMITS
from indexer.picture.perceptual_hash import compute_orientation_hashes, shrink

MIN_PHOTOS = 12
NEIGHBOUR_COUNT = 8
"""Photographs used only beside and behind others, in collages and on backgrounds."""
SAME_PICTURE_DISTANCE = 40
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


def as_dict(recall: Recall) -> dict[str, Any]:
    """Convert a measurement to JSON-compatible data."""
    return {**asdict(recall), "by_edit": {name: asdict(figures) for name, figures in recall.by_edit.items()}}


def recall_from_dict(data: Mapping[str, Any]) -> Recall:
    """Restore a measurement from the data of :func:`as_dict`."""
    by_edit = {name: Figures(**shares) for name, shares in data["by_edit"].items()}
    return Recall(**{**data, "overall": Figures(**data["overall"]), "by_edit": by_edit})


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
    neighbours = list(_read_photos(shuffled[:NEIGHBOUR_COUNT]))
    works: list[Image.Image] = []
    hashes: list[NDArray[np.uint8]] = []
    for image in _read_photos(shuffled[NEIGHBOUR_COUNT:]):
        if len(works) < most:
            works.append(image)
        hashes.append(compute_orientation_hashes(shrink(image.convert("L"))))
        for trial in trials:
            trial.register(np.asarray(image))
    if len(hashes) < MIN_PHOTOS:
        raise WrongUseError(
            f"There are {len(hashes) + len(neighbours)} photographs to measure on; at least "
            f"{MIN_PHOTOS + NEIGHBOUR_COUNT} "
            "are needed, better some hundred.",
            hint="Name a folder: --photos DIR",
        )
    for done, (number, edit) in enumerate(product(range(len(works)), edits), start=1):
        edited = decode(apply(edit, works[number], neighbours, seed + number).data, DEFAULT_LIMITS, at_least=512).pixels
        for trial in trials:
            trial.query(edit, number, edited)
        if progress is not None:
            progress(done, len(works) * len(edits))
    is_unrelated = _find_unrelated(np.stack(hashes))[: len(works)]
    if not is_unrelated.any():
        raise WrongUseError("All photographs show the same picture.", hint="Name a folder of different ones.")
    return [trial.recall(is_unrelated) for trial in trials]


class _Trial:
    """One network with the registered vectors, and the similarities of each query."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._registered: list[NDArray[np.float32]] = []
        self._near: dict[str, dict[int, NDArray[np.float32]]] = {}
        self._seconds = self._vector_count = 0.0

    def register(self, pixels: NDArray[np.uint8]) -> None:
        self._registered.append(self._descriptor.vectors([pixels])[0])

    def query(self, edit: str, work: int, pixels: NDArray[np.uint8]) -> None:
        start = time.process_time()
        vectors = self._descriptor.vectors([pixels, crop_centre(pixels)])
        self._seconds += time.process_time() - start
        self._vector_count += 2
        self._near.setdefault(edit, {})[work] = (vectors @ self._matrix.T).max(0)

    @cached_property
    def _matrix(self) -> NDArray[np.float32]:
        """Matrix of the registered vectors, once all have been added."""
        return np.stack(self._registered)

    def recall(self, is_unrelated: NDArray[np.bool_]) -> Recall:
        near = np.stack([row for rows in self._near.values() for _, row in sorted(rows.items())])
        works = np.array([work for rows in self._near.values() for work in sorted(rows)])
        unrelated_rows = is_unrelated[works]
        own_similarities = near[np.arange(len(near)), works]
        other_similarities = np.where(unrelated_rows, near, -np.inf)
        rank = (other_similarities >= own_similarities[:, None]).sum(
            1
        )  # a network that gives all pictures the same vector finds nothing
        negatives = near[unrelated_rows]
        rare = np.quantile(negatives, 1 - RARE, method="higher")
        successes = np.stack([rank < FIRST, rank < FEW, own_similarities > rare, own_similarities > negatives.max()], 1)
        counts = [len(rows) for rows in self._near.values()]
        parts = np.split(successes, np.cumsum(counts)[:-1])
        by_edit = {edit: _mean_figures(part) for edit, part in zip(self._near, parts, strict=True)}
        overall = _mean_figures(np.stack([part.mean(0) for part in parts]))
        milliseconds = 1000 * self._seconds / self._vector_count
        return Recall(overall, by_edit, milliseconds, counts[0], near.shape[1], int(unrelated_rows.sum()))


def _mean_figures(successes: NDArray[Any]) -> Figures:
    return Figures(*(float(share) for share in successes.mean(0)))


def _read_photos(photos: Sequence[Callable[[], bytes]]) -> Iterator[Image.Image]:
    for load in photos:
        try:
            pixels = decode(load(), DEFAULT_LIMITS, at_least=LONG_SIDE).pixels
        except UnreadablePictureError:
            continue
        image = ImageOps.contain(Image.fromarray(pixels), (LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
        yield image if max(pixels.shape[:2]) > LONG_SIDE else Image.fromarray(pixels)


def _find_unrelated(hashes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return pairs that are not nearly the same in any orientation: bool, shape (n, n), from hashes (n, 8, 32)."""
    bits = np.unpackbits(hashes, axis=2).astype(np.int16)
    upright = bits[:, 0]
    min_distances = np.full((len(hashes), len(hashes)), bits.shape[2], np.int64)
    for orientation in range(len(ORIENTATIONS)):
        rotated = bits[:, orientation]
        distances = rotated.sum(1)[:, None] + upright.sum(1)[None] - 2 * (rotated @ upright.T).astype(np.int64)
        min_distances = np.minimum(min_distances, distances)
    return np.asarray(np.minimum(min_distances, min_distances.T) > SAME_PICTURE_DISTANCE)
