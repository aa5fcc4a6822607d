"""Selection of the works of a batch: some at random, some that the network confuses."""

import numpy as np
from numpy.typing import NDArray

from training.data import Collection, weights_by_category

RANDOM_SHARE = 0.5
NEIGHBOURS = 9
NEIGHBOURS_TAKEN = 2
LOOK_ALIKES = 4


class Picker:
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
        self._weights = weights_by_category(pictures)
        self._numbers = collection.works
        self._vectors = np.zeros((len(collection.pixels), width), np.float32)
        self._works = works
        groups: dict[str, list[int]] = {}
        for index, row in zip(collection.training, pictures, strict=True):
            if row.group:
                groups.setdefault(row.group, []).append(index)
        self._groups = [members for members in groups.values() if len(set(self._numbers[members])) > 1]

    def pick(self) -> list[int]:
        """Return the works of the next batch, all different."""
        has_vectors = bool(self._vectors.any())
        at_random = int(self._works * RANDOM_SHARE) if has_vectors else self._works
        picks: dict[int, int] = {}
        for group in self._rng.permutation(len(self._groups)) if has_vectors else ():
            if len(picks) < LOOK_ALIKES:  # most groups are smaller, so several are needed
                self._add(picks, list(self._rng.permutation(self._groups[group])), LOOK_ALIKES)
        while len(picks) < at_random:
            self._add(picks, list(self._rng.choice(self._training, at_random, p=self._weights)), at_random)
        for seed in [picture for picture in picks.values() if has_vectors]:
            if len(picks) < self._works:
                self._add(picks, self._near(seed), self._works)
        while len(picks) < self._works:
            self._add(picks, list(self._rng.choice(self._training, self._works, p=self._weights)), self._works)
        return list(picks.values())

    def remember(self, pictures: list[int], vectors: NDArray[np.float32]) -> None:
        """Store the latest vectors of works, which are used to find neighbours."""
        self._vectors[pictures] = vectors

    def _near(self, picture: int) -> list[int]:
        likeness = self._vectors[self._training] @ self._vectors[picture]
        nearest = self._training[np.argsort(-likeness)[:NEIGHBOURS]]
        return list(self._rng.permutation(nearest)[:NEIGHBOURS_TAKEN])

    def _add(self, selection: dict[int, int], pictures: list[int], limit: int = 1 << 30) -> None:
        for picture in pictures:
            if len(selection) < limit:
                selection.setdefault(int(self._numbers[picture]), int(picture))
