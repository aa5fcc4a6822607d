"""The copy-detection descriptor of a picture and of parts of it (``models/MODEL_CARD.md``)."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exhibit.errors import ServiceMissingError
from indexer.single_thread import cv2
from indexer.spaces import CENTRE, DESCRIPTOR, TILES, WHOLE

MODEL = Path(__file__).parent / "models" / "descriptor.int8.onnx"
SIDE = 224
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)
CENTRE_SHARE = 0.6
TILE_SHARE = 0.5
PARTS = (WHOLE, CENTRE, *TILES)


def embeddings(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The descriptors of a picture and its parts.

    Args:
        pixels: uint8 RGB, shape (height, width, 3).

    Returns:
        float32, one row of unit length and 256 components for each of :data:`PARTS`.
    """
    session = _session()
    rows = [session.run(None, {"x": _prepare(part)})[0][0] for part in _parts(pixels)]
    return np.asarray(rows, np.float32).reshape(len(PARTS), DESCRIPTOR.width)


def _parts(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    height, width = pixels.shape[:2]
    high, wide = max(1, round(height * TILE_SHARE)), max(1, round(width * TILE_SHARE))
    corners = [(0, 0), (0, width - wide), (height - high, 0), (height - high, width - wide)]
    tiles = [pixels[top : top + high, left : left + wide] for top, left in corners]
    high, wide = max(1, round(height * CENTRE_SHARE)), max(1, round(width * CENTRE_SHARE))
    top, left = (height - high) // 2, (width - wide) // 2
    return [pixels, pixels[top : top + high, left : left + wide], *tiles]


def _prepare(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The network's input, float32, shape (1, 3, 224, 224)."""
    shrinks = min(pixels.shape[:2]) > SIDE
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.ascontiguousarray(((small.astype(np.float32) - MEAN) / DEVIATION).transpose(2, 0, 1)[None])


@cache
def _session() -> Any:  # noqa: ANN401 - the runtime has no types
    """The network, opened on first use: after a fork, with one thread."""
    import onnxruntime  # noqa: PLC0415 - its threads must not exist before a fork

    if not MODEL.is_file():
        raise ServiceMissingError(f"The model {MODEL.name} isn't there.", hint="Restore indexer/models.", retry=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])
