"""What ranks the registered pictures for one that was found: each peer, and each of Exhibit's stages by itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.matching.look import Look

Distances = NDArray[np.float64]
FAR = 1e9
"""A distance that no threshold reaches: what a tool gives no answer for."""


class Retriever(Protocol):
    """Gives the distance of a picture to every registered one; the smaller, the more alike."""

    @property
    def name(self) -> str:
        """For the tables."""

    @property
    def usual(self) -> float | None:
        """The greatest distance at which its makers speak of a copy; ``None`` where it only ranks."""

    def register(self, look: Look) -> None:
        """Add the next registered picture."""

    def distances(self, look: Look) -> Distances:
        """Float64, one for each registered picture."""

    @property
    def bytes_each(self) -> float:
        """What is kept of a registered picture to be searched, in bytes."""


class _Rows:
    """Vectors of the registered pictures, and whose each is."""

    def __init__(self) -> None:
        self._rows: list[NDArray[np.generic]] = []
        self._owners: list[int] = []
        self.count = 0

    def add(self, rows: NDArray[np.generic]) -> None:
        """The vectors of the next picture; there may be none."""
        self._rows.extend(rows)
        self._owners.extend([self.count] * len(rows))
        self.count += 1
        self.__dict__.pop("matrix", None)

    @property
    def are_none(self) -> bool:
        """Whether no picture had any."""
        return not self._rows

    @cached_property
    def matrix(self) -> NDArray[Any]:
        """All of them, one below the other."""
        return np.stack(self._rows)

    @property
    def bytes_each(self) -> float:
        """Of a picture's vectors."""
        return float(self.matrix.nbytes / max(1, self.count))

    def nearest(self, of_rows: NDArray[np.generic]) -> Distances:
        """The smallest value of each picture's rows."""
        nearest = np.full(self.count, FAR)
        np.minimum.at(nearest, self._owners, of_rows.astype(np.float64))
        return nearest


@dataclass(frozen=True, slots=True)
class HashRetriever:
    """Compares bits exhaustively: the smallest distance over the variants of both pictures.

    Attributes:
        name: for the tables.
        usual: bits.
        of_registered: packed rows of a registered picture, uint8, shape (n, bytes); none where it has no usable hash.
        of_found: the same of a found one.
    """

    name: str
    usual: float | None
    of_registered: Callable[[Look], NDArray[np.uint8]]
    of_found: Callable[[Look], NDArray[np.uint8]]
    _rows: _Rows = field(default_factory=_Rows)

    def register(self, look: Look) -> None:
        """Add the next registered picture."""
        self._rows.add(self.of_registered(look))

    def distances(self, look: Look) -> Distances:
        """Bits to each registered picture."""
        found = np.ascontiguousarray(self.of_found(look)).view(np.uint64)
        if self._rows.are_none or not len(found):
            return np.full(self._rows.count, FAR)
        every = self._rows.matrix.view(np.uint64)
        return self._rows.nearest(np.min([np.bitwise_count(every ^ one).sum(axis=1) for one in found], axis=0))

    @property
    def bytes_each(self) -> float:
        """What is kept of a registered picture."""
        return self._rows.bytes_each


@dataclass(frozen=True, slots=True)
class VectorRetriever:
    """Compares directions exhaustively: 1 − the largest cosine over the parts of both pictures.

    Attributes:
        name: for the tables.
        usual: 1 − cosine, or ``None``.
        of_registered: float32 rows of unit length of a registered picture.
        of_found: the same of a found one.
    """

    name: str
    usual: float | None
    of_registered: Callable[[Look], NDArray[np.float32]]
    of_found: Callable[[Look], NDArray[np.float32]]
    _rows: _Rows = field(default_factory=_Rows)

    def register(self, look: Look) -> None:
        """Add the next registered picture."""
        self._rows.add(self.of_registered(look))

    def distances(self, look: Look) -> Distances:
        """1 − cosine to each registered picture."""
        return self._rows.nearest(1 - (self._rows.matrix @ self.of_found(look).T).max(axis=1))

    @property
    def bytes_each(self) -> float:
        """What is kept of a registered picture."""
        return self._rows.bytes_each
