"""Which pictures carry too little to be told apart by their hash: flat ones, patterns, pages of text, tiny ones.

Only the flat and the tiny carry too little for the whole comparison as well. Collages and pages with words around a
picture carry enough, but share much with those of strangers.
"""

import numpy as np
from numpy.typing import NDArray

from indexer.layout.pages import COLLAGE, PAGE, composition, deviation

COMPOSED = frozenset({COLLAGE, PAGE})
"""Reasons for which a match is never certain."""
FLAT = frozenset({"flat", "tiny"})
"""Reasons for which only nearly exact copies are matched at all, and each goes to a person."""
MIN_QUALITY = 50
MANY_KEYPOINTS = 180
"""From so many a picture can be told apart by its details, though its hash sees little: a field in fog, a desert."""
MIN_KEYPOINTS = 54
TINY_SIDE = 64
BAND = 24
"""Grey levels that count as one tone."""
TWO_TONES = 0.65
"""Share of a picture that its two fullest tones have together, from which it may be drawn in them."""


def low_information(grey: NDArray[np.uint8], quality: int, keypoints: int, short_side: int) -> tuple[str, ...]:
    """Why a picture can't be told from others by its hash alone, or shares much with theirs; empty when neither holds.

    Some of ``flat``, ``few-features``, ``two-tone`` (pages of text, tables, diagrams, plain logos) and ``tiny``; or
    ``collage`` or ``page``. Those of ``FLAT`` and ``COMPOSED`` alone hold the matches of a work back. The quality is
    that of its hash, 0 to 100, its short side that of the original, in pixels.
    """
    reasons = {
        "flat": quality < MIN_QUALITY and keypoints < MANY_KEYPOINTS,
        "few-features": keypoints < MIN_KEYPOINTS,
        "two-tone": _two_tone(grey),
        "tiny": short_side < TINY_SIDE,
    }
    return tuple(name for name, holds in reasons.items() if holds) or composition(grey)


def _two_tone(grey: NDArray[np.uint8]) -> bool:
    """Whether the picture is drawn in two tones, and hardly anything in it is shaded as in a photograph or a painting.

    The limits were chosen on 914 photographs, artworks, product pictures and logos.
    """
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64) / grey.size
    bands = np.convolve(counts, np.ones(BAND), mode="valid")
    fullest = int(bands.argmax())
    apart = np.abs(np.arange(len(bands)) - fullest) >= BAND
    two = float(bands[fullest] + bands[apart].max(initial=0.0))
    if two <= TWO_TONES:
        return False
    drawn = (grey < fullest) | (grey >= fullest + BAND)
    deviates = deviation(grey)  # in 5×5 pixels: levels change gently where there is neither a constant nor an edge
    shaded = float((drawn & (deviates > 0.7) & (deviates < 15)).mean())
    return shaded < 0.03 or (two > 0.9 and shaded < 0.5 * float(drawn.mean()))
