"""Nearest pair of hashes of two pictures, and the alignment derived from it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.odds import UNCOMPARED_DISTANCE
from indexer.layout.orientation import Box, compute_alignment
from indexer.picture.features import Features
from indexer.picture.spaces import INSET


@dataclass(frozen=True, eq=False)
class HashMatch:
    """The nearest pair of hashes of two pictures."""

    hamming: int  # distance in bits
    orientation: int  # orientation of the found picture
    found_box: Box  # hashed part, original pixels
    registered_box: Box  # the same for the registered picture

    @cached_property
    def transform(self) -> NDArray[np.float64]:
        """3×3, original found to original registered pixels, from orientation and trims."""
        return compute_alignment(self.orientation, self.found_box, self.registered_box)


def find_nearest_hash(found_picture: Features, registered_picture: Features) -> HashMatch:
    """Return the nearest pair among the found picture's variants and the hashes of the registered picture's parts."""
    best_distance, variant, stored_part = UNCOMPARED_DISTANCE + 1, found_picture.variants[0], ""
    found_hash_words = found_picture.hash_variants.view(np.uint64)
    for part, hash_bytes in registered_picture.hashes.items():
        if part == INSET:  # the inset may come from elsewhere and also appear in pictures of others
            continue
        distances = np.bitwise_count(found_hash_words ^ np.frombuffer(hash_bytes, np.uint64)).sum(axis=1)
        row = int(distances.argmin())
        if distances[row] < best_distance:
            best_distance, variant, stored_part = int(distances[row]), found_picture.variants[row], part
    return HashMatch(
        best_distance, variant.orientation, found_picture.box(variant.part), registered_picture.box(stored_part)
    )
