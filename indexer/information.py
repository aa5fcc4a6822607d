"""Which pictures carry too little to be told apart: flat ones, gradients, patterns, pages of text, tiny ones."""

import numpy as np
from numpy.typing import NDArray

LEAST_QUALITY = 50
LEAST_KEYPOINTS = 60
LEAST_SIDE = 64
TWO_TONE_SHARE = 0.9
TONE_WIDTH = 24


def low_information(grey: NDArray[np.uint8], quality: int, keypoints: int, short_side: int) -> tuple[str, ...]:
    """Why a picture can't be matched safely; empty when it can.

    Args:
        grey: uint8, shape (height, width).
        quality: of its hash, 0 to 100.
        keypoints: how many local features it has.
        short_side: original pixels.

    Returns:
        Some of ``flat``, ``few-features``, ``two-tone`` (text, tables, line art) and ``tiny``.
    """
    reasons = {
        "flat": quality < LEAST_QUALITY,
        "few-features": keypoints < LEAST_KEYPOINTS,
        "two-tone": _share_of_two_tones(grey) > TWO_TONE_SHARE,
        "tiny": short_side < LEAST_SIDE,
    }
    return tuple(name for name, holds in reasons.items() if holds)


def _share_of_two_tones(grey: NDArray[np.uint8]) -> float:
    """The share of pixels in the two fullest bands of 24 grey levels that don't touch."""
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    bands = np.convolve(counts, np.ones(TONE_WIDTH), mode="valid")
    first = int(bands.argmax())
    apart = np.abs(np.arange(len(bands)) - first) >= TONE_WIDTH
    return float((bands[first] + bands[apart].max(initial=0.0)) / counts.sum())
