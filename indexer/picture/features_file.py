"""Features as bytes: an ``.npz`` archive without pickled objects, with the grey picture as PNG."""

import io
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.types import PictureInfo, Space
from indexer.layout.orientation import Box
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features, Lazy
from indexer.picture.local_features import LocalFeatures, quick_features
from indexer.picture.spaces import DESCRIPTOR, PIPELINE

PNG = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
)
"""PNG settings for the grey picture: runs of differences from the row above, in half the time of OpenCV's default."""
HEADER_LENGTH = slice(8, 10)
"""Position of the header length in version 1 of NumPy's format."""


def to_bytes(features: Features) -> bytes:
    """Serialise features with everything that is not quickly derived from the rest; about 180 KB for a photograph.

    Quick local features are derived from the grey picture again, and the descriptors of parts from the original bytes:
    for
    most works, they are needed once.
    """
    info, box = features.info, features.content
    about = {
        "pipeline": PIPELINE,
        "space": features.space.id,
        "digest": features.digest.hex,
        "info": [info.width, info.height, info.format, info.frames, info.incomplete],
        "quality": features.quality,
        "strong": features.local.strong,
        "low_information": features.low_information,
        "grey": features.grey_size,
        "masked": [_edges(box) for box in features.masked],
        "content": None if box is None else _edges(box),
        "panels": [_edges(panel) for panel in features.panels],
        "inset": None if features.inset is None else _edges(features.inset),
    }
    file = io.BytesIO()
    np.savez(
        file,
        about=np.frombuffer(json.dumps(about).encode(), np.uint8),
        hash_variants=features.hash_variants,
        grey=cv2.imencode(".png", features.grey, PNG)[1].ravel(),
        points=features.local.points,
        descriptors=features.local.descriptors,
        embedding=features.embedding,
    )
    return file.getvalue()


def from_bytes(data: bytes, measured: Callable[[], Features], space: Space = DESCRIPTOR) -> Features:
    """Restore features from :func:`to_bytes`.

    Args:
        data: The bytes.
        measured: Measures the picture again, for features that are not stored.
        space: Required space of the embedding.

    Returns:
        The features.

    Raises:
        IntegrityError: The data is damaged, or from another version of the pipeline or another space.
    """
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            parts = {name.removesuffix(".npy"): _array(archive.read(name)) for name in archive.namelist()}
        return _assemble(parts, measured, space)
    except (BadZipFile, KeyError, ValueError, TypeError, OSError, EOFError, RuntimeError) as error:
        raise IntegrityError("Stored features are damaged or from another version.") from error


def _array(stored: bytes) -> NDArray[Any]:
    """Read an array like ``np.load``, read-only."""
    begin = HEADER_LENGTH.stop + int.from_bytes(stored[HEADER_LENGTH], "little")
    shape, order, dtype = _described(stored[:begin])
    return np.ndarray(shape, dtype, stored, begin, order=order)


@lru_cache(maxsize=256)
def _described(header: bytes) -> tuple[tuple[int, ...], Any, np.dtype[Any]]:
    """Parse shape, order and type from a header: most works share theirs, and parsing takes longest."""
    file = io.BytesIO(header)
    if npy.read_magic(file) != (1, 0):
        raise ValueError("another version of NumPy's format")
    shape, is_fortran, dtype = npy.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("pickled objects")
    return shape, "F" if is_fortran else "C", dtype


def _assemble(parts: dict[str, NDArray[Any]], measured: Callable[[], Features], space: Space) -> Features:
    about = json.loads(parts["about"].tobytes())
    if (about["pipeline"], about["space"]) != (PIPELINE, space.id):
        raise ValueError(about["pipeline"])
    info, grey = PictureInfo(*about["info"]), parts["grey"]
    later_grey, size = Lazy(lambda: np.asarray(cv2.imdecode(grey, cv2.IMREAD_GRAYSCALE))), (info.width, info.height)
    local = LocalFeatures(parts["points"].astype(np.float32), parts["descriptors"], about["strong"])
    reasons, masked = tuple(about["low_information"]), tuple(Box(*edges) for edges in about["masked"])
    whole = parts["embedding"].astype(np.float32)
    return Features(
        digest=Digest.from_hex(about["digest"]),
        info=info,
        quality=about["quality"],
        content=None if about["content"] is None else Box(*about["content"]),
        panels=tuple(Box(*edges) for edges in about["panels"]),
        inset=None if about["inset"] is None else Box(*about["inset"]),
        hash_variants=parts["hash_variants"],
        grey_size=(about["grey"][0], about["grey"][1]),
        later_grey=later_grey,
        later_local=Lazy(lambda: local),
        later_quick=Lazy(lambda: quick_features(later_grey.value, size)),
        later_whole=Lazy(lambda: whole),
        later_within=Lazy(lambda: measured().later_within.value),
        later_low_information=Lazy(lambda: reasons),
        later_masked=Lazy(lambda: masked),
        space=space,
    )


def _edges(box: Box) -> list[float]:
    return [box.left, box.top, box.right, box.bottom]
