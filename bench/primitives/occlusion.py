"""Occlusion by a large object."""

import numpy as np

from bench.primitives import shapes
from bench.primitives.canvas import Canvas, RandomSource, create_grid
from indexer.layout.single_thread import cv2


def plain_box(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cover with a single-colour box."""
    return canvas.overlay(rng.draw_colour(), shapes.draw_box(canvas.size, rng, rng.draw_level(0.15, 0.6)))


def object_before(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cover with a shape cut out of another photograph."""
    mask = shapes.soften(shapes.draw_blob(canvas.size, rng, rng.draw_level(0.15, 0.6)), 1.5)
    return canvas.overlay(rng.draw_neighbour(canvas.size), mask)


def picture_before(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cover with another picture."""
    return canvas.overlay(rng.draw_neighbour(canvas.size), shapes.draw_box(canvas.size, rng, rng.draw_level(0.2, 0.6)))


def bars(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cover with bars or blinds."""
    x, y = create_grid(canvas.size)
    angle, step = rng.draw_uniform(0, np.pi), rng.draw_uniform(0.06, 0.2) * max(canvas.size)
    distance = (x * np.cos(angle) + y * np.sin(angle)) % step
    return canvas.overlay(rng.draw_colour(), np.asarray(distance < step * rng.draw_level(0.2, 0.55), np.float32))


def mesh(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cover with a fence."""
    x, y = create_grid(canvas.size)
    step = rng.draw_uniform(0.04, 0.1) * max(canvas.size)
    thickness = step * rng.draw_level(0.1, 0.3)
    wires = ((x + y) % step < thickness) | ((x - y) % step < thickness)
    return canvas.overlay(rng.draw_colour(), np.asarray(wires, np.float32))


def pixelated_part(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Pixelate a part beyond recognition."""
    width, height = canvas.size
    cells = round(rng.draw_level(20, 10))
    coarse = cv2.resize(
        cv2.resize(canvas.pixels, (cells, cells), interpolation=cv2.INTER_AREA),
        (width, height),
        interpolation=cv2.INTER_NEAREST,
    )
    return canvas.overlay(coarse, shapes.draw_box(canvas.size, rng, rng.draw_level(0.15, 0.55)))


def blurred_part(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Blur a part beyond recognition."""
    blurred = cv2.GaussianBlur(canvas.pixels, (0, 0), 0.03 * max(canvas.size))
    return canvas.overlay(blurred, shapes.draw_blob(canvas.size, rng, rng.draw_level(0.2, 0.6)))


def holes(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Remove many pieces."""
    mask = np.zeros(canvas.pixels.shape[:2], np.float32)
    for _ in range(round(rng.draw_level(6, 25))):
        mask = np.maximum(mask, shapes.draw_box(canvas.size, rng, 0.02))
    return canvas.overlay(rng.draw_colour(), mask)


def text_block(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cover a part with a block of text."""
    return canvas.overlay(
        shapes.draw_page(canvas.size, rng), shapes.draw_box(canvas.size, rng, rng.draw_level(0.2, 0.6))
    )


def leaves(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cover with leaves."""
    cover = rng.draw_field(canvas.size, rng.draw_integer(8, 16))
    mask = np.asarray(cover > np.quantile(cover, 1 - rng.draw_level(0.2, 0.55)), np.float32)
    return canvas.overlay(rng.draw_colour() * 0.5 + rng.generator.standard_normal(canvas.pixels.shape) * 18, mask)
