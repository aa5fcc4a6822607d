"""The 256-bit perceptual hash of a picture in all eight orientations from one DCT.

The definition is ``imagehash.phash(picture, hash_size=16)``: grey, 64×64 by Lanczos, DCT-II, its lowest 16×16
coefficients against their median. Mirroring a picture changes the signs of every other coefficient, and transposing it
transposes the block. The hashes of all orientations can therefore be computed from one block (the median changes with
the signs).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.layout.orientation import ORIENTATIONS
from indexer.layout.single_thread import cv2

HASHED_SIDE = 64
LOW_FREQUENCIES = 16
ALTERNATING_SIGNS = np.where(np.arange(LOW_FREQUENCIES) % 2, -1.0, 1.0)


def shrink_for_hash(grey: Image.Image) -> NDArray[np.uint8]:
    """Shrink to the 64×64 grey picture, uint8, from which the hash is computed."""
    return np.asarray(grey.resize((HASHED_SIDE, HASHED_SIDE), Image.Resampling.LANCZOS))


def compute_orientation_hashes(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Compute the hashes of all eight orientations (:mod:`indexer.layout.orientation`): uint8, shape (8, 32)."""
    # The lowest 16×16 of the DCT-II up to a common factor, scaled as in SciPy: without the orthogonal 1/√2.
    block = np.array(cv2.dct(small.astype(np.float64))[:LOW_FREQUENCIES, :LOW_FREQUENCIES])
    block[0] *= np.sqrt(2)
    block[:, 0] *= np.sqrt(2)
    blocks = np.stack([_rotate_block(block, orientation) for orientation in ORIENTATIONS]).reshape(
        len(ORIENTATIONS), -1
    )
    return np.packbits(blocks > np.median(blocks, axis=1, keepdims=True), axis=1)


def _rotate_block(block: NDArray[np.float64], orientation: int) -> NDArray[np.float64]:
    rotated = np.array(block.T if orientation & 4 else block)
    if orientation & 2:
        rotated *= ALTERNATING_SIGNS[:, None]
    if orientation & 1:
        rotated *= ALTERNATING_SIGNS
    return rotated


def measure_structure(small: NDArray[np.uint8]) -> int:
    """Measure the amount of structure in the 64×64 picture, 0 to 100.

    This is the measure of PDQ (Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm",
    2019): the sum of quantised gradients over 90. Below 50, hashes of different pictures coincide.
    """
    values = small.astype(np.int32)
    gradients = sum(int((np.abs(np.diff(values, axis=axis)) * 100 // 255).sum()) for axis in (0, 1))
    return min(100, gradients // 90)


def estimate_orientation_hashes(code: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Estimate the hashes of all eight orientations from one hash, uint8, shape (32,): uint8, shape (8, 32).

    Without the coefficients, the median is assumed to be 0: of 3,296 rotated photographs, half differed from their own
    hashes in up to 4 bits, and 99% in up to 16.
    """
    bits = np.unpackbits(code).reshape(LOW_FREQUENCIES, LOW_FREQUENCIES)
    hashes = []
    for orientation in ORIENTATIONS:
        rotated = np.array(bits.T if orientation & 4 else bits)
        rotated[1::2] ^= bool(orientation & 2)
        rotated[:, 1::2] ^= bool(orientation & 1)
        hashes.append(rotated.reshape(-1))
    return np.packbits(np.stack(hashes), axis=1)
