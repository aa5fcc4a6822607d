"""Shapes and words as opacity masks, used by other primitives as overlays, cut-outs and covers."""

import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.primitives.canvas import Canvas, Chance, Pixels, Plane, grid
from indexer.edits.words import font, sentence
from indexer.layout.single_thread import cv2


def ellipse(size: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float]) -> Plane:
    """Return a mask with 1 inside an ellipse. Centre and radii are shares of the sides."""
    x, y = grid(size)
    across, down = (x / size[0] - centre[0]) / radii[0], (y / size[1] - centre[1]) / radii[1]
    return np.asarray(across**2 + down**2 <= 1, np.float32)


def box(size: tuple[int, int], left: float, top: float, right: float, bottom: float) -> Plane:
    """Return a mask with 1 inside a box. Edges are shares of the sides."""
    x, y = grid(size)
    inside = (x >= left * size[0]) & (x < right * size[0]) & (y >= top * size[1]) & (y < bottom * size[1])
    return np.asarray(inside, np.float32)


def any_box(size: tuple[int, int], chance: Chance, area: float) -> Plane:
    """Return a random rectangle with a share of the area."""
    across = min(0.95, np.sqrt(area) * chance.uniform(0.7, 1.4))
    down = min(0.95, area / across)
    x, y = chance.uniform(0, 1 - across), chance.uniform(0, 1 - down)
    return box(size, x, y, x + across, y + down)


def blob(size: tuple[int, int], chance: Chance, area: float) -> Plane:
    """Return a smooth irregular shape with about a share of the area."""
    x, y = grid(size)
    at = chance.uniform(0.3, 0.7), chance.uniform(0.3, 0.7)
    near = -np.hypot(x / size[0] - at[0], y / size[1] - at[1]) + 0.15 * chance.field(size, 5)
    return np.asarray(near > np.quantile(near, 1 - area), np.float32)


def polygon(size: tuple[int, int], chance: Chance, corners: int, reach: float) -> Plane:
    """Return a star-like shape around the centre."""
    angles = np.sort(chance.rng.uniform(0, 2 * np.pi, corners))
    radii = chance.rng.uniform(0.6, 1, corners) * reach
    points = np.stack([0.5 + radii * np.cos(angles), 0.5 + radii * np.sin(angles)], axis=1) * size
    plane = np.zeros(size[::-1], np.uint8)
    cv2.fillPoly(plane, [points.astype(np.int32)], 1)
    return plane.astype(np.float32)


def soft(plane: Plane, sigma: float) -> Plane:
    """Soften the edges."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma)) if sigma > 0 else plane


def words(size: tuple[int, int], chance: Chance, height: float, *, count: int = 4, lines: int = 1) -> Plane:
    """Return lines of words in the middle of a mask. The line height is in pixels."""
    picture = Image.new("L", size)
    draw, face = ImageDraw.Draw(picture), font(height)
    top = (size[1] - lines * height * 1.2) / 2
    for line in range(lines):
        text = _sentence(chance, count)
        draw.text(((size[0] - face.getlength(text)) / 2, top + line * height * 1.2), text, fill=255, font=face)
    return np.asarray(picture, np.float32) / np.float32(255)


def page(size: tuple[int, int], chance: Chance) -> Pixels:
    """Return a page of text, light or dark."""
    dark = chance.rng.random() < 0.4
    picture = Image.new("RGB", size, (24, 26, 30) if dark else (250, 250, 248))
    draw, height = ImageDraw.Draw(picture), chance.integer(11, 18)
    for line, top in enumerate(range(12, size[1] - height, round(height * 1.5))):
        if line % 5 != 4:
            ink = (200, 200, 200) if dark else (50, 50, 50)
            draw.text((14, top), _sentence(chance, size[0] // 45), fill=ink, font=font(height))
    return np.array(picture)


def _sentence(chance: Chance, count: int) -> str:
    return sentence(random.Random(chance.integer(0, 1 << 30)), count)


def lines(size: tuple[int, int], chance: Chance, count: int, thick: int) -> Plane:
    """Return strokes in random directions."""
    plane = np.zeros(size[::-1], np.uint8)
    for _ in range(count):
        points = (chance.rng.random((2, 2)) * size).astype(int).tolist()
        cv2.line(plane, tuple(points[0]), tuple(points[1]), 1, thick, cv2.LINE_AA)
    return plane.astype(np.float32)


def scribble(size: tuple[int, int], chance: Chance, thick: int) -> Plane:
    """Return one long curved stroke."""
    steps = chance.rng.standard_normal((60, 2)).cumsum(axis=0)
    path = (steps - steps.min(axis=0)) / np.maximum(1e-6, np.ptp(steps, axis=0)) * size
    plane = np.zeros(size[::-1], np.uint8)
    cv2.polylines(plane, [path.astype(np.int32)], isClosed=False, color=1, thickness=thick)
    return plane.astype(np.float32)


def add_margins(canvas: Canvas, left: int, top: int, right: int, bottom: int, colour: NDArray[np.floating]) -> Canvas:
    """Add single-colour margins in pixels."""
    width, height = canvas.size
    back = np.empty((height + top + bottom, width + left + right, 3), np.uint8)
    back[:] = np.clip(colour, 0, 255)
    return canvas.paste_onto(back, left, top)


def crop_to_fill(canvas: Canvas, width: int, height: int) -> Canvas:
    """Crop to the proportions of a tile, and resize to it."""
    large = canvas.scale(max(width / canvas.size[0], height / canvas.size[1]))
    x, y = (large.size[0] - width) / 2, (large.size[1] - height) / 2
    return large.crop(x, y, x + width, y + height).resize(width, height)


def sheet(canvas: Canvas, chance: Chance, columns: int, rows: int, tile: tuple[int, int], gutter: int) -> Canvas:
    """Place the work on a tile of a sheet, with other pictures on the rest."""
    size = columns * (tile[0] + gutter) + gutter, rows * (tile[1] + gutter) + gutter
    back = np.empty((size[1], size[0], 3), np.uint8)
    back[:] = chance.colour()
    across, down = (
        range(gutter, gutter + count * (side + gutter), side + gutter)
        for count, side in zip((columns, rows), tile, strict=True)
    )
    places = [(x, y) for y in down for x in across]
    for x, y in places:
        back[y : y + tile[1], x : x + tile[0]] = chance.neighbour(tile)
    return crop_to_fill(canvas, *tile).paste_onto(back, *places[chance.integer(0, len(places) - 1)])
