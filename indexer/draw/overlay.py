"""Drawings on the registered picture: the found one overlaid on it, or the map of surviving parts."""

from collections.abc import Sequence

import numpy as np

from exhibit.comparison.derived import LOST_CELL, PIXEL_CELL, STRUCTURE_CELL
from exhibit.pictures.decode import Limits
from indexer.draw.marks import draw_outline
from indexer.draw.pair import MAX_MAGNIFICATION, MAX_SIDE, Floats, Pair, Pixels, Rendering, Source, apply_transform
from indexer.layout.single_thread import cv2
from indexer.picture.features import DEFAULT_LIMITS

MAX_COVERED_FRACTION = 0.85
"""Fraction of the registered picture above which the found one is overlaid in strips."""
STRIP_COUNT = 6
CELL_COLOURS = {STRUCTURE_CELL: (255, 200, 60), LOST_CELL: (70, 80, 100)}
"""Colours of cells in which only structure survives, and in which nothing survives."""


def draw_overlay(pair: Pair) -> Pixels:
    """Draw the registered picture in faded grey, with the found picture overlaid and outlined.

    If the found picture would cover nearly everything, it is drawn in vertical strips with the registered one visible
    between them: lines that continue from strip to strip show that the pictures fit.
    """
    background = pair.registered_source.render(pair.registered_source.frame, (pair.side, pair.side), MAX_MAGNIFICATION)
    foreground, mask = pair.warp_found_picture(pair.first_copy, background)
    if mask.mean() > MAX_COVERED_FRACTION:
        mask = mask & (np.arange(background.size[0]) * STRIP_COUNT // background.size[0] % 2 == 1)
    canvas: Pixels = cv2.copyTo(foreground, mask.view(np.uint8), fade(background.pixels))
    draw_outline(canvas, transform_outline(pair.first_copy.registered_outline, background), pair.scale)
    return canvas


def transform_outline(points: Floats, rendering: Rendering) -> Floats:
    """Convert an outline to pixels of the drawing, moved inwards so that the whole line is visible."""
    return np.asarray(np.clip(apply_transform(points, rendering.matrix), 3, np.array(rendering.size) - 4), np.float64)


def fade(pixels: Pixels) -> Pixels:
    """Return the picture in light grey, still recognisable in the background."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.cvtColor(np.uint8(150) + grey // np.uint8(3), cv2.COLOR_GRAY2RGB))


def draw_survival(registered_picture: bytes, survival: Sequence[str], limits: Limits = DEFAULT_LIMITS) -> Pixels:
    """Draw the registered picture: colour where pixels survive, yellow where structure survives, otherwise dark.

    Areas without a result are light grey.

    Raises:
        UnreadablePictureError: The picture cannot be decoded.
    """
    source = Source(registered_picture, limits)
    pixels = source.render(source.frame, (MAX_SIDE, MAX_SIDE), MAX_MAGNIFICATION).pixels
    canvas, (height, width) = fade(pixels), pixels.shape[:2]
    for row, chars in enumerate(survival):
        for column, char in enumerate(chars):
            cell_slice = np.s_[
                row * height // len(survival) : (row + 1) * height // len(survival),
                column * width // len(chars) : (column + 1) * width // len(chars),
            ]
            if char == PIXEL_CELL:
                canvas[cell_slice] = pixels[cell_slice]
            elif char in CELL_COLOURS:
                canvas[cell_slice] = canvas[cell_slice] // 2 + np.array(CELL_COLOURS[char], np.uint8) // 2
    return canvas
