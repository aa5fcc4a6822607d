"""Detection of pictures with too little information for a hash: flat pictures, patterns, pages of text, tiny pictures.

Only flat and tiny pictures have too little information for the full comparison as well. Collages, and pages with text
around a picture, have enough information, but may share much of it with unrelated pictures.
"""

import numpy as np
from numpy.typing import NDArray

from indexer.layout.pages import COLLAGE, PAGE, classify_composition, compute_deviation

COMPOSITION_REASONS = frozenset({COLLAGE, PAGE})
"""Reasons for which a match is never certain."""
FLAT_REASONS = frozenset({"flat", "tiny"})
"""Reasons for which only near-exact copies are matched, and each match requires a review."""
MIN_QUALITY = 50
MANY_KEYPOINTS = 180
"""Number of keypoints from which details identify a picture although its hash has little structure: fog, a desert."""
MIN_KEYPOINTS = 54
TINY_SIDE = 64
TONE_BAND = 24
"""Grey levels that count as one tone."""
MIN_TWO_TONE_FRACTION = 0.65
"""Fraction of pixels in the two most frequent tones above which a picture may be drawn in two tones."""


def find_information_reasons(grey: NDArray[np.uint8], quality: int, keypoints: int, short_side: int) -> tuple[str, ...]:
    """Return the reasons why the hash of a picture does not identify it, or why it shares much with others.

    The reasons are ``flat``, ``few-features``, ``two-tone`` (pages of text, tables, diagrams, plain logos) and
    ``tiny``; or ``collage`` or ``page``. Only those in ``FLAT_REASONS`` and ``COMPOSITION_REASONS`` restrict the
    matches of a work.

    Args:
        grey: The grey picture.
        quality: Quality of its hash, 0 to 100.
        keypoints: Number of strong keypoints.
        short_side: Short side of the original in pixels.

    Returns:
        The reasons; empty if none applies.
    """
    reasons = {
        "flat": quality < MIN_QUALITY and keypoints < MANY_KEYPOINTS,
        "few-features": keypoints < MIN_KEYPOINTS,
        "two-tone": _is_two_tone(grey),
        "tiny": short_side < TINY_SIDE,
    }
    return tuple(name for name, applies in reasons.items() if applies) or classify_composition(grey)


def _is_two_tone(grey: NDArray[np.uint8]) -> bool:
    """Return True if the picture has two tones and hardly any shading, unlike photographs and paintings.

    The limits were chosen on 914 photographs, artworks, product pictures and logos.
    """
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64) / grey.size
    bands = np.convolve(counts, np.ones(TONE_BAND), mode="valid")
    fullest = int(bands.argmax())
    is_outside_band = np.abs(np.arange(len(bands)) - fullest) >= TONE_BAND
    two_tone_share = float(bands[fullest] + bands[is_outside_band].max(initial=0.0))
    if two_tone_share <= MIN_TWO_TONE_FRACTION:
        return False
    is_foreground = (grey < fullest) | (grey >= fullest + TONE_BAND)
    # Shaded areas: the levels in 5×5 pixels change gently, so there is neither a constant area nor an edge
    deviations = compute_deviation(grey)
    shaded_fraction = float((is_foreground & (deviations > 0.7) & (deviations < 15)).mean())
    return shaded_fraction < 0.03 or (two_tone_share > 0.9 and shaded_fraction < 0.5 * float(is_foreground.mean()))
