"""Rotation, cropping, stretching and perspective: one perspective transform describes the change."""

import math

import numpy as np
from numpy.typing import NDArray

from bench.primitives.canvas import Canvas, Chance
from indexer.layout.single_thread import cv2


def _rotate(canvas: Canvas, degrees: float) -> Canvas:
    """Rotate by any angle without cropping."""
    width, height = canvas.size
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    size = round(abs(width * cosine) + abs(height * sine)), round(abs(width * sine) + abs(height * cosine))
    matrix = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
    centre = matrix @ [width / 2, height / 2, 1]
    matrix[:2, 2] = np.array(size) / 2 - centre[:2]
    return canvas.transform(matrix, size)


def turned_little(canvas: Canvas, chance: Chance) -> Canvas:
    """Rotate slightly."""
    return _rotate(canvas, chance.signed(0.5, chance.level(1, 8)))


def turned_far(canvas: Canvas, chance: Chance) -> Canvas:
    """Rotate by a large angle."""
    return _rotate(canvas, chance.signed(8, chance.level(20, 175)))


def turned_inside(canvas: Canvas, chance: Chance) -> Canvas:
    """Rotate, and crop the corners."""
    width, height = canvas.size
    degrees = chance.signed(2, chance.level(4, 25))
    turned = _rotate(canvas, degrees)
    tangent = abs(math.tan(math.radians(degrees)))
    keep = 1 / (1 + tangent * max(width, height) / min(width, height))
    x, y = (turned.size[0] - width * keep) / 2, (turned.size[1] - height * keep) / 2
    return turned.crop(x, y, turned.size[0] - x, turned.size[1] - y)


def quarter_turned(canvas: Canvas, chance: Chance) -> Canvas:
    """Rotate by one, two or three right angles."""
    times = chance.integer(1, 3)
    return Canvas(np.rot90(canvas.pixels, times).copy(), np.rot90(canvas.origin, times).copy())


def mirrored(canvas: Canvas, _: Chance) -> Canvas:
    """Mirror horizontally."""
    return Canvas(canvas.pixels[:, ::-1].copy(), canvas.origin[:, ::-1].copy())


def upside_down(canvas: Canvas, _: Chance) -> Canvas:
    """Mirror vertically, like a reflection in water."""
    return Canvas(canvas.pixels[::-1].copy(), canvas.origin[::-1].copy())


def sheared(canvas: Canvas, chance: Chance) -> Canvas:
    """Shear."""
    width, height = canvas.size
    slant = chance.signed(0.03, chance.level(0.08, 0.5))
    matrix = np.array([[1, slant, max(0, -slant * height)], [0, 1, 0], [0, 0, 1.0]])
    return canvas.transform(matrix, (round(width + abs(slant) * height), height))


def seen_from_aside(canvas: Canvas, chance: Chance) -> Canvas:
    """Move each corner inwards."""
    width, height = canvas.size
    limit = chance.level(0.05, 0.38)
    inward = chance.rng.uniform(0, limit, (4, 2))
    return canvas.transform(_onto(canvas, np.abs(_CORNERS - inward) * (width, height)), canvas.size)


def tilted(canvas: Canvas, chance: Chance) -> Canvas:
    """Tilt one side away, like a page on a table."""
    width, height = canvas.size
    near, squeeze = chance.level(0.05, 0.35), chance.level(0.95, 0.5)
    to = np.array([[near, 1 - squeeze], [1 - near, 1 - squeeze], [1, 1], [0, 1]]) * (width, height)
    return canvas.transform(_onto(canvas, to), canvas.size, fill=chance.integer(0, 255))


_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])


def _onto(canvas: Canvas, corners: NDArray[np.floating]) -> NDArray[np.float64]:
    source = (_CORNERS * canvas.size).astype(np.float32)
    return np.asarray(cv2.getPerspectiveTransform(source, corners.astype(np.float32)))


def stretched(canvas: Canvas, chance: Chance) -> Canvas:
    """Change the proportions."""
    factor = chance.level(1.08, 2.2)
    width, height = canvas.size
    return canvas.resize(width * factor, height) if chance.rng.random() < 0.5 else canvas.resize(width, height * factor)


def cut_sides(canvas: Canvas, chance: Chance) -> Canvas:
    """Crop two sides."""
    width, height = canvas.size
    share = chance.level(0.05, 0.6)
    x, y = chance.rng.random(2) * share
    wide = chance.rng.random() < 0.5
    x0, y0 = (x * width, 0.0) if wide else (0.0, y * height)
    return canvas.crop(x0, y0, x0 + width * (1 - share * wide), y0 + height * (1 - share * (not wide)))


def cut_out(canvas: Canvas, chance: Chance) -> Canvas:
    """Crop to a rectangle; a tenth of the area at full strength."""
    width, height = canvas.size
    across, down = (math.sqrt(chance.level(0.9, 0.1)) * chance.uniform(0.85, 1.15) for _ in range(2))
    across, down = min(1, across), min(1, down)
    x, y = chance.rng.random(2) * (1 - across, 1 - down) * (width, height)
    return canvas.crop(x, y, x + across * width, y + down * height)


def strip_kept(canvas: Canvas, chance: Chance) -> Canvas:
    """Crop to a wide strip, like a banner."""
    width, height = canvas.size
    share = chance.level(0.7, 0.3)
    top = chance.uniform(0, 1 - share) * height
    return canvas.crop(0, top, width, top + share * height)


def shrunk(canvas: Canvas, chance: Chance) -> Canvas:
    """Shrink, to at least 96 pixels."""
    return canvas.scale(max(96 / max(canvas.size), chance.level(0.8, 0.15)))


def enlarged(canvas: Canvas, chance: Chance) -> Canvas:
    """Enlarge without adding detail."""
    return canvas.scale(min(1600 / max(canvas.size), chance.level(1.2, 3)))
