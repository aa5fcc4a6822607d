"""Pictures with too little information for their hash: flat ones, patterns, pages of text, tiny ones.

Only flat and tiny pictures have too little for the whole comparison as well. Collages, and pages with words around a
picture, have enough, but share much with other people's.
"""

import numpy as np
from numpy.typing import NDArray

from indexer.layout.pages import COLLAGE, PAGE, classify_composition, compute_deviation

COMPOSED = frozenset({COLLAGE, PAGE})
"""Reasons for which a match is never certain."""
FLAT = frozenset({"flat", "tiny"})
"""Reasons for which only near-exact copies are matched, and each match goes to a person for review."""
MIN_QUALITY = 50
MANY_KEYPOINTS = 180
"""Keypoints from which details identify a picture although its hash shows little: a field in fog, a desert."""
MIN_KEYPOINTS = 54
TINY_SIDE = 64
BAND = 24
"""Grey levels that count as one tone."""
TWO_TONES = 0.65
"""Share of a picture in its two most frequent tones above which it may be drawn in two tones."""


def low_information(grey: NDArray[np.uint8], quality: int, keypoints: int, short_side: int) -> tuple[str, ...]:
    """Return why a picture cannot be identified by its hash, or shares much with others; empty if neither applies.

    The reasons are ``flat``, ``few-features``, ``two-tone`` (pages of text, tables, diagrams, plain logos) and
    ``tiny``; or
    ``collage`` or ``page``. Only those in ``FLAT`` and ``COMPOSED`` hold back the matches of a work.

    Args:
        grey: The grey picture.
        quality: Quality of its hash, 0 to 100.
        keypoints: Number of strong keypoints.
        short_side: Short side of the original in pixels.

    Returns:
        The reasons.
    """
    reasons = {
        "flat": quality < MIN_QUALITY and keypoints < MANY_KEYPOINTS,
        "few-features": keypoints < MIN_KEYPOINTS,
        "two-tone": _is_two_tone(grey),
        "tiny": short_side < TINY_SIDE,
    }
    return tuple(name for name, holds in reasons.items() if holds) or classify_composition(grey)


def _is_two_tone(grey: NDArray[np.uint8]) -> bool:
    """Return True if the picture is drawn in two tones, with hardly any shading as in photographs or paintings.

    The limits were chosen on 914 photographs, artworks, product pictures and logos.
    """
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64) / grey.size
    bands = np.convolve(counts, np.ones(BAND), mode="valid")
    fullest = int(bands.argmax())
    apart = np.abs(np.arange(len(bands)) - fullest) >= BAND
    two_tone_share = float(bands[fullest] + bands[apart].max(initial=0.0))
    if two_tone_share <= TWO_TONES:
        return False
    is_foreground = (grey < fullest) | (grey >= fullest + BAND)
    deviations = compute_deviation(
        grey
    )  # in 5×5 pixels: levels change gently where there is neither a constant area nor an edge
    shaded = float((is_foreground & (deviations > 0.7) & (deviations < 15)).mean())
    return shaded < 0.03 or (two_tone_share > 0.9 and shaded < 0.5 * float(is_foreground.mean()))
