"""Shapes and text as opacity masks, which primitives use as overlays, cut-outs and covers."""

import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.primitives.canvas import Canvas, Pixels, Plane, RandomSource, create_grid
from indexer.edits.words import create_sentence, load_font
from indexer.layout.single_thread import cv2


def make_ellipse(size: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float]) -> Plane:
    """Return a mask with 1 inside an ellipse. Centre and radii are fractions of the sides."""
    x, y = create_grid(size)
    x_offset, y_offset = (x / size[0] - centre[0]) / radii[0], (y / size[1] - centre[1]) / radii[1]
    return np.asarray(x_offset**2 + y_offset**2 <= 1, np.float32)


def make_box(size: tuple[int, int], left: float, top: float, right: float, bottom: float) -> Plane:
    """Return a mask with 1 inside a box. Edges are fractions of the sides."""
    x, y = create_grid(size)
    inside = (x >= left * size[0]) & (x < right * size[0]) & (y >= top * size[1]) & (y < bottom * size[1])
    return np.asarray(inside, np.float32)


def draw_box(size: tuple[int, int], rng: RandomSource, area: float) -> Plane:
    """Return a random rectangle with a fraction of the area."""
    box_width = min(0.95, np.sqrt(area) * rng.draw_uniform(0.7, 1.4))
    box_height = min(0.95, area / box_width)
    x, y = rng.draw_uniform(0, 1 - box_width), rng.draw_uniform(0, 1 - box_height)
    return make_box(size, x, y, x + box_width, y + box_height)


def draw_blob(size: tuple[int, int], rng: RandomSource, area: float) -> Plane:
    """Return a smooth irregular shape with about a fraction of the area."""
    x, y = create_grid(size)
    centre = rng.draw_uniform(0.3, 0.7), rng.draw_uniform(0.3, 0.7)
    proximity = -np.hypot(x / size[0] - centre[0], y / size[1] - centre[1]) + 0.15 * rng.draw_field(size, 5)
    return np.asarray(proximity > np.quantile(proximity, 1 - area), np.float32)


def draw_polygon(size: tuple[int, int], rng: RandomSource, corners: int, reach: float) -> Plane:
    """Return a star-like shape around the centre."""
    angles = np.sort(rng.generator.uniform(0, 2 * np.pi, corners))
    radii = rng.generator.uniform(0.6, 1, corners) * reach
    points = np.stack([0.5 + radii * np.cos(angles), 0.5 + radii * np.sin(angles)], axis=1) * size
    plane = np.zeros(size[::-1], np.uint8)
    cv2.fillPoly(plane, [points.astype(np.int32)], 1)
    return plane.astype(np.float32)


def soften(plane: Plane, sigma: float) -> Plane:
    """Blur the edges of a mask."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma)) if sigma > 0 else plane


def draw_words(size: tuple[int, int], rng: RandomSource, height: float, *, count: int = 4, lines: int = 1) -> Plane:
    """Return centred lines of text as a mask. The line height is in pixels."""
    picture = Image.new("L", size)
    draw, face = ImageDraw.Draw(picture), load_font(height)
    top = (size[1] - lines * height * 1.2) / 2
    for line in range(lines):
        text = _draw_sentence(rng, count)
        draw.text(((size[0] - face.getlength(text)) / 2, top + line * height * 1.2), text, fill=255, font=face)
    return np.asarray(picture, np.float32) / np.float32(255)


def draw_page(size: tuple[int, int], rng: RandomSource) -> Pixels:
    """Return a page of text, light or dark."""
    dark = rng.generator.random() < 0.4
    picture = Image.new("RGB", size, (24, 26, 30) if dark else (250, 250, 248))
    draw, height = ImageDraw.Draw(picture), rng.draw_integer(11, 18)
    for line, top in enumerate(range(12, size[1] - height, round(height * 1.5))):
        if line % 5 != 4:
            ink = (200, 200, 200) if dark else (50, 50, 50)
            draw.text((14, top), _draw_sentence(rng, size[0] // 45), fill=ink, font=load_font(height))
    return np.array(picture)


def _draw_sentence(rng: RandomSource, count: int) -> str:
    return create_sentence(random.Random(rng.draw_integer(0, 1 << 30)), count)


def draw_lines(size: tuple[int, int], rng: RandomSource, count: int, thickness: int) -> Plane:
    """Return strokes in random directions."""
    plane = np.zeros(size[::-1], np.uint8)
    for _ in range(count):
        points = (rng.generator.random((2, 2)) * size).astype(int).tolist()
        cv2.line(plane, tuple(points[0]), tuple(points[1]), 1, thickness, cv2.LINE_AA)
    return plane.astype(np.float32)


def draw_scribble(size: tuple[int, int], rng: RandomSource, thickness: int) -> Plane:
    """Return one long curved stroke."""
    steps = rng.generator.standard_normal((60, 2)).cumsum(axis=0)
    path = (steps - steps.min(axis=0)) / np.maximum(1e-6, np.ptp(steps, axis=0)) * size
    plane = np.zeros(size[::-1], np.uint8)
    cv2.polylines(plane, [path.astype(np.int32)], isClosed=False, color=1, thickness=thickness)
    return plane.astype(np.float32)


def add_margins(canvas: Canvas, left: int, top: int, right: int, bottom: int, colour: NDArray[np.floating]) -> Canvas:
    """Add single-colour margins in pixels."""
    width, height = canvas.size
    background = np.empty((height + top + bottom, width + left + right, 3), np.uint8)
    background[:] = np.clip(colour, 0, 255)
    return canvas.paste_onto(background, left, top)


def crop_to_fill(canvas: Canvas, width: int, height: int) -> Canvas:
    """Crop to the proportions of a tile, and resize to it."""
    scaled_canvas = canvas.scale(max(width / canvas.size[0], height / canvas.size[1]))
    x, y = (scaled_canvas.size[0] - width) / 2, (scaled_canvas.size[1] - height) / 2
    return scaled_canvas.crop(x, y, x + width, y + height).resize(width, height)


def make_sheet(
    canvas: Canvas, rng: RandomSource, columns: int, rows: int, tile: tuple[int, int], gutter: int
) -> Canvas:
    """Place the work on a tile of a sheet, with other pictures on the rest."""
    size = columns * (tile[0] + gutter) + gutter, rows * (tile[1] + gutter) + gutter
    background = np.empty((size[1], size[0], 3), np.uint8)
    background[:] = rng.draw_colour()
    column_positions, row_positions = (
        range(gutter, gutter + count * (side + gutter), side + gutter)
        for count, side in zip((columns, rows), tile, strict=True)
    )
    positions = [(x, y) for y in row_positions for x in column_positions]
    for x, y in positions:
        background[y : y + tile[1], x : x + tile[0]] = rng.draw_neighbour(tile)
    return crop_to_fill(canvas, *tile).paste_onto(background, *positions[rng.draw_integer(0, len(positions) - 1)])
