"""Elements drawn on pictures: outlines, lettered corners, numbered dots. Their colours also differ in lightness."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from indexer.layout.single_thread import cv2

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Colour = tuple[int, int, int]

OUTLINE_COLOUR: Colour = (214, 0, 120)
HALO_COLOUR: Colour = (255, 255, 255)
CORNERS: tuple[tuple[str, Colour], ...] = (
    ("A", (196, 0, 60)),
    ("B", (0, 92, 175)),
    ("C", (0, 125, 95)),
    ("D", (120, 65, 160)),
)
"""Letter and colour of each corner of a shared part, clockwise in the registered picture from the top left."""
BADGE_RADIUS = 18
"""Radius of a lettered corner, in pixels."""
MIN_LEGIBLE_SIZE = 6
_FRACTION_BITS = 4
"""Fractional bits of coordinates in OpenCV drawing functions."""


def draw_outline(canvas: Pixels, points: Floats, scale: float = 1.0) -> None:
    """Draw a closed line with a light edge onto uint8 RGB; do nothing for fewer than three points."""
    if len(points) > 2:
        _draw_line(canvas, points, HALO_COLOUR, max(3, round(7 * scale)))
        _draw_line(canvas, points, OUTLINE_COLOUR, max(1, round(3 * scale)))


def draw_corner_badges(canvas: Pixels, points: Floats, scale: float = 1.0) -> None:
    """Draw the letters A, B, C, D just outside the corners, so that nothing inside is hidden."""
    if not len(points):
        return
    centre, radius = points.mean(axis=0), compute_badge_radius(BADGE_RADIUS, scale)
    for (letter, colour), point in zip(CORNERS, points, strict=False):
        offset = point - centre
        position = point + offset / max(1.0, float(np.abs(offset).max())) * (radius - 2)
        draw_badge(canvas, position, letter, colour, radius)


def compute_badge_radius(radius: int, scale: float) -> int:
    """Return the radius of a badge in a drawing of this scale, large enough to be legible."""
    return max(MIN_LEGIBLE_SIZE, round(radius * scale))


def draw_badge(canvas: Pixels, position: Floats, text: str, colour: Colour, radius: int = BADGE_RADIUS) -> None:
    """Draw a filled circle with a light edge and a letter or number, within the canvas."""
    height, width = canvas.shape[:2]
    centre = np.clip(position, radius + 2, np.array([width, height]) - 3 - radius)
    draw_disc(canvas, centre, radius + 2, HALO_COLOUR)
    draw_disc(canvas, centre, radius, colour)
    _draw_text(canvas, centre, text, round(radius * (1.35 if len(text) == 1 else 1.1)))


def draw_disc(canvas: Pixels, position: Floats, radius: float, colour: Colour) -> None:
    """Draw a filled circle."""
    cv2.circle(
        canvas,
        _to_fixed_point(position),
        round(radius * (1 << _FRACTION_BITS)),
        colour,
        -1,
        cv2.LINE_AA,
        _FRACTION_BITS,
    )


def _draw_line(canvas: Pixels, points: Floats, colour: Colour, width: int) -> None:
    fixed_points = np.round(points * (1 << _FRACTION_BITS)).astype(np.int32)
    cv2.polylines(
        canvas, [fixed_points], isClosed=True, color=colour, thickness=width, lineType=cv2.LINE_AA, shift=_FRACTION_BITS
    )


def _draw_text(canvas: Pixels, centre: Floats, text: str, size: int) -> None:
    """Draw text in Pillow's built-in font, which is the same on every machine."""
    reach = 2 * size
    left, top = (max(0, int(value) - reach) for value in centre)
    region = canvas[top : top + 2 * reach, left : left + 2 * reach]
    picture = Image.fromarray(region)
    position = (float(centre[0]) - left, float(centre[1]) - top)
    ImageDraw.Draw(picture).text(position, text, fill=HALO_COLOUR, font=_load_font(size), anchor="mm")
    region[:] = np.asarray(picture)


@cache
def _load_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font of a size in pixels; loading it takes ten times as long as drawing a number."""
    return ImageFont.load_default(size)


def _to_fixed_point(position: Sequence[float] | Floats) -> tuple[int, int]:
    return round(float(position[0]) * (1 << _FRACTION_BITS)), round(float(position[1]) * (1 << _FRACTION_BITS))
