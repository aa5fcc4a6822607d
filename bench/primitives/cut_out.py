"""A cut-out part of the work on another background."""

import numpy as np

from bench.primitives import shapes
from bench.primitives.canvas import Canvas, Chance, Pixels, Plane
from indexer.layout.single_thread import cv2


def _ground(canvas: Canvas, chance: Chance) -> Pixels:
    """Return a background: one colour, or another picture."""
    if chance.rng.random() < 0.5:
        return chance.neighbour(canvas.size)
    plain = np.empty_like(canvas.pixels)
    plain[:] = chance.colour()
    return plain


def _cut(canvas: Canvas, mask: Plane, chance: Chance) -> Canvas:
    return canvas.overlay(_ground(canvas, chance), 1 - mask)


def circle(canvas: Canvas, chance: Chance) -> Canvas:
    """Cut out a circle, like a round portrait."""
    radius = chance.level(0.5, 0.3)
    return _cut(canvas, shapes.ellipse(canvas.size, (0.5, chance.uniform(0.4, 0.6)), (radius, radius)), chance)


def figure(canvas: Canvas, chance: Chance) -> Canvas:
    """Cut out an irregular shape."""
    return _cut(canvas, shapes.soft(shapes.blob(canvas.size, chance, chance.level(0.6, 0.25)), 1.5), chance)


def star(canvas: Canvas, chance: Chance) -> Canvas:
    """Cut out a shape with straight edges."""
    return _cut(canvas, shapes.polygon(canvas.size, chance, chance.integer(6, 14), chance.level(0.65, 0.45)), chance)


def torn(canvas: Canvas, chance: Chance) -> Canvas:
    """Tear off a part along a rough line."""
    edge = chance.level(0.15, 0.5) + 0.08 * chance.field((8, canvas.size[1]), 9)[:, :1]
    across = np.arange(canvas.size[0])[None] / canvas.size[0]
    return _cut(canvas, np.asarray(across > edge, np.float32), chance)


def foreground(canvas: Canvas, chance: Chance) -> Canvas:
    """Cut out the foreground detected by GrabCut (Rother et al., 2004)."""
    small = canvas.scale(200 / max(canvas.size))
    mask = np.zeros(small.pixels.shape[:2], np.uint8)
    inner = (small.size[0] // 8, small.size[1] // 8, small.size[0] * 3 // 4, small.size[1] * 3 // 4)
    cv2.setRNGSeed(chance.integer(0, 1 << 20))
    cv2.grabCut(small.pixels, mask, inner, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_RECT)
    foreground_mask = np.asarray((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD), np.float32)
    if foreground_mask.mean() < 0.12:
        return figure(canvas, chance)
    return _cut(canvas, np.asarray(cv2.resize(foreground_mask, canvas.size)), chance)


def figure_on_picture(canvas: Canvas, chance: Chance) -> Canvas:
    """Cut out a shape, and place it smaller in another scene."""
    mask = shapes.soft(shapes.blob(canvas.size, chance, chance.level(0.6, 0.3)), 1.5)
    factor = chance.level(0.9, 0.5)
    scaled = canvas.scale(factor)
    small = np.asarray(cv2.resize(mask, scaled.size))
    x, y = (chance.uniform(0, side * (1 - factor)) for side in canvas.size)
    return scaled.paste_onto(chance.neighbour(canvas.size), x, y, small)


def letters(canvas: Canvas, chance: Chance) -> Canvas:
    """Show through large letters."""
    plane = shapes.words(canvas.size, chance, canvas.size[1] * chance.level(0.6, 0.4), count=1, lines=2)
    return _cut(canvas, np.clip(cv2.dilate(plane, np.ones((9, 9))), 0, 1), chance)


def windows(canvas: Canvas, chance: Chance) -> Canvas:
    """Show through several openings."""
    mask = np.zeros(canvas.pixels.shape[:2], np.float32)
    for _ in range(chance.integer(3, 6)):
        mask = np.maximum(mask, shapes.any_box(canvas.size, chance, chance.level(0.2, 0.07)))
    return _cut(canvas, mask, chance)
