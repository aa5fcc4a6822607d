"""Classical style filters, which change all pixels without moving content."""

import numpy as np

from bench.primitives.canvas import Canvas, RandomSource, create_grid
from indexer.layout.single_thread import cv2


def _to_grey(canvas: Canvas) -> np.ndarray:
    return np.asarray(cv2.cvtColor(canvas.pixels, cv2.COLOR_RGB2GRAY))


def _to_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def cartoon(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Draw flat colours with dark outlines."""
    flat = canvas.pixels
    for _ in range(round(rng.draw_level(1, 4))):
        flat = cv2.bilateralFilter(flat, 9, 60, 7)
    step = rng.draw_level(24, 56)
    edges = cv2.adaptiveThreshold(
        cv2.medianBlur(_to_grey(canvas), 5), 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 5
    )
    return canvas.with_pixels((np.floor(flat / step) * step + step / 2) * edges[..., None])


def pencil(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Draw lines on white by dividing by the blurred picture."""
    grey = _to_grey(canvas).astype(np.float64)
    blurred = cv2.GaussianBlur(255 - grey, (0, 0), rng.draw_level(8, 3))
    return canvas.with_pixels(_to_rgb(np.clip(grey / np.maximum(1, 255 - blurred) * 255, 0, 255)))


def outlines(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Draw only the edges."""
    edges = cv2.Canny(cv2.GaussianBlur(_to_grey(canvas), (0, 0), rng.draw_level(1, 2)), 50, 130)
    return canvas.with_pixels(_to_rgb(255 - cv2.dilate(edges, np.ones((2, 2)))))


def woodcut(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Reduce to two tones."""
    grey = cv2.GaussianBlur(_to_grey(canvas), (0, 0), rng.draw_level(1, 3))
    return canvas.with_pixels(_to_rgb(np.where(grey > np.median(grey), 240, 20)))


def emboss(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Emboss, with light from the side."""
    grey = cv2.GaussianBlur(_to_grey(canvas), (0, 0), rng.draw_level(0.8, 2)).astype(np.float64)
    return canvas.with_pixels(_to_rgb(128 + (grey - np.roll(grey, (2, 2), (0, 1))) * rng.draw_level(2, 5)))


def oil(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Paint in broad strokes: medians with posterised colours."""
    smoothed = cv2.medianBlur(canvas.pixels, 2 * round(rng.draw_level(2, 6)) + 1)
    return canvas.with_pixels(cv2.medianBlur((smoothed // 24 * 24 + 12).astype(np.uint8), 5))


def watercolour(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Smooth and pale, on rough paper (edge-preserving filter of Gastal and Oliveira, 2011)."""
    smoothed = cv2.edgePreservingFilter(
        canvas.pixels, flags=1, sigma_s=rng.draw_level(20, 80), sigma_r=rng.draw_level(0.3, 0.7)
    )
    return canvas.with_pixels(smoothed * 0.8 + 48 + 20 * rng.draw_field(canvas.size, 60)[..., None])


def stylised(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Apply OpenCV's stylisation."""
    return canvas.with_pixels(cv2.stylization(canvas.pixels, sigma_s=rng.draw_level(20, 80), sigma_r=0.5))


def dotted(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Paint in dots."""
    x, y = create_grid(canvas.size)
    side = max(3, rng.draw_level(0.006, 0.016) * max(canvas.size))
    shift = rng.generator.uniform(-0.3, 0.3, (2, int(canvas.size[1] / side) + 2, int(canvas.size[0] / side) + 2)) * side
    column, row = (x / side).astype(int), (y / side).astype(int)
    centre_x, centre_y = (column + 0.5) * side + shift[0, row, column], (row + 0.5) * side + shift[1, row, column]
    proximity = np.hypot(x - centre_x, y - centre_y) < side * 0.55
    colours = cv2.GaussianBlur(canvas.pixels, (0, 0), side / 2)
    dot_colours = colours[
        np.clip(centre_y, 0, canvas.size[1] - 1).astype(int), np.clip(centre_x, 0, canvas.size[0] - 1).astype(int)
    ]
    return canvas.with_pixels(np.where(proximity[..., None], dot_colours, 245))


def mosaic(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Show as a mosaic of square stones with joints."""
    x, y = create_grid(canvas.size)
    side = max(4, round(rng.draw_level(0.008, 0.02) * max(canvas.size)))
    small_pixels = cv2.resize(
        canvas.pixels, (max(1, canvas.size[0] // side), max(1, canvas.size[1] // side)), interpolation=cv2.INTER_AREA
    )
    stones = cv2.resize(small_pixels, canvas.size, interpolation=cv2.INTER_NEAREST)
    joints = (x % side < 1) | (y % side < 1)
    return canvas.with_pixels(np.where(joints[..., None], 60, stones))


def hatched(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Hatch tones with crossed lines."""
    x, y = create_grid(canvas.size)
    grey, pitch = cv2.GaussianBlur(_to_grey(canvas), (0, 0), 1.5), rng.draw_level(3, 6)
    ink = np.zeros_like(x, dtype=bool)
    for limit, distance in ((190, x + y), (130, x - y), (80, x), (45, y)):
        ink |= (grey < limit) & (distance % pitch < 1.2)
    return canvas.with_pixels(_to_rgb(np.where(ink, 25, 245)))


def painted_strokes(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Paint short overlapping strokes along the edges."""
    grey = cv2.GaussianBlur(_to_grey(canvas), (0, 0), 3).astype(np.float32)
    angle = np.arctan2(cv2.Sobel(grey, cv2.CV_32F, 0, 1), cv2.Sobel(grey, cv2.CV_32F, 1, 0)) + np.pi / 2
    picture = cv2.GaussianBlur(canvas.pixels, (0, 0), 6)
    length = rng.draw_level(0.008, 0.02) * max(canvas.size)
    for x, y in (rng.generator.random((round(900 / length * 12), 2)) * canvas.size).astype(int):
        dx, dy = (float(f(angle[y, x])) * length for f in (np.cos, np.sin))
        colour = tuple(int(value) for value in canvas.pixels[y, x])
        cv2.line(
            picture, (round(x - dx), round(y - dy)), (round(x + dx), round(y + dy)), colour, max(2, round(length / 3))
        )
    return canvas.with_pixels(picture)
