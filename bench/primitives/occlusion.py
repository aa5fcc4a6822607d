"""Occlusion by a large object."""

import numpy as np

from bench.primitives import shapes
from bench.primitives.canvas import Canvas, Chance, grid
from indexer.layout.single_thread import cv2


def plain_box(canvas: Canvas, chance: Chance) -> Canvas:
    """Cover with a single-colour box."""
    return canvas.overlay(chance.colour(), shapes.any_box(canvas.size, chance, chance.level(0.15, 0.6)))


def object_before(canvas: Canvas, chance: Chance) -> Canvas:
    """Cover with a shape cut out of another photograph."""
    mask = shapes.soft(shapes.blob(canvas.size, chance, chance.level(0.15, 0.6)), 1.5)
    return canvas.overlay(chance.neighbour(canvas.size), mask)


def picture_before(canvas: Canvas, chance: Chance) -> Canvas:
    """Cover with another picture."""
    return canvas.overlay(chance.neighbour(canvas.size), shapes.any_box(canvas.size, chance, chance.level(0.2, 0.6)))


def bars(canvas: Canvas, chance: Chance) -> Canvas:
    """Cover with bars or blinds."""
    x, y = grid(canvas.size)
    angle, step = chance.uniform(0, np.pi), chance.uniform(0.06, 0.2) * max(canvas.size)
    along = (x * np.cos(angle) + y * np.sin(angle)) % step
    return canvas.overlay(chance.colour(), np.asarray(along < step * chance.level(0.2, 0.55), np.float32))


def mesh(canvas: Canvas, chance: Chance) -> Canvas:
    """Cover with a fence."""
    x, y = grid(canvas.size)
    step = chance.uniform(0.04, 0.1) * max(canvas.size)
    thick = step * chance.level(0.1, 0.3)
    wires = ((x + y) % step < thick) | ((x - y) % step < thick)
    return canvas.overlay(chance.colour(), np.asarray(wires, np.float32))


def pixelated_part(canvas: Canvas, chance: Chance) -> Canvas:
    """Pixelate a part beyond recognition."""
    width, height = canvas.size
    cells = round(chance.level(20, 10))
    coarse = cv2.resize(
        cv2.resize(canvas.pixels, (cells, cells), interpolation=cv2.INTER_AREA),
        (width, height),
        interpolation=cv2.INTER_NEAREST,
    )
    return canvas.overlay(coarse, shapes.any_box(canvas.size, chance, chance.level(0.15, 0.55)))


def blurred_part(canvas: Canvas, chance: Chance) -> Canvas:
    """Blur a part beyond recognition."""
    soft = cv2.GaussianBlur(canvas.pixels, (0, 0), 0.03 * max(canvas.size))
    return canvas.overlay(soft, shapes.blob(canvas.size, chance, chance.level(0.2, 0.6)))


def holes(canvas: Canvas, chance: Chance) -> Canvas:
    """Remove many pieces."""
    mask = np.zeros(canvas.pixels.shape[:2], np.float32)
    for _ in range(round(chance.level(6, 25))):
        mask = np.maximum(mask, shapes.any_box(canvas.size, chance, 0.02))
    return canvas.overlay(chance.colour(), mask)


def text_block(canvas: Canvas, chance: Chance) -> Canvas:
    """Cover a part with a block of text."""
    return canvas.overlay(shapes.page(canvas.size, chance), shapes.any_box(canvas.size, chance, chance.level(0.2, 0.6)))


def leaves(canvas: Canvas, chance: Chance) -> Canvas:
    """Cover with leaves."""
    cover = chance.field(canvas.size, chance.integer(8, 16))
    mask = np.asarray(cover > np.quantile(cover, 1 - chance.level(0.2, 0.55)), np.float32)
    return canvas.overlay(chance.colour() * 0.5 + chance.rng.standard_normal(canvas.pixels.shape) * 18, mask)
