"""The nearest pair of hashes of two pictures, and the alignment that follows from it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.odds import NOT_COMPARED
from indexer.layout.orientation import Box, compute_alignment
from indexer.picture.features import Features
from indexer.picture.spaces import INSET


@dataclass(frozen=True, eq=False)
class HashMatch:
    """The nearest pair of hashes of two pictures."""

    hamming: int  # bits
    orientation: int  # of the found picture
    found_box: Box  # hashed part, original pixels
    registered_box: Box  # the same for the registered picture

    @cached_property
    def transform(self) -> NDArray[np.float64]:
        """3×3, original found to original registered pixels, from orientation and trims."""
        return compute_alignment(self.orientation, self.found_box, self.registered_box)


def find_nearest_hash(found_picture: Features, registered: Features) -> HashMatch:
    """Return the nearest pair among the found picture's variants and the hashes of the registered picture's parts."""
    best, variant, stored = NOT_COMPARED + 1, found_picture.variants[0], ""
    found_words = found_picture.hash_variants.view(np.uint64)
    for part, raw in registered.hashes.items():
        if part == INSET:  # others may have placed the same picture on theirs
            continue
        distances = np.bitwise_count(found_words ^ np.frombuffer(raw, np.uint64)).sum(axis=1)
        row = int(distances.argmin())
        if distances[row] < best:
            best, variant, stored = int(distances[row]), found_picture.variants[row], part
    return HashMatch(best, variant.orientation, found_picture.box(variant.part), registered.box(stored))
