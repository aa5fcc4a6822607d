"""Bending of straight lines into curves. No single perspective transform describes the change."""

import math

import numpy as np
from numpy.typing import NDArray

from bench.primitives.canvas import Canvas, Plane, RandomSource, create_grid


def _make_centred_coordinates(canvas: Canvas) -> tuple[Plane, Plane, float]:
    """Return x and y from the centre as fractions of half the longer side, and this half in pixels."""
    x, y = create_grid(canvas.size)
    half_side = max(canvas.size) / 2
    return (x - canvas.size[0] / 2) / half_side, (y - canvas.size[1] / 2) / half_side, half_side


def _warp_centred(
    canvas: Canvas,
    x_offset: NDArray[np.floating],
    y_offset: NDArray[np.floating],
    half: float,
    *,
    mirror_edges: bool = False,
) -> Canvas:
    """Warp by coordinates in the format of :func:`_make_centred_coordinates`."""
    x, y = (
        np.asarray(centre * half + side / 2, np.float32)
        for centre, side in zip((x_offset, y_offset), canvas.size, strict=True)
    )
    return canvas.warp(x, y, mirror_edges=mirror_edges)


def barrel(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Apply the barrel distortion of a wide lens (Brown's model)."""
    u, v, half = _make_centred_coordinates(canvas)
    first, second = rng.draw_level(0.06, 0.4), rng.draw_uniform(-0.05, 0.1)
    squared = u**2 + v**2
    factor = (1 + first * squared + second * squared**2) / (1 + first * 0.5)
    return _warp_centred(canvas, u * factor, v * factor, half)


def pincushion(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Apply pincushion distortion."""
    u, v, half = _make_centred_coordinates(canvas)
    factor = 1 - rng.draw_level(0.05, 0.28) * (u**2 + v**2)
    return _warp_centred(canvas, u * factor, v * factor, half)


def fisheye(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Apply the equidistant projection of a fisheye lens."""
    u, v, half = _make_centred_coordinates(canvas)
    limit = rng.draw_level(0.5, 1.15)
    radius = np.hypot(u, v)
    factor = np.tan(np.minimum(radius * limit, 1.45)) / np.maximum(1e-6, radius * math.tan(limit))
    return _warp_centred(canvas, u * factor, v * factor, half)


def waves_across(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Shift rows by a sine."""
    u, v, half = _make_centred_coordinates(canvas)
    phase, period = rng.draw_uniform(0, 6), rng.draw_uniform(0.25, 1.2)
    shift = rng.draw_level(0.01, 0.09) * np.sin(2 * math.pi * v / period + phase)
    return _warp_centred(canvas, u + shift, v, half, mirror_edges=True)


def waves_down(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Shift columns by two sines, like a flag."""
    u, v, half = _make_centred_coordinates(canvas)
    phase, period = rng.draw_uniform(0, 6), rng.draw_uniform(0.3, 1.4)
    rotation = 2 * math.pi * u / period + phase
    return _warp_centred(
        canvas, u, v + rng.draw_level(0.01, 0.09) * (np.sin(rotation) + 0.4 * np.sin(2.3 * rotation)), half
    )


def ripples(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Distort by rings, as on water."""
    u, v, half = _make_centred_coordinates(canvas)
    radius = np.hypot(u - rng.draw_uniform(-0.4, 0.4), v - rng.draw_uniform(-0.4, 0.4))
    factor = 1 + rng.draw_level(0.01, 0.06) * np.sin(radius * rng.draw_uniform(12, 30))
    return _warp_centred(canvas, u * factor, v * factor, half, mirror_edges=True)


def swirl(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Rotate more towards the centre."""
    u, v, half = _make_centred_coordinates(canvas)
    rotation = rng.draw_signed(0.1, rng.draw_level(0.3, 1.6)) * np.exp(-2.5 * (u**2 + v**2))
    cosine, sine = np.cos(rotation), np.sin(rotation)
    return _warp_centred(canvas, u * cosine - v * sine, u * sine + v * cosine, half, mirror_edges=True)


def bulge(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Magnify around one point, like a lens."""
    u, v, half = _make_centred_coordinates(canvas)
    x, y, reach = rng.draw_uniform(-0.4, 0.4), rng.draw_uniform(-0.3, 0.3), rng.draw_uniform(0.3, 0.7)
    proximity = np.exp(-((u - x) ** 2 + (v - y) ** 2) / reach**2)
    factor = 1 - rng.draw_signed(0.1, rng.draw_level(0.2, 0.6)) * proximity
    return _warp_centred(canvas, x + (u - x) * factor, y + (v - y) * factor, half, mirror_edges=True)


def round_a_cylinder(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Wrap around a cylinder, like a label on a bottle or a mug."""
    u, v, half = _make_centred_coordinates(canvas)
    edge = canvas.size[0] / max(canvas.size)
    angle = rng.draw_level(0.5, 1.35)
    curve = np.arcsin(np.clip(u / edge * math.sin(angle), -1, 1)) / angle * edge
    sag = rng.draw_uniform(0, 0.2) * (1 - np.sqrt(np.maximum(0, 1 - (u / edge) ** 2 * 0.9)))
    return _warp_centred(canvas, curve, v + sag, half)


def sagging_cloth(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Distort by a smooth displacement field, as on a shirt."""
    u, v, half = _make_centred_coordinates(canvas)
    cells, limit = rng.draw_integer(3, 7), rng.draw_level(0.02, 0.1)
    fields = [rng.draw_field(canvas.size, cells) * limit for _ in range(2)]
    return _warp_centred(canvas, u + fields[0], v + fields[1], half, mirror_edges=True)


def open_book(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Bend both sides towards a dark fold, like an open book."""
    u, v, half = _make_centred_coordinates(canvas)
    fold, depth = rng.draw_uniform(-0.3, 0.3), rng.draw_level(0.04, 0.16)
    proximity = np.exp(-np.abs(u - fold) / 0.25)
    curve = _warp_centred(canvas, u + np.sign(u - fold) * depth * proximity, v * (1 + depth * proximity), half)
    return curve.with_pixels(curve.pixels * (1 - 0.5 * proximity**3)[..., None])


def folded(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Show a print that was folded in three, with each part at its own angle."""
    u, v, half = _make_centred_coordinates(canvas)
    edge = canvas.size[0] / max(canvas.size)
    slopes = rng.draw_level(0.04, 0.3) * np.array([1, -1, 1.0]) * rng.generator.uniform(0.5, 1, 3)
    part = np.clip(((u / edge + 1) * 1.5).astype(int), 0, 2)
    inside = (u / edge + 1) * 1.5 - part - 0.5
    curve = _warp_centred(canvas, u, v * (1 + slopes[part] * inside), half)
    return curve.with_pixels(curve.pixels * (1 + 0.3 * slopes[part])[..., None])


def arched(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Bend to an arc, like a sign above a door."""
    u, v, half = _make_centred_coordinates(canvas)
    height = canvas.size[1] / max(canvas.size)
    sag = rng.draw_signed(0.05, rng.draw_level(0.1, 0.4))
    return _warp_centred(canvas, u * (1 + 0.4 * sag * v / height), v + sag * (u**2 - 0.3), half)


def melted(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Stretch each column downwards by its own length."""
    u, v, half = _make_centred_coordinates(canvas)
    hang = rng.draw_field((canvas.size[0], 8), rng.draw_integer(4, 10))[:1]
    depth = np.maximum(0, v + 0.5)
    return _warp_centred(canvas, u, v - rng.draw_level(0.04, 0.2) * (hang + 1) / 2 * depth, half, mirror_edges=True)
