"""Drawings on the registered picture: the found one laid over it, or the map of surviving parts."""

from collections.abc import Sequence

import numpy as np

from exhibit.comparison.derived import NOTHING, PIXELS, STRUCTURE
from exhibit.pictures.decode import Limits
from indexer.draw.marks import outline
from indexer.draw.pair import MAGNIFIED, MAX_SIDE, Floats, Pair, Pixels, Rendering, Source, apply_transform
from indexer.layout.single_thread import cv2
from indexer.picture.features import DEFAULT_LIMITS

MAX_COVERED_SHARE = 0.85
"""Share of the registered picture above which the found one is laid over it in strips."""
STRIPS = 6
TINTS = {STRUCTURE: (255, 200, 60), NOTHING: (70, 80, 100)}
"""Colours for cells in which structure survives, and in which nothing does."""


def overlay(pair: Pair) -> Pixels:
    """Draw the registered picture in faded grey, with the found picture laid over it and outlined.

    If that would cover nearly everything, the found picture is drawn in vertical strips, between which the registered
    one
    stays visible: lines that continue from strip to strip show that the two fit.
    """
    below = pair.registered_source.render(pair.registered_source.frame, (pair.side, pair.side), MAGNIFIED)
    above, mask = pair.warp_found(pair.first, below)
    if mask.mean() > MAX_COVERED_SHARE:
        mask = mask & (np.arange(below.size[0]) * STRIPS // below.size[0] % 2 == 1)
    canvas: Pixels = cv2.copyTo(above, mask.view(np.uint8), fade(below.pixels))
    outline(canvas, frame_outline(pair.first.registered_outline, below), pair.scale)
    return canvas


def frame_outline(points: Floats, rendering: Rendering) -> Floats:
    """Convert an outline to pixels of the drawing, moved inwards so that the whole line is visible."""
    return np.asarray(np.clip(apply_transform(points, rendering.matrix), 3, np.array(rendering.size) - 4), np.float64)


def fade(pixels: Pixels) -> Pixels:
    """Return the picture in light grey, still recognisable in the background."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.cvtColor(np.uint8(150) + grey // np.uint8(3), cv2.COLOR_GRAY2RGB))


def draw_survival(registered: bytes, survival: Sequence[str], limits: Limits = DEFAULT_LIMITS) -> Pixels:
    """Draw the registered picture: in colour where pixels survive, yellow where structure does, dark elsewhere.

    Areas without a result are light grey.

    Raises:
        UnreadablePictureError: The picture cannot be decoded.
    """
    source = Source(registered, limits)
    pixels = source.render(source.frame, (MAX_SIDE, MAX_SIDE), MAGNIFIED).pixels
    canvas, (height, width) = fade(pixels), pixels.shape[:2]
    for row, signs in enumerate(survival):
        for column, sign in enumerate(signs):
            place = np.s_[
                row * height // len(survival) : (row + 1) * height // len(survival),
                column * width // len(signs) : (column + 1) * width // len(signs),
            ]
            if sign == PIXELS:
                canvas[place] = pixels[place]
            elif sign in TINTS:
                canvas[place] = canvas[place] // 2 + np.array(TINTS[sign], np.uint8) // 2
    return canvas
