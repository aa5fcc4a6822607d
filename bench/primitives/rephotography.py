"""Reproduction by printing, screens, scanning and photography."""

import math

import numpy as np

from bench.primitives import geometry, shapes
from bench.primitives.canvas import Canvas, Chance, grid
from indexer.layout.single_thread import cv2


def _blur(canvas: Canvas, sigma: float) -> Canvas:
    return canvas.with_pixels(cv2.GaussianBlur(canvas.pixels, (0, 0), sigma))


def moire(canvas: Canvas, chance: Chance) -> Canvas:
    """Add moiré of two fine screens."""
    x, y = grid(canvas.size)
    lines = np.zeros_like(x)
    for pitch in (chance.uniform(2, 3.5), chance.uniform(2.5, 5)):
        angle = chance.uniform(0, math.pi)
        lines += np.sin(2 * math.pi * (x * math.cos(angle) + y * math.sin(angle)) / pitch)
    return canvas.with_pixels(canvas.pixels * (1 + chance.level(0.05, 0.3) * lines)[..., None])


def screen_photo(canvas: Canvas, chance: Chance) -> Canvas:
    """Photograph a screen."""
    photo = moire(geometry.seen_from_aside(canvas, chance), chance)
    return glare(_blur(photo, chance.uniform(0.5, 1.3)), chance).with_pixels(photo.pixels * 0.8 + 22)


def halftone(canvas: Canvas, chance: Chance) -> Canvas:
    """Print in halftone dots of three colours."""
    x, y = grid(canvas.size)
    pitch, inks = chance.level(2.6, 6), []
    for channel, degrees in enumerate((15, 75, 45)):
        turn = math.radians(degrees)
        along, across = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
        screen = 0.5 + (np.cos(along * 2 * math.pi / pitch) + np.cos(across * 2 * math.pi / pitch)) / 4
        inks.append(np.clip(((255.0 - canvas.pixels[..., channel]) / 255 - 1 + screen) * 4 + 0.5, 0, 1))
    return _blur(canvas.with_pixels(248 * (1 - 0.92 * np.stack(inks, axis=2))), 0.8)


def newspaper(canvas: Canvas, chance: Chance) -> Canvas:
    """Print in coarse black dots on yellowed paper."""
    dotted = halftone(canvas.with_pixels(np.repeat(canvas.pixels.mean(axis=2, keepdims=True), 3, axis=2)), chance)
    return dotted.with_pixels(dotted.pixels.mean(axis=2, keepdims=True) * np.array([0.92, 0.89, 0.8]))


def paper(canvas: Canvas, chance: Chance) -> Canvas:
    """Add the fibres and the colour of paper."""
    fibres = chance.rng.standard_normal(canvas.pixels.shape[:2]).astype(np.float32)
    rough = cv2.GaussianBlur(fibres, (0, 0), 1.5)[..., None] * chance.level(8, 45)
    return canvas.with_pixels((canvas.pixels * 0.9 + 20) * np.array([1, 0.97, 0.9]) + rough)


def glare(canvas: Canvas, chance: Chance) -> Canvas:
    """Add the reflection of a lamp in glass."""
    x, y = grid(canvas.size)
    at = chance.uniform(0.1, 0.9) * canvas.size[0], chance.uniform(0.1, 0.9) * canvas.size[1]
    near = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (chance.level(0.01, 0.12) * canvas.size[0] * canvas.size[1]))
    return canvas.with_pixels(canvas.pixels + 230 * near[..., None])


def behind_glass(canvas: Canvas, chance: Chance) -> Canvas:
    """Add the reflection of a room in glass."""
    room = cv2.GaussianBlur(chance.neighbour(canvas.size), (0, 0), 4)
    return canvas.with_pixels(canvas.pixels * 0.85 + room * chance.level(0.15, 0.5))


def crumpled(canvas: Canvas, chance: Chance) -> Canvas:
    """Crumple: displace slightly and light unevenly."""
    height = chance.field(canvas.size, chance.integer(6, 14))
    slope_y, slope_x = np.gradient(cv2.GaussianBlur(height, (0, 0), 2))
    factor = max(canvas.size) * chance.level(0.05, 0.25)
    x, y = grid(canvas.size)
    bent = canvas.warp(x + slope_x * factor, y + slope_y * factor, mirror_edges=True)
    return bent.with_pixels(bent.pixels * (1 + np.clip((slope_x + slope_y) * 14, -0.5, 0.5))[..., None])


def hand_held(canvas: Canvas, chance: Chance) -> Canvas:
    """Photograph a hand-held print: perspective, uneven light, slight blur, noise."""
    tilted = geometry.seen_from_aside(canvas, chance)
    light = 1 + 0.4 * chance.field(tilted.size, 2)[..., None]
    noise = chance.rng.standard_normal(tilted.pixels.shape) * chance.level(3, 14)
    return _blur(tilted.with_pixels(tilted.pixels * light * chance.uniform(0.7, 1.1) + noise), chance.level(0.5, 1.8))


def projected(canvas: Canvas, chance: Chance) -> Canvas:
    """Project onto a screen in a room that is not dark."""
    flat = canvas.with_pixels(canvas.pixels * chance.level(0.7, 0.35) + chance.level(30, 90))
    return _blur(geometry.tilted(flat, chance), 1)


def fax(canvas: Canvas, chance: Chance) -> Canvas:
    """Fax: threshold by neighbourhood at low resolution."""
    grey = cv2.cvtColor(canvas.pixels, cv2.COLOR_RGB2GRAY)
    side = max(11, round(max(canvas.size) * 0.03) | 1)
    ink = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, side, chance.level(2, 8))
    return canvas.with_pixels(np.repeat(ink[..., None], 3, axis=2))


def woven(canvas: Canvas, chance: Chance) -> Canvas:
    """Print on cloth with visible threads."""
    x, y = grid(canvas.size)
    pitch = chance.uniform(3, 7)
    threads = 1 + chance.level(0.08, 0.35) * np.sin(2 * math.pi * x / pitch) * np.sin(2 * math.pi * y / pitch)
    return canvas.with_pixels(canvas.pixels * threads[..., None])


def photocopied(canvas: Canvas, chance: Chance) -> Canvas:
    """Photocopy: grey and high contrast, with specks."""
    grey = canvas.pixels.mean(axis=2)
    hard = 255 / (1 + np.exp(-(grey - chance.uniform(100, 140)) / chance.level(40, 16)))
    specks = shapes.soft(np.asarray(chance.rng.random(grey.shape) < 0.001, np.float32), 1) * 600
    return canvas.with_pixels(np.repeat((hard - specks)[..., None], 3, axis=2))
