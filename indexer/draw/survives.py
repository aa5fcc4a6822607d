"""The map of what survives, over the registered picture."""

from collections.abc import Sequence

import numpy as np

from exhibit.comparison.derived import NOTHING, PIXELS, STRUCTURE
from exhibit.pictures.decode import Limits
from indexer.draw.overlay import faded
from indexer.draw.pair import MAGNIFIED, MAX_SIDE, Pixels, Source
from indexer.picture.features import DEFAULT_LIMITS

TINTS = {STRUCTURE: (255, 200, 60), NOTHING: (70, 80, 100)}
"""Laid over the cells in which structure survives, and over those in which nothing does."""


def survives(registered: bytes, survival: Sequence[str], limits: Limits = DEFAULT_LIMITS) -> Pixels:
    """The registered picture: in colour where pixels survive, yellow where structure does, dark where nothing does.

    Light grey is where it tells nothing. Raises ``UnreadablePictureError`` when it can't be decoded.
    """
    source = Source(registered, limits)
    shown = source.shown(source.frame, (MAX_SIDE, MAX_SIDE), MAGNIFIED).pixels
    canvas, (height, width) = faded(shown), shown.shape[:2]
    for row, signs in enumerate(survival):
        for column, sign in enumerate(signs):
            place = np.s_[
                row * height // len(survival) : (row + 1) * height // len(survival),
                column * width // len(signs) : (column + 1) * width // len(signs),
            ]
            if sign == PIXELS:
                canvas[place] = shown[place]
            elif sign in TINTS:
                canvas[place] = canvas[place] // 2 + np.array(TINTS[sign], np.uint8) // 2
    return canvas
