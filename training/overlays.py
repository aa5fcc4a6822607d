"""Edits that add overlays and borders: text, stickers, watermarks, frames and captions."""

import cv2
import numpy as np
from numpy.random import Generator

from training.edits import Colour, Pixels, draw_chance, draw_colour, draw_strip, paint, resize


def add_text(rng: Generator, pixels: Pixels) -> Pixels:
    """Add lines of text, plain, outlined or on a bar."""
    result = pixels.copy()
    height, width = result.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        text_height, text_colour = max(6, int(height * rng.uniform(0.04, 0.17))), draw_colour(rng)
        x, y = int(rng.uniform(-0.1, 0.5) * width), int(rng.uniform(0, 0.92) * height)
        line, background = (
            draw_strip(rng, text_height),
            (255 - text_colour[0], 255 - text_colour[1], 255 - text_colour[2]),
        )
        kind = rng.random()
        if kind < 0.25:
            cv2.rectangle(result, (x, y), (int(x + width * rng.uniform(0.3, 1)), y + text_height), background, -1)
        elif kind < 0.6:
            paint(result, np.asarray(cv2.dilate(line, np.ones((3, 3), np.uint8)), np.uint8), (x, y), background)
        paint(result, line, (x, y), text_colour)
    return result


def add_stickers(rng: Generator, pixels: Pixels) -> Pixels:
    """Add shapes with eyes, like stickers on photographs."""
    result = pixels.copy()
    height, width = result.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        side = max(8, int(min(height, width) * rng.uniform(0.12, 0.5)))
        x, y = int(rng.uniform(-0.1, 0.95) * width), int(rng.uniform(-0.1, 0.95) * height)
        paint(result, _draw_shape(rng, side), (x, y), draw_colour(rng), 0.6 if draw_chance(rng, 0.3) else 1.0)
        for eye_position in (1, 2):
            cv2.circle(result, (x + eye_position * side // 3, y + side // 3), max(1, side // 12), draw_colour(rng), -1)
    return result


def add_watermark(rng: Generator, pixels: Pixels) -> Pixels:
    """Repeat a line of text over the whole picture at an angle."""
    result = pixels.copy()
    height, width = result.shape[:2]
    line = draw_strip(rng, max(7, int(height * rng.uniform(0.04, 0.1))))[:, : max(8, width // 2)]
    step_x, step_y = line.shape[1] + int(width * rng.uniform(0.03, 0.2)), int(line.shape[0] * rng.uniform(1.8, 4))
    field = np.zeros((height * 2, width * 2), np.uint8)
    for row, y in enumerate(range(0, 2 * height - line.shape[0], step_y)):
        for x in range(row % 3 * step_x // 3, 2 * width - line.shape[1], step_x):
            field[y : y + line.shape[0], x : x + line.shape[1]] = line
    rotation = cv2.getRotationMatrix2D((width, height), rng.uniform(-45, 45), 1)
    field = np.asarray(cv2.warpAffine(field, rotation, (2 * width, 2 * height)), np.uint8)
    mask = field[height // 2 : height // 2 + height, width // 2 : width // 2 + width]
    paint(result, mask, (0, 0), (0, 0, 0) if draw_chance(rng, 0.33) else (255, 255, 255), rng.uniform(0.25, 0.7))
    return result


def add_frame(rng: Generator, pixels: Pixels) -> Pixels:
    """Add borders of one colour, even or uneven, and sometimes a second border."""
    side = max(pixels.shape[:2])
    widths = [int(rng.choice([0, rng.uniform(0, 0.12), rng.uniform(0, 0.35)]) * side) for _ in range(4)]
    if draw_chance(rng, 0.5):
        widths = [max(2, widths[0])] * 4
    result = _add_borders(pixels, widths, draw_colour(rng))
    return _add_borders(result, [int(rng.integers(1, 15))] * 4, draw_colour(rng)) if draw_chance(rng, 0.3) else result


def add_caption(rng: Generator, pixels: Pixels) -> Pixels:
    """Add a bar with lines of text above or below."""
    height, width = pixels.shape[:2]
    bar_height, bar_colour, lines = (
        max(8, int(height * rng.uniform(0.12, 0.4))),
        draw_colour(rng),
        int(rng.integers(1, 4)),
    )
    is_above = draw_chance(rng, 0.6)
    page = np.full((height + bar_height, width, 3), bar_colour, np.uint8)
    page[bar_height if is_above else 0 :][:height] = pixels
    text_colour = (0, 0, 0) if sum(bar_colour) > 380 else (255, 255, 255)
    for number in range(lines):
        top = (0 if is_above else height) + int(bar_height * (number + 0.1) / lines)
        line = draw_strip(rng, max(6, int(bar_height * 0.75 / lines)))[:, : max(2, int(width * 0.94))]
        paint(page, line, (int(width * 0.03), top), text_colour)
    return page


def _add_borders(pixels: Pixels, widths: list[int], ink: Colour) -> Pixels:
    """Add borders. ``widths`` are those above, below, left and right."""
    above, below, left, right = widths
    height, width = pixels.shape[:2]
    page = np.full((above + height + below, left + width + right, 3), ink, np.uint8)
    page[above : above + height, left : left + width] = pixels
    return page


def _draw_shape(rng: Generator, side: int) -> Pixels:
    mask, middle = np.zeros((side, side), np.uint8), (side // 2, side // 2)
    kind = int(rng.integers(4))
    if kind == 0:
        cv2.circle(mask, middle, side // 2 - 1, 255, -1, cv2.LINE_AA)
    elif kind == 1:
        mask[:] = 255
    elif kind == 2:
        angles = np.linspace(0, 2 * np.pi, 11)[:-1]
        radius = side / 2 * np.where(np.arange(10) % 2, 0.45, 1)
        star = np.stack([side / 2 + radius * np.cos(angles), side / 2 + radius * np.sin(angles)], 1)
        cv2.fillPoly(mask, [star.astype(np.int32)], 255, cv2.LINE_AA)
    else:
        cv2.ellipse(mask, middle, (side // 2 - 1, side // 4), float(rng.integers(180)), 0, 360, 255, -1, cv2.LINE_AA)
    return resize(mask, side, side)
