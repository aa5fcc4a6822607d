"""Reproduction by printing, screens, scanning and photography."""

import math

import numpy as np

from bench.primitives import geometry, shapes
from bench.primitives.canvas import Canvas, RandomSource, create_grid
from indexer.layout.single_thread import cv2


def _blur(canvas: Canvas, sigma: float) -> Canvas:
    return canvas.with_pixels(cv2.GaussianBlur(canvas.pixels, (0, 0), sigma))


def moire(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add a moiré pattern of two fine screens."""
    x, y = create_grid(canvas.size)
    lines = np.zeros_like(x)
    for pitch in (rng.draw_uniform(2, 3.5), rng.draw_uniform(2.5, 5)):
        angle = rng.draw_uniform(0, math.pi)
        lines += np.sin(2 * math.pi * (x * math.cos(angle) + y * math.sin(angle)) / pitch)
    return canvas.with_pixels(canvas.pixels * (1 + rng.draw_level(0.05, 0.3) * lines)[..., None])


def screen_photo(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Photograph a screen."""
    photo = moire(geometry.seen_from_aside(canvas, rng), rng)
    return glare(_blur(photo, rng.draw_uniform(0.5, 1.3)), rng).with_pixels(photo.pixels * 0.8 + 22)


def halftone(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Print in halftone dots of three colours."""
    x, y = create_grid(canvas.size)
    pitch, inks = rng.draw_level(2.6, 6), []
    for channel, degrees in enumerate((15, 75, 45)):
        rotation = math.radians(degrees)
        row_phase, column_phase = (
            x * math.cos(rotation) + y * math.sin(rotation),
            y * math.cos(rotation) - x * math.sin(rotation),
        )
        screen = 0.5 + (np.cos(row_phase * 2 * math.pi / pitch) + np.cos(column_phase * 2 * math.pi / pitch)) / 4
        inks.append(np.clip(((255.0 - canvas.pixels[..., channel]) / 255 - 1 + screen) * 4 + 0.5, 0, 1))
    return _blur(canvas.with_pixels(248 * (1 - 0.92 * np.stack(inks, axis=2))), 0.8)


def newspaper(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Print in coarse black dots on yellowed paper."""
    halftoned = halftone(canvas.with_pixels(np.repeat(canvas.pixels.mean(axis=2, keepdims=True), 3, axis=2)), rng)
    return halftoned.with_pixels(halftoned.pixels.mean(axis=2, keepdims=True) * np.array([0.92, 0.89, 0.8]))


def paper(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add the fibres and the colour of paper."""
    fibres = rng.generator.standard_normal(canvas.pixels.shape[:2]).astype(np.float32)
    textured = cv2.GaussianBlur(fibres, (0, 0), 1.5)[..., None] * rng.draw_level(8, 45)
    return canvas.with_pixels((canvas.pixels * 0.9 + 20) * np.array([1, 0.97, 0.9]) + textured)


def glare(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add the reflection of a lamp in glass."""
    x, y = create_grid(canvas.size)
    centre = rng.draw_uniform(0.1, 0.9) * canvas.size[0], rng.draw_uniform(0.1, 0.9) * canvas.size[1]
    proximity = np.exp(
        -((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (rng.draw_level(0.01, 0.12) * canvas.size[0] * canvas.size[1])
    )
    return canvas.with_pixels(canvas.pixels + 230 * proximity[..., None])


def behind_glass(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add the reflection of a room in glass."""
    room = cv2.GaussianBlur(rng.draw_neighbour(canvas.size), (0, 0), 4)
    return canvas.with_pixels(canvas.pixels * 0.85 + room * rng.draw_level(0.15, 0.5))


def crumpled(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Crumple: displace slightly, with uneven light."""
    height = rng.draw_field(canvas.size, rng.draw_integer(6, 14))
    slope_y, slope_x = np.gradient(cv2.GaussianBlur(height, (0, 0), 2))
    factor = max(canvas.size) * rng.draw_level(0.05, 0.25)
    x, y = create_grid(canvas.size)
    curve = canvas.warp(x + slope_x * factor, y + slope_y * factor, mirror_edges=True)
    return curve.with_pixels(curve.pixels * (1 + np.clip((slope_x + slope_y) * 14, -0.5, 0.5))[..., None])


def hand_held(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Photograph a hand-held print: perspective, uneven light, slight blur, noise."""
    photographed = geometry.seen_from_aside(canvas, rng)
    light = 1 + 0.4 * rng.draw_field(photographed.size, 2)[..., None]
    noise = rng.generator.standard_normal(photographed.pixels.shape) * rng.draw_level(3, 14)
    return _blur(
        photographed.with_pixels(photographed.pixels * light * rng.draw_uniform(0.7, 1.1) + noise),
        rng.draw_level(0.5, 1.8),
    )


def projected(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Project onto a screen in a bright room."""
    faded = canvas.with_pixels(canvas.pixels * rng.draw_level(0.7, 0.35) + rng.draw_level(30, 90))
    return _blur(geometry.tilted(faded, rng), 1)


def fax(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Fax: threshold by neighbourhood at low resolution."""
    grey = cv2.cvtColor(canvas.pixels, cv2.COLOR_RGB2GRAY)
    side = max(11, round(max(canvas.size) * 0.03) | 1)
    ink = cv2.adaptiveThreshold(
        grey, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, side, rng.draw_level(2, 8)
    )
    return canvas.with_pixels(np.repeat(ink[..., None], 3, axis=2))


def woven(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Print on cloth with visible threads."""
    x, y = create_grid(canvas.size)
    pitch = rng.draw_uniform(3, 7)
    threads = 1 + rng.draw_level(0.08, 0.35) * np.sin(2 * math.pi * x / pitch) * np.sin(2 * math.pi * y / pitch)
    return canvas.with_pixels(canvas.pixels * threads[..., None])


def photocopied(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Photocopy: grey and high contrast, with specks."""
    grey = canvas.pixels.mean(axis=2)
    contrasted = 255 / (1 + np.exp(-(grey - rng.draw_uniform(100, 140)) / rng.draw_level(40, 16)))
    specks = shapes.soften(np.asarray(rng.generator.random(grey.shape) < 0.001, np.float32), 1) * 600
    return canvas.with_pixels(np.repeat((contrasted - specks)[..., None], 3, axis=2))
