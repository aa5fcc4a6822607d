"""Selection of the works of a batch: random works, and works that the model confuses."""

import numpy as np
from numpy.typing import NDArray

from training.data import Collection, compute_category_weights

RANDOM_FRACTION = 0.5
NEIGHBOUR_CANDIDATES = 9
NEIGHBOURS_PER_WORK = 2
LOOK_ALIKES_PER_BATCH = 4


class BatchPicker:
    """Selects the works of successive batches.

    Args:
        collection: The pictures.
        works: Number of works in a batch.
        seed: Seed of the selection.
        width: Width of the remembered vectors.
    """

    def __init__(self, collection: Collection, works: int, seed: int, width: int) -> None:
        self._rng = np.random.default_rng([seed, 17])
        self._training = np.array(collection.training)
        pictures = [collection.pictures[index] for index in collection.training]
        self._weights = compute_category_weights(pictures)
        self._numbers = collection.works
        self._vectors = np.zeros((len(collection.pixels), width), np.float32)
        self._works = works
        groups: dict[str, list[int]] = {}
        for index, row in zip(collection.training, pictures, strict=True):
            if row.group:
                groups.setdefault(row.group, []).append(index)
        self._groups = [members for members in groups.values() if len(set(self._numbers[members])) > 1]

    def pick_batch(self) -> list[int]:
        """Return the works of the next batch, all different."""
        has_vectors = bool(self._vectors.any())
        random_count = int(self._works * RANDOM_FRACTION) if has_vectors else self._works
        picks: dict[int, int] = {}
        for group in self._rng.permutation(len(self._groups)) if has_vectors else ():
            if len(picks) < LOOK_ALIKES_PER_BATCH:  # Most groups are smaller, so several are needed.
                self._add_works(picks, list(self._rng.permutation(self._groups[group])), LOOK_ALIKES_PER_BATCH)
        while len(picks) < random_count:
            self._add_works(picks, list(self._rng.choice(self._training, random_count, p=self._weights)), random_count)
        for seed in [picture for picture in picks.values() if has_vectors]:
            if len(picks) < self._works:
                self._add_works(picks, self._find_neighbours(seed), self._works)
        while len(picks) < self._works:
            self._add_works(picks, list(self._rng.choice(self._training, self._works, p=self._weights)), self._works)
        return list(picks.values())

    def store_vectors(self, pictures: list[int], vectors: NDArray[np.float32]) -> None:
        """Store the latest vectors of works, with which neighbours are found."""
        self._vectors[pictures] = vectors

    def _find_neighbours(self, picture: int) -> list[int]:
        similarity = self._vectors[self._training] @ self._vectors[picture]
        nearest = self._training[np.argsort(-similarity)[:NEIGHBOUR_CANDIDATES]]
        return list(self._rng.permutation(nearest)[:NEIGHBOURS_PER_WORK])

    def _add_works(self, selection: dict[int, int], pictures: list[int], limit: int = 1 << 30) -> None:
        for picture in pictures:
            if len(selection) < limit:
                selection.setdefault(int(self._numbers[picture]), int(picture))
