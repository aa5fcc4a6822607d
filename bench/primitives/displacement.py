"""Rearrangement of unchanged parts to other positions."""

import numpy as np
from numpy.typing import NDArray

from bench.primitives.canvas import Canvas, RandomSource, create_grid


def _rearrange(canvas: Canvas, x: NDArray[np.floating], y: NDArray[np.floating]) -> Canvas:
    """Rearrange by source coordinates. Points outside the picture are black."""
    return canvas.warp(np.asarray(x, np.float32), np.asarray(y, np.float32))


def strips_shifted(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Shift strips, each by its own length."""
    x, y = create_grid(canvas.size)
    count = rng.draw_integer(3, round(rng.draw_level(4, 12)))
    shifts = rng.generator.uniform(-1, 1, count) * rng.draw_level(0.03, 0.25) * canvas.size[0]
    strip = np.minimum(count - 1, (y * count / canvas.size[1]).astype(int))
    return _rearrange(canvas, x + shifts[strip], y)


def tiles_shuffled(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Shuffle tiles, like a wrongly assembled puzzle."""
    columns, rows = rng.draw_integer(2, round(rng.draw_level(2, 5))), rng.draw_integer(2, round(rng.draw_level(2, 4)))
    width, height = canvas.size[0] // columns, canvas.size[1] // rows
    tile_indices = canvas.crop(0, 0, width * columns, height * rows)
    x, y = create_grid(tile_indices.size)
    order = rng.generator.permutation(columns * rows)
    source = order[(y // height).astype(int) * columns + (x // width).astype(int)]
    return _rearrange(tile_indices, x % width + source % columns * width, y % height + source // columns * height)


def tiles_apart(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Separate tiles by gaps, like several canvases on a wall."""
    columns, rows = rng.draw_integer(1, 4), rng.draw_integer(1, 3)
    if columns * rows == 1:
        columns = 3
    gap = rng.draw_level(0.02, 0.15) * max(canvas.size)
    size = round(canvas.size[0] + gap * (columns - 1)), round(canvas.size[1] + gap * (rows - 1))
    x, y = create_grid(size)
    width, height = canvas.size[0] / columns, canvas.size[1] / rows
    column, row = np.floor(x / (width + gap)), np.floor(y / (height + gap))
    inside = (x - column * (width + gap) < width) & (y - row * (height + gap) < height)
    separated = _rearrange(canvas, np.where(inside, x - column * gap, -99), np.where(inside, y - row * gap, -99))
    return separated.with_pixels(np.where(inside[..., None], separated.pixels, rng.draw_colour()))


def part_moved(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Copy a part to another position."""
    width, height = canvas.size
    part_width, part_height = (rng.draw_level(0.15, 0.5) * side for side in (width, height))
    x0, y0 = rng.draw_uniform(0, width - part_width), rng.draw_uniform(0, height - part_height)
    part = canvas.crop(x0, y0, x0 + part_width, y0 + part_height)
    x, y = rng.draw_uniform(0, width - part_width), rng.draw_uniform(0, height - part_height)
    pixels, origin = canvas.pixels.copy(), canvas.origin.copy()
    position = np.s_[round(y) : round(y) + part.size[1], round(x) : round(x) + part.size[0]]
    shape = pixels[position].shape[:2]
    pixels[position], origin[position] = part.pixels[: shape[0], : shape[1]], part.origin[: shape[0], : shape[1]]
    return Canvas(pixels, origin)


def band_removed(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Remove a band in the middle, and join the rest."""
    width, height = canvas.size
    band = rng.draw_level(0.08, 0.35) * width
    start = rng.draw_uniform(0.25, 0.75) * (width - band)
    x, y = create_grid((round(width - band), height))
    return _rearrange(canvas, np.where(x < start, x, x + band), y)


def band_inserted(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Insert another picture between two halves."""
    width, height = canvas.size
    band = round(rng.draw_level(0.06, 0.5) * width)
    start = round(rng.draw_uniform(0.3, 0.7) * width)
    first_half, second_half = canvas.crop(0, 0, start, height), canvas.crop(start, 0, width, height)
    background = rng.draw_neighbour((first_half.size[0] + band + second_half.size[0], height))
    first = first_half.paste_onto(background, 0, 0)
    second = second_half.paste_onto(first.pixels, first_half.size[0] + band, 0)
    return Canvas(second.pixels, np.where(np.isnan(second.origin), first.origin, second.origin))


def half_mirrored(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Replace one half by the mirror image of the other."""
    x, y = create_grid(canvas.size)
    middle = canvas.size[0] * rng.draw_uniform(0.4, 0.6)
    return _rearrange(canvas, np.where(x < middle, x, 2 * middle - x), y)


def halves_slid(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cut along a slanted line, and slide one part along it."""
    x, y = create_grid(canvas.size)
    width, height = canvas.size
    slope, slide = rng.draw_signed(0, 1.2), rng.draw_signed(0.05, rng.draw_level(0.08, 0.3)) * height
    is_right = x > width / 2 + slope * (y - height / 2)
    return _rearrange(canvas, np.where(is_right, x + slide * slope, x), np.where(is_right, y + slide, y))


def rows_torn(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Shift groups of rows, as in a broken video."""
    x, y = create_grid(canvas.size)
    row_ends = np.sort(rng.generator.uniform(0, canvas.size[1], round(rng.draw_level(4, 24))))
    shifts = rng.generator.standard_normal(len(row_ends) + 1) * rng.draw_level(0.01, 0.1) * canvas.size[0]
    return _rearrange(canvas, x + shifts[np.searchsorted(row_ends, y[:, 0])][:, None], y)


def blocks_jittered(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Shift blocks slightly, like frosted glass bricks."""
    x, y = create_grid(canvas.size)
    side = rng.draw_uniform(0.08, 0.2) * max(canvas.size)
    columns, rows = (int(length / side) + 1 for length in canvas.size)
    shifts = rng.generator.uniform(-1, 1, (2, rows, columns)) * rng.draw_level(0.02, 0.09) * max(canvas.size)
    row, column = (y / side).astype(int), (x / side).astype(int)
    return _rearrange(canvas, x + shifts[0, row, column], y + shifts[1, row, column])


def fanned(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Rotate panels slightly, like photographs in a hand."""
    count = rng.draw_integer(2, 4)
    width, height = canvas.size
    x, y = create_grid((width, height))
    angles = rng.generator.uniform(-1, 1, count) * rng.draw_level(0.05, 0.35)
    part = np.minimum(count - 1, (x * count / width).astype(int))
    centre = (part + 0.5) * width / count
    x_offset, y_offset = x - centre, y - height / 2
    cosine, sine = np.cos(angles)[part], np.sin(angles)[part]
    rotated_x, rotated_y = x_offset * cosine - y_offset * sine, x_offset * sine + y_offset * cosine
    inside = np.abs(rotated_x) <= width / count / 2
    return _rearrange(canvas, np.where(inside, rotated_x + centre, -99), np.where(inside, rotated_y + height / 2, -99))


def halves_swapped(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Swap left and right, or top and bottom."""
    x, y = create_grid(canvas.size)
    width, height = canvas.size
    if rng.generator.random() < 0.5:
        return _rearrange(canvas, (x + rng.draw_uniform(0.3, 0.7) * width) % width, y)
    return _rearrange(canvas, x, (y + rng.draw_uniform(0.3, 0.7) * height) % height)
