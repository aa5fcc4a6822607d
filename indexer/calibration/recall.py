"""Recall of a model on edited copies of the user's own photographs (edits of :mod:`indexer.edits`).

Each registered photograph is searched for with each of its edited copies. A query consists of the whole copy and its
centre, while a registered picture has one vector for the whole. The larger of the two cosine similarities counts.
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

from exhibit.errors import InvalidRequestError, UnreadablePictureError
from exhibit.pictures.decode import decode
from indexer.edits import EDITS, LONG_SIDE, apply
from indexer.layout.orientation import ORIENTATIONS
from indexer.picture.descriptor import Descriptor, crop_centre
from indexer.picture.features import DEFAULT_LIMITS
from indexer.picture.perceptual_hash import compute_orientation_hashes, shrink_for_hash

MIN_PHOTOS = 12
NEIGHBOUR_COUNT = 8
"""Number of photographs used only beside or behind others, in collages and on backgrounds."""
SAME_PICTURE_DISTANCE = 40
"""Maximum hash distance, in bits, at which two photographs count as the same picture and not as negatives."""
FIRST_RANK, FEW_RANKS = 1, 10
RARE_RATE = 1e-4
Progress = Callable[[int, int], None]
"""Receives the number of finished queries, and their total."""


@dataclass(frozen=True, slots=True)
class RecallRates:
    """Fractions of queries that find their work, by criterion."""

    first: float  # share found as the nearest match
    few: float  # among the ten nearest
    rare: float  # share found with a similarity above all but 1 in 10,000 unrelated pairs
    never: float  # share found with a similarity above all unrelated pairs


@dataclass(frozen=True, slots=True)
class Recall:
    """Measurements of one model."""

    overall: RecallRates  # means over the edits
    by_edit: Mapping[str, RecallRates]  # by the edit's name
    milliseconds: float  # time to compute the vector of one picture or part, including its preparation
    photos: int  # registered photographs that were searched for
    references: int  # registered photographs
    pairs: int  # unrelated pairs that were compared


def recall_to_dict(recall: Recall) -> dict[str, Any]:
    """Convert a measurement to JSON-compatible data."""
    return {**asdict(recall), "by_edit": {name: asdict(rates) for name, rates in recall.by_edit.items()}}


def recall_from_dict(data: Mapping[str, Any]) -> Recall:
    """Restore a measurement from the data of :func:`recall_to_dict`."""
    by_edit = {name: RecallRates(**rates) for name, rates in data["by_edit"].items()}
    return Recall(**{**data, "overall": RecallRates(**data["overall"]), "by_edit": by_edit})


def measure(
    descriptors: Sequence[Descriptor],
    photos: Sequence[Callable[[], bytes]],
    max_photos: int,
    seed: int = 0,
    progress: Progress | None = None,
    edits: Sequence[str] = tuple(EDITS),
) -> list[Recall]:
    """Measure the recall of models on the same edited pictures.

    Args:
        descriptors: The models.
        photos: Functions that return the bytes of the photographs; unreadable ones are skipped.
        max_photos: Maximum number of photographs to search for. The others are registered as well, except for those
            that are used in collages.
        seed: Seed of the order and of the edits.
        progress: Receives the number of finished queries, and their total.
        edits: Names of edits.

    Returns:
        The measurements of each model.

    Raises:
        InvalidRequestError: There are too few photographs, or all show the same picture.
    """
    shuffled = [photos[index] for index in np.random.default_rng(seed).permutation(len(photos))]
    trials = [_ModelTrial(descriptor) for descriptor in descriptors]
    neighbours = list(_read_photos(shuffled[:NEIGHBOUR_COUNT]))
    works: list[Image.Image] = []
    hashes: list[NDArray[np.uint8]] = []
    for image in _read_photos(shuffled[NEIGHBOUR_COUNT:]):
        if len(works) < max_photos:
            works.append(image)
        hashes.append(compute_orientation_hashes(shrink_for_hash(image.convert("L"))))
        for trial in trials:
            trial.register(np.asarray(image))
    if len(hashes) < MIN_PHOTOS:
        raise InvalidRequestError(
            f"There are {len(hashes) + len(neighbours)} photographs to measure on; at least "
            f"{MIN_PHOTOS + NEIGHBOUR_COUNT} "
            "are required. Several hundred are better.",
            hint="Enter a folder: --photos DIR",
        )
    for done, (number, edit) in enumerate(product(range(len(works)), edits), start=1):
        edited = decode(apply(edit, works[number], neighbours, seed + number).data, DEFAULT_LIMITS, at_least=512).pixels
        for trial in trials:
            trial.query(edit, number, edited)
        if progress is not None:
            progress(done, len(works) * len(edits))
    is_unrelated = _find_unrelated_pairs(np.stack(hashes))[: len(works)]
    if not is_unrelated.any():
        raise InvalidRequestError(
            "All photographs show the same picture.", hint="Enter a folder of different photographs."
        )
    return [trial.compute_recall(is_unrelated) for trial in trials]


class _ModelTrial:
    """Model with its registered vectors, and the similarities of each query."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._registered: list[NDArray[np.float32]] = []
        self._near: dict[str, dict[int, NDArray[np.float32]]] = {}
        self._seconds = self._vector_count = 0.0

    def register(self, pixels: NDArray[np.uint8]) -> None:
        self._registered.append(self._descriptor.compute_vectors([pixels])[0])

    def query(self, edit: str, work: int, pixels: NDArray[np.uint8]) -> None:
        start = time.process_time()
        vectors = self._descriptor.compute_vectors([pixels, crop_centre(pixels)])
        self._seconds += time.process_time() - start
        self._vector_count += 2
        self._near.setdefault(edit, {})[work] = (vectors @ self._matrix.T).max(0)

    @cached_property
    def _matrix(self) -> NDArray[np.float32]:
        """Matrix of the registered vectors; available after the last one was added."""
        return np.stack(self._registered)

    def compute_recall(self, is_unrelated: NDArray[np.bool_]) -> Recall:
        query_similarities = np.stack([row for rows in self._near.values() for _, row in sorted(rows.items())])
        works = np.array([work for rows in self._near.values() for work in sorted(rows)])
        unrelated_rows = is_unrelated[works]
        own_similarities = query_similarities[np.arange(len(query_similarities)), works]
        other_similarities = np.where(unrelated_rows, query_similarities, -np.inf)
        # A model that returns the same vector for all pictures must find nothing
        rank = (other_similarities >= own_similarities[:, None]).sum(1)
        negatives = query_similarities[unrelated_rows]
        rare_threshold = np.quantile(negatives, 1 - RARE_RATE, method="higher")
        successes = np.stack(
            [
                rank < FIRST_RANK,
                rank < FEW_RANKS,
                own_similarities > rare_threshold,
                own_similarities > negatives.max(),
            ],
            1,
        )
        counts = [len(rows) for rows in self._near.values()]
        parts = np.split(successes, np.cumsum(counts)[:-1])
        by_edit = {edit: _compute_mean_rates(part) for edit, part in zip(self._near, parts, strict=True)}
        overall = _compute_mean_rates(np.stack([part.mean(0) for part in parts]))
        milliseconds = 1000 * self._seconds / self._vector_count
        return Recall(overall, by_edit, milliseconds, counts[0], query_similarities.shape[1], int(unrelated_rows.sum()))


def _compute_mean_rates(successes: NDArray[Any]) -> RecallRates:
    return RecallRates(*(float(rate) for rate in successes.mean(0)))


def _read_photos(photos: Sequence[Callable[[], bytes]]) -> Iterator[Image.Image]:
    for load in photos:
        try:
            pixels = decode(load(), DEFAULT_LIMITS, at_least=LONG_SIDE).pixels
        except UnreadablePictureError:
            continue
        image = ImageOps.contain(Image.fromarray(pixels), (LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
        yield image if max(pixels.shape[:2]) > LONG_SIDE else Image.fromarray(pixels)


def _find_unrelated_pairs(hashes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Find pairs of pictures that differ in every orientation: bool, shape (n, n), from hashes, shape (n, 8, 32)."""
    bits = np.unpackbits(hashes, axis=2).astype(np.int16)
    upright = bits[:, 0]
    min_distances = np.full((len(hashes), len(hashes)), bits.shape[2], np.int64)
    for orientation in range(len(ORIENTATIONS)):
        rotated = bits[:, orientation]
        distances = rotated.sum(1)[:, None] + upright.sum(1)[None] - 2 * (rotated @ upright.T).astype(np.int64)
        min_distances = np.minimum(min_distances, distances)
    return np.asarray(np.minimum(min_distances, min_distances.T) > SAME_PICTURE_DISTANCE)
