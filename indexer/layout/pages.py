"""Works that are no single picture: collages, and pages with words around a picture.

Strangers who use the same page or the same neighbours share most of such a work without sharing what its owner made.
"""

import numpy as np
from numpy.typing import NDArray

from indexer.layout.orientation import Box
from indexer.layout.panels import panels
from indexer.layout.scaling import at_most
from indexer.layout.single_thread import cv2

PAGE_SIDE = 400
"""Long side, pixels, of the picture in which lines of words are looked for."""
COLLAGE, PAGE = "collage", "page"
MIN_FILLED = 0.6
"""Share of a side along which a rectangle differs from what is around it: a thing on a white ground touches its box
in a few places only."""
FILLED_SIDES = 3
OFF_GROUND = 12
"""Grey levels by which they differ."""
BETWEEN = 0.25
"""Share of a rectangle that has the colour of the ground around it, from which it is taken for words."""
MIN_PANELS = 2
MIN_LINES = 5
"""Lines of words outside the pictures; a caption has fewer."""
LINE_HEIGHT = (3, 26)
LINE_RATIO = 2.5
STROKE = 30
"""Grey levels by which words differ from their ground."""
GROUND_LEVELS, DEVIATION, MIN_GROUND = 4, 1.0, 0.17
"""Share of a page that has the ground's colour within so many grey levels, and deviates by less in 5×5 pixels; night
skies and walls are less even."""
ONE_COLOUR, MIN_ONE = 1, 0.8
"""Share of that ground that is within so many grey levels of its colour: .82 and more of pages, also badly saved ones;
at most .69 of clear skies and studio walls, which change gently from one level to the next."""


def composition(grey: NDArray[np.uint8]) -> tuple[str, ...]:
    """What a grey picture is composed of: ``collage`` or ``page``; empty for a single picture."""
    small = at_most(grey, PAGE_SIDE)
    rectangles = _rectangles(grey, small)
    pictures = [box for box in rectangles if not _is_words(small, box)]
    if len(pictures) >= MIN_PANELS:
        return (COLLAGE,)
    ground = _ground(small)
    if ground is None:
        return ()
    words = len(rectangles) - len(pictures)
    return (PAGE,) if (pictures and words) or _lines_outside(small, pictures, ground) >= MIN_LINES else ()


def pictures_on(grey: NDArray[np.uint8]) -> tuple[Box, ...]:
    """The rectangles that hold pictures, in pixels of ``grey``, uint8 of shape (height, width)."""
    small = at_most(grey, PAGE_SIDE)
    across, down = grey.shape[1] / small.shape[1], grey.shape[0] / small.shape[0]
    return tuple(box.scaled(across, down) for box in _rectangles(grey, small) if not _is_words(small, box))


def _rectangles(grey: NDArray[np.uint8], small: NDArray[np.uint8]) -> list[Box]:
    """The panels of a picture that are filled, in pixels of its small form."""
    height, width = small.shape
    return [box for box in panels(grey, (width, height)) if _is_filled(small, box)]


def deviation(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """By how much the grey levels of the 5×5 pixels around each one deviate from their mean."""
    values = grey.astype(np.float32)
    mean = cv2.blur(values, (5, 5))
    return np.asarray(np.sqrt(np.maximum(0, cv2.blur(values * values, (5, 5)) - mean * mean)))


def _is_filled(grey: NDArray[np.uint8], box: Box) -> bool:
    """Whether a rectangle differs from its surroundings along most of its sides, as a picture does."""
    left, top, right, bottom = box.rounded
    rows, columns = grey[:, left:right].astype(np.int16), grey[top:bottom].astype(np.int16).T
    sides = (
        _sets_off(rows, top, -1),
        _sets_off(rows, bottom - 1, 1),
        _sets_off(columns, left, -1),
        _sets_off(columns, right - 1, 1),
    )
    return sum(sides) >= FILLED_SIDES


def _is_words(grey: NDArray[np.uint8], box: Box) -> bool:
    """Whether the ground around a rectangle shows between what is in it, as between close lines of words."""
    left, top, right, bottom = box.rounded
    beyond = (grey[max(0, top - 3) : top, left:right], grey[bottom : bottom + 3, left:right])
    beside = (grey[top:bottom, max(0, left - 3) : left], grey[top:bottom, right : right + 3])
    around = np.concatenate([strip.ravel() for strip in (*beyond, *beside)])
    if not len(around):
        return False
    apart = np.abs(grey[top:bottom, left:right].astype(np.int16) - int(np.median(around)))
    return bool((apart <= OFF_GROUND).mean() >= BETWEEN)


def _sets_off(lines: NDArray[np.int16], edge: int, outward: int) -> bool:
    """Whether the lines inside and outside an edge differ along most of it; the picture's own edge does."""
    outside, within = edge + 3 * outward, edge - 2 * outward
    if not 0 <= outside < len(lines):
        return True
    return bool((np.abs(lines[within] - lines[outside]) >= OFF_GROUND).mean() >= MIN_FILLED)


def _ground(grey: NDArray[np.uint8]) -> int | None:
    """The grey level of a page's ground; ``None`` when nothing is as even and large."""
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    ground = int(np.convolve(counts, (1, 2, 1), mode="same").argmax())
    apart = np.abs(grey.astype(np.int16) - ground)
    even = apart <= GROUND_LEVELS
    if even.mean() >= MIN_GROUND:
        even &= deviation(grey) < DEVIATION
    if even.mean() < MIN_GROUND or (apart[even] <= ONE_COLOUR).mean() < MIN_ONE:
        return None
    return ground


def _lines_outside(grey: NDArray[np.uint8], boxes: list[Box], ground: int) -> int:
    """How many lines of words lie on the ground outside the pictures."""
    drawn = (np.abs(grey.astype(np.int16) - ground) >= STROKE).astype(np.uint8)
    for box in boxes:
        drawn[round(box.top) : round(box.bottom), round(box.left) : round(box.right)] = 0
    joined = cv2.morphologyEx(drawn, cv2.MORPH_CLOSE, np.ones((1, 11), np.uint8))
    _, _, parts, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    wide, high, area = parts[1:, 2], parts[1:, 3], parts[1:, 4]
    low = (high >= LINE_HEIGHT[0]) & (high <= LINE_HEIGHT[1])
    return int((low & (wide >= LINE_RATIO * high) & (area >= 0.5 * wide * high)).sum())
