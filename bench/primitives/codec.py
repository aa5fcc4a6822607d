"""Loss of detail by compression, scaling, noise and blur."""

import io

import numpy as np
from PIL import Image, ImageFilter

from bench.primitives.canvas import Canvas, RandomSource, create_grid
from indexer.layout.single_thread import cv2


def _recompress(canvas: Canvas, kind: str, **options: int) -> Canvas:
    out = io.BytesIO()
    Image.fromarray(canvas.pixels).save(out, kind, **options)
    return canvas.with_pixels(np.asarray(Image.open(out).convert("RGB")))


def jpeg(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Save as JPEG."""
    return _recompress(canvas, "JPEG", quality=round(rng.draw_level(60, 5)))


def webp(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Save as WebP."""
    return _recompress(canvas, "WEBP", quality=round(rng.draw_level(50, 1)))


def jpeg_often(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Save repeatedly, with slight scaling in between."""
    size = canvas.size
    for _ in range(round(rng.draw_level(3, 12))):
        canvas = _recompress(canvas.scale(rng.draw_uniform(0.92, 1.05)), "JPEG", quality=rng.draw_integer(30, 75))
    return canvas.resize(*size)


def palette(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Reduce to few colours, with or without dithering."""
    dither = Image.Dither.FLOYDSTEINBERG if rng.generator.random() < 0.5 else Image.Dither.NONE
    few = Image.fromarray(canvas.pixels).quantize(round(rng.draw_level(48, 5)), dither=dither)
    return canvas.with_pixels(np.asarray(few.convert("RGB")))


def dithered(canvas: Canvas, _: RandomSource) -> Canvas:
    """Dither to black and white."""
    return canvas.with_pixels(np.asarray(Image.fromarray(canvas.pixels).convert("1").convert("RGB")))


def downscaled(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Shrink and enlarge again."""
    size = canvas.size
    return canvas.scale(max(64 / max(size), rng.draw_level(0.5, 0.1))).resize(*size)


def colour_lost(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Reduce the resolution of colours, like bad video."""
    values = Image.fromarray(canvas.pixels).convert("YCbCr")
    lightness, *colours = values.split()
    blurred = [plane.filter(ImageFilter.GaussianBlur(rng.draw_level(3, 20))) for plane in colours]
    return canvas.with_pixels(np.asarray(Image.merge("YCbCr", [lightness, *blurred]).convert("RGB")))


def grain(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add noise to each pixel."""
    return canvas.with_pixels(
        canvas.pixels + rng.generator.standard_normal(canvas.pixels.shape) * rng.draw_level(8, 60)
    )


def coarse_grain(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add coarse noise, like fast film."""
    width, height = canvas.size
    noise = rng.generator.standard_normal((height // 3 + 1, width // 3 + 1)).astype(np.float32)
    large_noise = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return canvas.with_pixels(canvas.pixels + large_noise[..., None] * rng.draw_level(8, 45))


def dead_pixels(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add black and white specks."""
    noise, fraction = rng.generator.random(canvas.pixels.shape[:2])[..., None], rng.draw_level(0.01, 0.15)
    specks = np.where(noise < fraction / 2, 0, 255)
    return canvas.with_pixels(np.where(noise < fraction, specks, canvas.pixels))


def blur(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Blur, as out of focus."""
    return canvas.with_pixels(cv2.GaussianBlur(canvas.pixels, (0, 0), rng.draw_level(0.8, 0.012 * max(canvas.size))))


def motion(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Blur along a line, as by camera motion."""
    length = max(3, round(rng.draw_level(0.005, 0.04) * max(canvas.size)))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    rotation = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), rng.draw_uniform(0, 180), 1)
    kernel = cv2.warpAffine(kernel, rotation, (length, length))
    return canvas.with_pixels(cv2.filter2D(canvas.pixels, -1, kernel / max(1e-6, float(kernel.sum()))))


def median(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Smooth with preserved edges."""
    return canvas.with_pixels(cv2.medianBlur(canvas.pixels, 2 * round(rng.draw_level(1, 5)) + 1))


def sharpened(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Sharpen until edges have halos."""
    blurred = cv2.GaussianBlur(canvas.pixels, (0, 0), rng.draw_uniform(1, 4)).astype(np.float64)
    return canvas.with_pixels(canvas.pixels + (canvas.pixels - blurred) * rng.draw_level(0.8, 4))


def interlaced(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Shift every second line."""
    x, y = create_grid(canvas.size)
    return canvas.warp(x + (y % 2) * rng.draw_level(1, 0.015 * max(canvas.size)), y, mirror_edges=True)


def scan_lines(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add the dark lines of an old screen."""
    _, y = create_grid(canvas.size)
    lines = 1 - rng.draw_level(0.15, 0.8) * (np.floor(y) % rng.draw_integer(2, 5) == 0)
    return canvas.with_pixels(canvas.pixels * lines[..., None])
