"""Local votes: each descriptor of a picture votes for the works that have one much like it.

LNBNN of McCann and Lowe, "Local Naive Bayes Nearest Neighbor for Image Classification" (2012): a vote weighs as much as
the neighbour is nearer than the tenth one, which stands for the background. Each descriptor has one vote for a work.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 10
"""The last of these is the background."""
HEAVIEST = 64
"""Works that are told of: those beyond show what chance gives, and no more."""


@dataclass(frozen=True, slots=True)
class Vote:
    """How much speaks for one work."""

    number: int  # index sequence number of the work's local features
    weight: float  # sum of the votes, in distances between descriptors of unit length
    voters: int  # how many descriptors voted for it


def count_votes(distances: NDArray[np.float32], numbers: NDArray[np.int64], of: int | None = None) -> list[Vote]:
    """Count the votes of one picture: for the heaviest works, heaviest first, ties by number.

    Squared distances and numbers have shape (descriptors, neighbours), nearest first; where there is no neighbour, they
    are infinite and -1. With ``of`` some descriptors stand for so many: weights are so much larger.
    """
    there = numbers >= 0
    if not there.any():
        return []
    lengths = np.sqrt(np.maximum(np.where(there, distances, 0), 0))
    background = lengths.max(axis=1, keepdims=True)
    counts = there & ~_has_voted(numbers)
    works, places = np.unique(numbers[counts], return_inverse=True)
    weights = np.broadcast_to(background, lengths.shape)[counts] - lengths[counts]
    sums = np.bincount(places, weights, len(works)) * (1 if of is None else of / len(numbers))
    voters = np.bincount(places, weights > 0, len(works)).astype(np.int64)
    order = np.lexsort((works, -sums))[:HEAVIEST]
    return [Vote(int(works[row]), float(sums[row]), int(voters[row])) for row in order if sums[row] > 0]


def _has_voted(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the descriptor of a row voted for the same work with a nearer neighbour."""
    again = np.zeros(numbers.shape, np.bool_)
    for neighbour in range(1, numbers.shape[1]):
        again[:, neighbour] = (numbers[:, :neighbour] == numbers[:, neighbour, None]).any(axis=1)
    return again
