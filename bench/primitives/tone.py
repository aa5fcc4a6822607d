"""Uniform changes of tones and colours."""

import numpy as np
from numpy.typing import NDArray

from bench.primitives.canvas import Canvas, RandomSource
from indexer.layout.single_thread import cv2

GREY_WEIGHTS = np.array([0.299, 0.587, 0.114])


def _to_float(canvas: Canvas) -> NDArray[np.float64]:
    return canvas.pixels.astype(np.float64)


def _to_hsv(canvas: Canvas) -> NDArray[np.float64]:
    return np.asarray(cv2.cvtColor(canvas.pixels, cv2.COLOR_RGB2HSV)).astype(np.float64)


def _from_hsv(canvas: Canvas, values: NDArray[np.float64]) -> Canvas:
    values[..., 0] %= 180
    return canvas.with_pixels(cv2.cvtColor(np.clip(values, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB))


def gamma(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Change the middle tones."""
    exponent = rng.draw_level(1.15, 2.6)
    return canvas.with_pixels(
        255 * (_to_float(canvas) / 255) ** (exponent if rng.generator.random() < 0.5 else 1 / exponent)
    )


def contrast(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Change the contrast."""
    factor = rng.draw_level(1.2, 2.8)
    values = _to_float(canvas) - 128
    return canvas.with_pixels(128 + values * (factor if rng.generator.random() < 0.5 else 1 / factor))


def exposure(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Change the exposure, with clipping."""
    return canvas.with_pixels(_to_float(canvas) * 2 ** rng.draw_signed(0.2, rng.draw_level(0.4, 1.5)))


def saturation(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Change the saturation."""
    grey = (_to_float(canvas) @ GREY_WEIGHTS)[..., None]
    return canvas.with_pixels(
        grey + (_to_float(canvas) - grey) * (rng.draw_level(1.3, 3) if rng.generator.random() < 0.5 else 0.3)
    )


def hue(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Rotate all hues."""
    values = _to_hsv(canvas)
    values[..., 0] += rng.draw_signed(5, rng.draw_level(10, 90))
    return _from_hsv(canvas, values)


def grey(canvas: Canvas, _: RandomSource) -> Canvas:
    """Remove the colours."""
    return canvas.with_pixels(np.repeat((_to_float(canvas) @ GREY_WEIGHTS)[..., None], 3, axis=2))


def sepia(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Apply sepia, with paler blacks."""
    tint = np.array([1.0, 0.86, 0.68]) * rng.draw_uniform(0.85, 1)
    return canvas.with_pixels((_to_float(canvas) @ GREY_WEIGHTS)[..., None] * tint + rng.draw_level(0, 50))


def posterised(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Reduce to few levels."""
    step = 256 / round(rng.draw_level(8, 3))
    return canvas.with_pixels(np.floor(_to_float(canvas) / step) * step + step / 2)


def solarised(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Invert the highlights."""
    values, limit = _to_float(canvas), rng.draw_level(215, 120)
    return canvas.with_pixels(np.where(values > limit, 255 - values, values))


def negative(canvas: Canvas, _: RandomSource) -> Canvas:
    """Invert all tones."""
    return canvas.with_pixels(255 - _to_float(canvas))


def channels_swapped(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Exchange colour channels."""
    order = [(2, 1, 0), (1, 0, 2), (0, 2, 1), (1, 2, 0), (2, 0, 1)][rng.draw_integer(0, 4)]
    return canvas.with_pixels(canvas.pixels[..., order])


def duotone(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Map to a gradient from a dark colour to a light one."""
    fraction = (_to_float(canvas) @ GREY_WEIGHTS)[..., None] / 255
    return canvas.with_pixels(rng.draw_colour() * 0.4 * (1 - fraction) + (155 + rng.draw_colour() * 0.4) * fraction)


def equalised(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Equalise the contrast in each neighbourhood."""
    lab = cv2.cvtColor(canvas.pixels, cv2.COLOR_RGB2LAB)
    equaliser = cv2.createCLAHE(rng.draw_level(1.5, 8), (8, 8))
    lab[..., 0] = equaliser.apply(lab[..., 0])
    return canvas.with_pixels(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def temperature(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Change the colour temperature and tint."""
    warmth, green = rng.draw_signed(0.05, rng.draw_level(0.1, 0.4)), rng.draw_uniform(-0.1, 0.1)
    return canvas.with_pixels(_to_float(canvas) * np.array([1 + warmth, 1 + green, 1 - warmth]))


def curve(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Apply a random rising curve to each channel, like filters of apps."""
    knots = np.linspace(0, 255, 5)
    result = np.empty(canvas.pixels.shape)
    for channel in range(3):
        levels = np.maximum.accumulate(knots + rng.generator.uniform(-1, 1, 5) * rng.draw_level(10, 80))
        result[..., channel] = np.interp(_to_float(canvas)[..., channel], knots, levels)
    return canvas.with_pixels(result)


def faded(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Blend with one colour."""
    fraction = rng.draw_level(0.15, 0.65)
    return canvas.with_pixels(_to_float(canvas) * (1 - fraction) + rng.draw_colour() * fraction)
