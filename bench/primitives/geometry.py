"""Rotation, cropping, stretching and perspective, each described by one perspective transform."""

import math

import numpy as np
from numpy.typing import NDArray

from bench.primitives.canvas import Canvas, RandomSource
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


def turned_little(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Rotate slightly."""
    return _rotate(canvas, rng.draw_signed(0.5, rng.draw_level(1, 8)))


def turned_far(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Rotate by a large angle."""
    return _rotate(canvas, rng.draw_signed(8, rng.draw_level(20, 175)))


def turned_inside(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Rotate, and crop the corners."""
    width, height = canvas.size
    degrees = rng.draw_signed(2, rng.draw_level(4, 25))
    rotated = _rotate(canvas, degrees)
    tangent = abs(math.tan(math.radians(degrees)))
    kept_fraction = 1 / (1 + tangent * max(width, height) / min(width, height))
    x, y = (rotated.size[0] - width * kept_fraction) / 2, (rotated.size[1] - height * kept_fraction) / 2
    return rotated.crop(x, y, rotated.size[0] - x, rotated.size[1] - y)


def quarter_turned(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Rotate by one, two or three right angles."""
    quarter_turns = rng.draw_integer(1, 3)
    return Canvas(np.rot90(canvas.pixels, quarter_turns).copy(), np.rot90(canvas.origin, quarter_turns).copy())


def mirrored(canvas: Canvas, _: RandomSource) -> Canvas:
    """Mirror horizontally."""
    return Canvas(canvas.pixels[:, ::-1].copy(), canvas.origin[:, ::-1].copy())


def upside_down(canvas: Canvas, _: RandomSource) -> Canvas:
    """Mirror vertically, like a reflection in water."""
    return Canvas(canvas.pixels[::-1].copy(), canvas.origin[::-1].copy())


def sheared(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Shear horizontally."""
    width, height = canvas.size
    slant = rng.draw_signed(0.03, rng.draw_level(0.08, 0.5))
    matrix = np.array([[1, slant, max(0, -slant * height)], [0, 1, 0], [0, 0, 1.0]])
    return canvas.transform(matrix, (round(width + abs(slant) * height), height))


def seen_from_aside(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Move each corner inwards."""
    width, height = canvas.size
    limit = rng.draw_level(0.05, 0.38)
    offsets = rng.generator.uniform(0, limit, (4, 2))
    return canvas.transform(_map_corners(canvas, np.abs(_CORNERS - offsets) * (width, height)), canvas.size)


def tilted(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Tilt one side away, like a page on a table."""
    width, height = canvas.size
    proximity, narrowing = rng.draw_level(0.05, 0.35), rng.draw_level(0.95, 0.5)
    target_corners = np.array([[proximity, 1 - narrowing], [1 - proximity, 1 - narrowing], [1, 1], [0, 1]]) * (
        width,
        height,
    )
    return canvas.transform(_map_corners(canvas, target_corners), canvas.size, fill=rng.draw_integer(0, 255))


_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])


def _map_corners(canvas: Canvas, corners: NDArray[np.floating]) -> NDArray[np.float64]:
    source = (_CORNERS * canvas.size).astype(np.float32)
    return np.asarray(cv2.getPerspectiveTransform(source, corners.astype(np.float32)))


def stretched(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Change the proportions."""
    factor = rng.draw_level(1.08, 2.2)
    width, height = canvas.size
    return (
        canvas.resize(width * factor, height) if rng.generator.random() < 0.5 else canvas.resize(width, height * factor)
    )


def cut_sides(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Crop two sides."""
    width, height = canvas.size
    fraction = rng.draw_level(0.05, 0.6)
    x, y = rng.generator.random(2) * fraction
    is_horizontal = rng.generator.random() < 0.5
    x0, y0 = (x * width, 0.0) if is_horizontal else (0.0, y * height)
    return canvas.crop(
        x0, y0, x0 + width * (1 - fraction * is_horizontal), y0 + height * (1 - fraction * (not is_horizontal))
    )


def cut_out(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Crop to a rectangle; a tenth of the area at full strength."""
    width, height = canvas.size
    width_fraction, height_fraction = (
        math.sqrt(rng.draw_level(0.9, 0.1)) * rng.draw_uniform(0.85, 1.15) for _ in range(2)
    )
    width_fraction, height_fraction = min(1, width_fraction), min(1, height_fraction)
    x, y = rng.generator.random(2) * (1 - width_fraction, 1 - height_fraction) * (width, height)
    return canvas.crop(x, y, x + width_fraction * width, y + height_fraction * height)


def strip_kept(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Crop to a wide strip, like a banner."""
    width, height = canvas.size
    fraction = rng.draw_level(0.7, 0.3)
    top = rng.draw_uniform(0, 1 - fraction) * height
    return canvas.crop(0, top, width, top + fraction * height)


def shrunk(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Shrink, to at least 96 pixels."""
    return canvas.scale(max(96 / max(canvas.size), rng.draw_level(0.8, 0.15)))


def enlarged(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Enlarge without adding detail."""
    return canvas.scale(min(1600 / max(canvas.size), rng.draw_level(1.2, 3)))
