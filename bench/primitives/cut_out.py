"""A part of the work that is cut out, on another background."""

import numpy as np

from bench.primitives import shapes
from bench.primitives.canvas import Canvas, Pixels, Plane, RandomSource
from indexer.layout.single_thread import cv2


def _draw_background(canvas: Canvas, rng: RandomSource) -> Pixels:
    """Return a background: one colour, or another picture."""
    if rng.generator.random() < 0.5:
        return rng.draw_neighbour(canvas.size)
    plain = np.empty_like(canvas.pixels)
    plain[:] = rng.draw_colour()
    return plain


def _cut_shape(canvas: Canvas, mask: Plane, rng: RandomSource) -> Canvas:
    return canvas.overlay(_draw_background(canvas, rng), 1 - mask)


def circle(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cut out a circle, like a round portrait."""
    radius = rng.draw_level(0.5, 0.3)
    return _cut_shape(
        canvas, shapes.make_ellipse(canvas.size, (0.5, rng.draw_uniform(0.4, 0.6)), (radius, radius)), rng
    )


def figure(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cut out an irregular shape."""
    return _cut_shape(canvas, shapes.soften(shapes.draw_blob(canvas.size, rng, rng.draw_level(0.6, 0.25)), 1.5), rng)


def star(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cut out a shape with straight edges."""
    return _cut_shape(
        canvas, shapes.draw_polygon(canvas.size, rng, rng.draw_integer(6, 14), rng.draw_level(0.65, 0.45)), rng
    )


def torn(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Tear off a part along a rough line."""
    edge = rng.draw_level(0.15, 0.5) + 0.08 * rng.draw_field((8, canvas.size[1]), 9)[:, :1]
    x = np.arange(canvas.size[0])[None] / canvas.size[0]
    return _cut_shape(canvas, np.asarray(x > edge, np.float32), rng)


def foreground(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cut out the foreground detected by GrabCut (Rother et al., 2004)."""
    small_canvas = canvas.scale(200 / max(canvas.size))
    mask = np.zeros(small_canvas.pixels.shape[:2], np.uint8)
    inner = (
        small_canvas.size[0] // 8,
        small_canvas.size[1] // 8,
        small_canvas.size[0] * 3 // 4,
        small_canvas.size[1] * 3 // 4,
    )
    cv2.setRNGSeed(rng.draw_integer(0, 1 << 20))
    cv2.grabCut(small_canvas.pixels, mask, inner, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_RECT)
    foreground_mask = np.asarray((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD), np.float32)
    if foreground_mask.mean() < 0.12:
        return figure(canvas, rng)
    return _cut_shape(canvas, np.asarray(cv2.resize(foreground_mask, canvas.size)), rng)


def figure_on_picture(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cut out a shape, and place it smaller in another scene."""
    mask = shapes.soften(shapes.draw_blob(canvas.size, rng, rng.draw_level(0.6, 0.3)), 1.5)
    factor = rng.draw_level(0.9, 0.5)
    scaled = canvas.scale(factor)
    small_mask = np.asarray(cv2.resize(mask, scaled.size))
    x, y = (rng.draw_uniform(0, side * (1 - factor)) for side in canvas.size)
    return scaled.paste_onto(rng.draw_neighbour(canvas.size), x, y, small_mask)


def letters(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Show the work through large letters."""
    plane = shapes.draw_words(canvas.size, rng, canvas.size[1] * rng.draw_level(0.6, 0.4), count=1, lines=2)
    return _cut_shape(canvas, np.clip(cv2.dilate(plane, np.ones((9, 9))), 0, 1), rng)


def windows(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Show the work through several openings."""
    mask = np.zeros(canvas.pixels.shape[:2], np.float32)
    for _ in range(rng.draw_integer(3, 6)):
        mask = np.maximum(mask, shapes.draw_box(canvas.size, rng, rng.draw_level(0.2, 0.07)))
    return _cut_shape(canvas, mask, rng)
