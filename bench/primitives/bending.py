"""Bending: straight lines become curves, and no single perspective transform describes the change."""

import math

import numpy as np
from numpy.typing import NDArray

from bench.primitives.canvas import Canvas, Chance, Plane, grid


def _centred(canvas: Canvas) -> tuple[Plane, Plane, float]:
    """Return x and y from the centre in halves of the longer side, and that half in pixels."""
    x, y = grid(canvas.size)
    half = max(canvas.size) / 2
    return (x - canvas.size[0] / 2) / half, (y - canvas.size[1] / 2) / half, half


def _at(
    canvas: Canvas,
    across: NDArray[np.floating],
    down: NDArray[np.floating],
    half: float,
    *,
    mirror_edges: bool = False,
) -> Canvas:
    """Warp by coordinates as returned by :func:`_centred`."""
    x, y = (np.asarray(c * half + side / 2, np.float32) for c, side in zip((across, down), canvas.size, strict=True))
    return canvas.warp(x, y, mirror_edges=mirror_edges)


def barrel(canvas: Canvas, chance: Chance) -> Canvas:
    """Apply the barrel distortion of a wide lens (Brown's model)."""
    across, down, half = _centred(canvas)
    first, second = chance.level(0.06, 0.4), chance.uniform(-0.05, 0.1)
    squared = across**2 + down**2
    factor = (1 + first * squared + second * squared**2) / (1 + first * 0.5)
    return _at(canvas, across * factor, down * factor, half)


def pincushion(canvas: Canvas, chance: Chance) -> Canvas:
    """Apply pincushion distortion."""
    across, down, half = _centred(canvas)
    factor = 1 - chance.level(0.05, 0.28) * (across**2 + down**2)
    return _at(canvas, across * factor, down * factor, half)


def fisheye(canvas: Canvas, chance: Chance) -> Canvas:
    """Apply the equidistant projection of a fisheye lens."""
    across, down, half = _centred(canvas)
    limit = chance.level(0.5, 1.15)
    radius = np.hypot(across, down)
    factor = np.tan(np.minimum(radius * limit, 1.45)) / np.maximum(1e-6, radius * math.tan(limit))
    return _at(canvas, across * factor, down * factor, half)


def waves_across(canvas: Canvas, chance: Chance) -> Canvas:
    """Shift rows by a sine."""
    across, down, half = _centred(canvas)
    phase, period = chance.uniform(0, 6), chance.uniform(0.25, 1.2)
    shift = chance.level(0.01, 0.09) * np.sin(2 * math.pi * down / period + phase)
    return _at(canvas, across + shift, down, half, mirror_edges=True)


def waves_down(canvas: Canvas, chance: Chance) -> Canvas:
    """Shift columns by two sines, like a flag."""
    across, down, half = _centred(canvas)
    phase, period = chance.uniform(0, 6), chance.uniform(0.3, 1.4)
    turn = 2 * math.pi * across / period + phase
    return _at(canvas, across, down + chance.level(0.01, 0.09) * (np.sin(turn) + 0.4 * np.sin(2.3 * turn)), half)


def ripples(canvas: Canvas, chance: Chance) -> Canvas:
    """Distort by rings, as on water."""
    across, down, half = _centred(canvas)
    radius = np.hypot(across - chance.uniform(-0.4, 0.4), down - chance.uniform(-0.4, 0.4))
    factor = 1 + chance.level(0.01, 0.06) * np.sin(radius * chance.uniform(12, 30))
    return _at(canvas, across * factor, down * factor, half, mirror_edges=True)


def swirl(canvas: Canvas, chance: Chance) -> Canvas:
    """Rotate more towards the centre."""
    across, down, half = _centred(canvas)
    turn = chance.signed(0.1, chance.level(0.3, 1.6)) * np.exp(-2.5 * (across**2 + down**2))
    cosine, sine = np.cos(turn), np.sin(turn)
    return _at(canvas, across * cosine - down * sine, across * sine + down * cosine, half, mirror_edges=True)


def bulge(canvas: Canvas, chance: Chance) -> Canvas:
    """Magnify around one point, like a lens."""
    across, down, half = _centred(canvas)
    x, y, reach = chance.uniform(-0.4, 0.4), chance.uniform(-0.3, 0.3), chance.uniform(0.3, 0.7)
    near = np.exp(-((across - x) ** 2 + (down - y) ** 2) / reach**2)
    factor = 1 - chance.signed(0.1, chance.level(0.2, 0.6)) * near
    return _at(canvas, x + (across - x) * factor, y + (down - y) * factor, half, mirror_edges=True)


def round_a_cylinder(canvas: Canvas, chance: Chance) -> Canvas:
    """Wrap around a cylinder, like a label on a bottle or a mug."""
    across, down, half = _centred(canvas)
    edge = canvas.size[0] / max(canvas.size)
    angle = chance.level(0.5, 1.35)
    bent = np.arcsin(np.clip(across / edge * math.sin(angle), -1, 1)) / angle * edge
    sag = chance.uniform(0, 0.2) * (1 - np.sqrt(np.maximum(0, 1 - (across / edge) ** 2 * 0.9)))
    return _at(canvas, bent, down + sag, half)


def sagging_cloth(canvas: Canvas, chance: Chance) -> Canvas:
    """Distort by a smooth displacement field, as on a shirt."""
    across, down, half = _centred(canvas)
    cells, limit = chance.integer(3, 7), chance.level(0.02, 0.1)
    fields = [chance.field(canvas.size, cells) * limit for _ in range(2)]
    return _at(canvas, across + fields[0], down + fields[1], half, mirror_edges=True)


def open_book(canvas: Canvas, chance: Chance) -> Canvas:
    """Bend both sides towards a dark fold, like an open book."""
    across, down, half = _centred(canvas)
    fold, depth = chance.uniform(-0.3, 0.3), chance.level(0.04, 0.16)
    near = np.exp(-np.abs(across - fold) / 0.25)
    bent = _at(canvas, across + np.sign(across - fold) * depth * near, down * (1 + depth * near), half)
    return bent.with_pixels(bent.pixels * (1 - 0.5 * near**3)[..., None])


def folded(canvas: Canvas, chance: Chance) -> Canvas:
    """Show a print that was folded in three, with each part at its own angle."""
    across, down, half = _centred(canvas)
    edge = canvas.size[0] / max(canvas.size)
    slopes = chance.level(0.04, 0.3) * np.array([1, -1, 1.0]) * chance.rng.uniform(0.5, 1, 3)
    part = np.clip(((across / edge + 1) * 1.5).astype(int), 0, 2)
    inside = (across / edge + 1) * 1.5 - part - 0.5
    bent = _at(canvas, across, down * (1 + slopes[part] * inside), half)
    return bent.with_pixels(bent.pixels * (1 + 0.3 * slopes[part])[..., None])


def arched(canvas: Canvas, chance: Chance) -> Canvas:
    """Bend to an arc, like words above a door."""
    across, down, half = _centred(canvas)
    height = canvas.size[1] / max(canvas.size)
    sag = chance.signed(0.05, chance.level(0.1, 0.4))
    return _at(canvas, across * (1 + 0.4 * sag * down / height), down + sag * (across**2 - 0.3), half)


def melted(canvas: Canvas, chance: Chance) -> Canvas:
    """Stretch each column downwards by its own length."""
    across, down, half = _centred(canvas)
    hang = chance.field((canvas.size[0], 8), chance.integer(4, 10))[:1]
    depth = np.maximum(0, down + 0.5)
    return _at(canvas, across, down - chance.level(0.04, 0.2) * (hang + 1) / 2 * depth, half, mirror_edges=True)
