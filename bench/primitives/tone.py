"""Uniform changes of tones and colours."""

import numpy as np
from numpy.typing import NDArray

from bench.primitives.canvas import Canvas, Chance
from indexer.layout.single_thread import cv2

GREY = np.array([0.299, 0.587, 0.114])


def _float(canvas: Canvas) -> NDArray[np.float64]:
    return canvas.pixels.astype(np.float64)


def _hsv(canvas: Canvas) -> NDArray[np.float64]:
    return np.asarray(cv2.cvtColor(canvas.pixels, cv2.COLOR_RGB2HSV)).astype(np.float64)


def _from_hsv(canvas: Canvas, values: NDArray[np.float64]) -> Canvas:
    values[..., 0] %= 180
    return canvas.with_pixels(cv2.cvtColor(np.clip(values, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB))


def gamma(canvas: Canvas, chance: Chance) -> Canvas:
    """Change the middle tones."""
    exponent = chance.level(1.15, 2.6)
    return canvas.with_pixels(255 * (_float(canvas) / 255) ** (exponent if chance.rng.random() < 0.5 else 1 / exponent))


def contrast(canvas: Canvas, chance: Chance) -> Canvas:
    """Change the contrast."""
    factor = chance.level(1.2, 2.8)
    values = _float(canvas) - 128
    return canvas.with_pixels(128 + values * (factor if chance.rng.random() < 0.5 else 1 / factor))


def exposure(canvas: Canvas, chance: Chance) -> Canvas:
    """Change the exposure, with clipping."""
    return canvas.with_pixels(_float(canvas) * 2 ** chance.signed(0.2, chance.level(0.4, 1.5)))


def saturation(canvas: Canvas, chance: Chance) -> Canvas:
    """Change the saturation."""
    grey = (_float(canvas) @ GREY)[..., None]
    return canvas.with_pixels(
        grey + (_float(canvas) - grey) * (chance.level(1.3, 3) if chance.rng.random() < 0.5 else 0.3)
    )


def hue(canvas: Canvas, chance: Chance) -> Canvas:
    """Rotate all hues."""
    values = _hsv(canvas)
    values[..., 0] += chance.signed(5, chance.level(10, 90))
    return _from_hsv(canvas, values)


def grey(canvas: Canvas, _: Chance) -> Canvas:
    """Remove the colours."""
    return canvas.with_pixels(np.repeat((_float(canvas) @ GREY)[..., None], 3, axis=2))


def sepia(canvas: Canvas, chance: Chance) -> Canvas:
    """Apply sepia, with paler blacks."""
    tint = np.array([1.0, 0.86, 0.68]) * chance.uniform(0.85, 1)
    return canvas.with_pixels((_float(canvas) @ GREY)[..., None] * tint + chance.level(0, 50))


def posterised(canvas: Canvas, chance: Chance) -> Canvas:
    """Reduce to few levels."""
    step = 256 / round(chance.level(8, 3))
    return canvas.with_pixels(np.floor(_float(canvas) / step) * step + step / 2)


def solarised(canvas: Canvas, chance: Chance) -> Canvas:
    """Invert the highlights."""
    values, limit = _float(canvas), chance.level(215, 120)
    return canvas.with_pixels(np.where(values > limit, 255 - values, values))


def negative(canvas: Canvas, _: Chance) -> Canvas:
    """Invert all tones."""
    return canvas.with_pixels(255 - _float(canvas))


def channels_swapped(canvas: Canvas, chance: Chance) -> Canvas:
    """Exchange colour channels."""
    order = [(2, 1, 0), (1, 0, 2), (0, 2, 1), (1, 2, 0), (2, 0, 1)][chance.integer(0, 4)]
    return canvas.with_pixels(canvas.pixels[..., order])


def duotone(canvas: Canvas, chance: Chance) -> Canvas:
    """Map to a gradient from a dark colour to a light one."""
    share = (_float(canvas) @ GREY)[..., None] / 255
    return canvas.with_pixels(chance.colour() * 0.4 * (1 - share) + (155 + chance.colour() * 0.4) * share)


def equalised(canvas: Canvas, chance: Chance) -> Canvas:
    """Equalise the contrast in each neighbourhood."""
    lab = cv2.cvtColor(canvas.pixels, cv2.COLOR_RGB2LAB)
    equaliser = cv2.createCLAHE(chance.level(1.5, 8), (8, 8))
    lab[..., 0] = equaliser.apply(lab[..., 0])
    return canvas.with_pixels(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def temperature(canvas: Canvas, chance: Chance) -> Canvas:
    """Change the colour temperature and tint."""
    warm, green = chance.signed(0.05, chance.level(0.1, 0.4)), chance.uniform(-0.1, 0.1)
    return canvas.with_pixels(_float(canvas) * np.array([1 + warm, 1 + green, 1 - warm]))


def curve(canvas: Canvas, chance: Chance) -> Canvas:
    """Apply a random rising curve to each channel, like filters of apps."""
    knots = np.linspace(0, 255, 5)
    result = np.empty(canvas.pixels.shape)
    for channel in range(3):
        moved = np.maximum.accumulate(knots + chance.rng.uniform(-1, 1, 5) * chance.level(10, 80))
        result[..., channel] = np.interp(_float(canvas)[..., channel], knots, moved)
    return canvas.with_pixels(result)


def faded(canvas: Canvas, chance: Chance) -> Canvas:
    """Blend with one colour."""
    share = chance.level(0.15, 0.65)
    return canvas.with_pixels(_float(canvas) * (1 - share) + chance.colour() * share)
