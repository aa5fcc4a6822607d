"""A work laid faintly under a stranger: the least change that comparisons of structure can see.

Comparisons that even out contrast (SIFT's descriptors, correlations of windows) see a ghost as they see the work: the
change with the largest effect on all of them at once is the work itself, made faint (as hidden messages are; and
Oliva, Torralba and Schyns, "Hybrid images", 2006, for coarse and fine ones).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.primitives.canvas import Canvas, Pixels, begun
from indexer.layout.single_thread import cv2

COARSE, BLUR, HYBRID, NEIGHBOURHOOD = 1 / 24, 1 / 25, 1 / 90, 1 / 60
"""Blurs as shares of the long side: what counts as structure, a picture out of focus, what is coarse in a hybrid, and
over which contrast is evened out."""
FAINT = 0.24
"""Of the work's contrast, what a ghost keeps at most."""
SEEN_LEVELS = 2.5
"""Grey levels: a ghost of this contrast is seen where what it lies on has no more; it is about 1% of a middle grey."""


def laid_under(stranger: Pixels, work: Pixels, most: float) -> Canvas:
    """The stranger, each value changed by at most so many of 255, with the work's structure in the place of its own.

    Every neighbourhood of the work gets the same contrast, for a window counts once, however strong it is; but none
    gets a quarter of what it has in the work. Where a person would see the ghost, the canvas shows the work.
    """
    fitted = _fitted(work, stranger)
    wanted, own = _structure(fitted), _structure(stranger)
    side = NEIGHBOURHOOD * max(stranger.shape)
    contrast = np.sqrt(cv2.GaussianBlur(wanted * wanted, (0, 0), side))
    gain = np.minimum(most / np.maximum(contrast, 1e-6), FAINT)
    change = np.clip(gain * wanted - own, -most, most)
    made = np.asarray(np.clip(np.rint(stranger + change[..., None]), 0, 255), np.uint8)
    ghost = gain * wanted
    beside = np.sqrt(cv2.GaussianBlur(np.square(own + change - ghost), (0, 0), side))
    seen = (gain * contrast >= SEEN_LEVELS) & (gain * contrast >= beside)
    origin = begun(work).resized(stranger.shape[1], stranger.shape[0]).origin
    return Canvas(made, np.where(seen[..., None], origin, np.float32(np.nan)))


def out_of_focus(picture: Pixels) -> Pixels:
    """A picture as a ground out of focus shows it."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), BLUR * max(picture.shape)))


def hybrid(stranger: Pixels, work: Pixels) -> Canvas:
    """From afar the work, from near the stranger."""
    fitted = _fitted(work, stranger).astype(np.float32)
    sigma = HYBRID * max(stranger.shape)
    fine = stranger - cv2.GaussianBlur(stranger.astype(np.float32), (0, 0), sigma)
    made = np.clip(np.rint(cv2.GaussianBlur(fitted, (0, 0), sigma) + fine), 0, 255)
    origin = begun(work).resized(stranger.shape[1], stranger.shape[0]).origin
    return Canvas(np.asarray(made, np.uint8), origin)


def _fitted(work: Pixels, stranger: Pixels) -> Pixels:
    return np.asarray(cv2.resize(work, stranger.shape[1::-1], interpolation=cv2.INTER_AREA))


def _structure(picture: Pixels) -> NDArray[np.float32]:
    grey = np.asarray(Image.fromarray(picture).convert("L"), np.float32)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), COARSE * max(grey.shape)), np.float32)
