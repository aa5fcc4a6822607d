"""The found picture laid on the registered one."""

import numpy as np

from indexer.draw.marks import outline
from indexer.draw.pair import MAGNIFIED, Floats, Pair, Pixels, Shown, moved
from indexer.layout.single_thread import cv2

COVERED = 0.85
"""Where the found picture covers more than this share of the registered one, it is laid on it in strips."""
STRIPS = 6


def overlay(pair: Pair) -> Pixels:
    """The registered picture in faded grey; what the found picture shows of it is laid on it, outlined.

    Where that would cover nearly all of it, the found picture is laid on it in upright strips, between which the
    registered one stays visible: lines that run on from strip to strip show that the two fit.
    """
    below = pair.registered.shown(pair.registered.frame, (pair.side, pair.side), MAGNIFIED)
    above, mask = pair.laid(pair.first, below)
    if mask.mean() > COVERED:
        mask = mask & (np.arange(below.size[0]) * STRIPS // below.size[0] % 2 == 1)
    canvas: Pixels = cv2.copyTo(above, mask.view(np.uint8), faded(below.pixels))
    outline(canvas, framed(pair.first.registered, below), pair.scale)
    return canvas


def framed(points: Floats, shown: Shown) -> Floats:
    """An outline in the pixels of what is shown, so far inside that the line is seen whole."""
    return np.asarray(np.clip(moved(points, shown.matrix), 3, np.array(shown.size) - 4), np.float64)


def faded(pixels: Pixels) -> Pixels:
    """Light grey: it stands back, and can still be recognised."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.cvtColor(np.uint8(150) + grey // np.uint8(3), cv2.COLOR_GRAY2RGB))
