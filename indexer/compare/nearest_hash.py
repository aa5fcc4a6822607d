"""The nearest pair of hashes of two pictures, and the alignment that follows from it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.odds import NOT_COMPARED
from indexer.layout.orientation import Box, alignment
from indexer.picture.features import Features
from indexer.picture.spaces import INSET


@dataclass(frozen=True, eq=False)
class HashMatch:
    """The nearest pair of hashes of two pictures."""

    hamming: int  # bits
    orientation: int  # of the found picture
    found: Box  # hashed part, original pixels
    registered: Box  # the same for the registered picture

    @cached_property
    def transform(self) -> NDArray[np.float64]:
        """3×3, original found to original registered pixels, from orientation and trims."""
        return alignment(self.orientation, self.found, self.registered)


def nearest_hash(found: Features, registered: Features) -> HashMatch:
    """Return the nearest pair among the found picture's variants and the hashes of the registered picture's parts."""
    best, variant, stored = NOT_COMPARED + 1, found.variants[0], ""
    words = found.hash_variants.view(np.uint64)
    for part, raw in registered.hashes.items():
        if part == INSET:  # others may have placed the same picture on theirs
            continue
        distances = np.bitwise_count(words ^ np.frombuffer(raw, np.uint64)).sum(axis=1)
        row = int(distances.argmin())
        if distances[row] < best:
            best, variant, stored = int(distances[row]), found.variants[row], part
    return HashMatch(best, variant.orientation, found.box(variant.part), registered.box(stored))
