"""Elements drawn on pictures: outlines, lettered corners, numbered dots. Colours also differ in lightness."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from indexer.layout.single_thread import cv2

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Colour = tuple[int, int, int]

OUTLINE: Colour = (214, 0, 120)
HALO: Colour = (255, 255, 255)
CORNERS: tuple[tuple[str, Colour], ...] = (
    ("A", (196, 0, 60)),
    ("B", (0, 92, 175)),
    ("C", (0, 125, 95)),
    ("D", (120, 65, 160)),
)
"""Letter and colour of each corner of a shared part, clockwise in the registered picture from the top left."""
BADGE = 18
"""Radius of a lettered corner, pixels."""
LEGIBLE = 6
_SHIFT = 4
"""Fractional bits of coordinates in OpenCV drawing functions."""


def outline(canvas: Pixels, points: Floats, scale: float = 1.0) -> None:
    """Draw a closed line with a light edge onto uint8 RGB; fewer than three points draw nothing."""
    if len(points) > 2:
        _line(canvas, points, HALO, max(3, round(7 * scale)))
        _line(canvas, points, OUTLINE, max(1, round(3 * scale)))


def corner_badges(canvas: Pixels, points: Floats, scale: float = 1.0) -> None:
    """Draw the letters A, B, C, D just outside the corners, so that nothing inside is hidden."""
    if not len(points):
        return
    middle, radius = points.mean(axis=0), badge_radius(BADGE, scale)
    for (letter, colour), point in zip(CORNERS, points, strict=False):
        away = point - middle
        place = point + away / max(1.0, float(np.abs(away).max())) * (radius - 2)
        badge(canvas, place, letter, colour, radius)


def badge_radius(radius: int, scale: float) -> int:
    """Return the radius of a badge in a drawing of this scale, large enough to be legible."""
    return max(LEGIBLE, round(radius * scale))


def badge(canvas: Pixels, place: Floats, text: str, colour: Colour, radius: int = BADGE) -> None:
    """Draw a filled circle with a light edge and a letter or number, within the canvas."""
    height, width = canvas.shape[:2]
    inside = np.clip(place, radius + 2, np.array([width, height]) - 3 - radius)
    disc(canvas, inside, radius + 2, HALO)
    disc(canvas, inside, radius, colour)
    _text(canvas, inside, text, round(radius * (1.35 if len(text) == 1 else 1.1)))


def disc(canvas: Pixels, place: Floats, radius: float, colour: Colour) -> None:
    """Draw a filled circle."""
    cv2.circle(canvas, _fixed(place), round(radius * (1 << _SHIFT)), colour, -1, cv2.LINE_AA, _SHIFT)


def _line(canvas: Pixels, points: Floats, colour: Colour, width: int) -> None:
    fixed = np.round(points * (1 << _SHIFT)).astype(np.int32)
    cv2.polylines(canvas, [fixed], isClosed=True, color=colour, thickness=width, lineType=cv2.LINE_AA, shift=_SHIFT)


def _text(canvas: Pixels, middle: Floats, text: str, size: int) -> None:
    """Draw text in Pillow's built-in font, which is the same on every machine."""
    reach = 2 * size
    left, top = (max(0, int(value) - reach) for value in middle)
    piece = canvas[top : top + 2 * reach, left : left + 2 * reach]
    picture = Image.fromarray(piece)
    place = (float(middle[0]) - left, float(middle[1]) - top)
    ImageDraw.Draw(picture).text(place, text, fill=HALO, font=_font(size), anchor="mm")
    piece[:] = np.asarray(picture)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font of a size in pixels; loading it takes ten times as long as drawing a number."""
    return ImageFont.load_default(size)


def _fixed(place: Sequence[float] | Floats) -> tuple[int, int]:
    return round(float(place[0]) * (1 << _SHIFT)), round(float(place[1]) * (1 << _SHIFT))
