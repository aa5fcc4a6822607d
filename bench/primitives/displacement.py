"""Rearrangement: parts are unchanged, but at other positions."""

import numpy as np
from numpy.typing import NDArray

from bench.primitives.canvas import Canvas, Chance, grid


def _rearrange(canvas: Canvas, x: NDArray[np.floating], y: NDArray[np.floating]) -> Canvas:
    """Rearrange by coordinates. Points outside are black."""
    return canvas.warp(np.asarray(x, np.float32), np.asarray(y, np.float32))


def strips_shifted(canvas: Canvas, chance: Chance) -> Canvas:
    """Shift strips, each by its own length."""
    x, y = grid(canvas.size)
    count = chance.integer(3, round(chance.level(4, 12)))
    shifts = chance.rng.uniform(-1, 1, count) * chance.level(0.03, 0.25) * canvas.size[0]
    strip = np.minimum(count - 1, (y * count / canvas.size[1]).astype(int))
    return _rearrange(canvas, x + shifts[strip], y)


def tiles_shuffled(canvas: Canvas, chance: Chance) -> Canvas:
    """Shuffle tiles, like a wrongly assembled puzzle."""
    columns, rows = chance.integer(2, round(chance.level(2, 5))), chance.integer(2, round(chance.level(2, 4)))
    width, height = canvas.size[0] // columns, canvas.size[1] // rows
    whole = canvas.crop(0, 0, width * columns, height * rows)
    x, y = grid(whole.size)
    order = chance.rng.permutation(columns * rows)
    source = order[(y // height).astype(int) * columns + (x // width).astype(int)]
    return _rearrange(whole, x % width + source % columns * width, y % height + source // columns * height)


def tiles_apart(canvas: Canvas, chance: Chance) -> Canvas:
    """Separate tiles by gaps, like several canvases on a wall."""
    columns, rows = chance.integer(1, 4), chance.integer(1, 3)
    if columns * rows == 1:
        columns = 3
    gap = chance.level(0.02, 0.15) * max(canvas.size)
    size = round(canvas.size[0] + gap * (columns - 1)), round(canvas.size[1] + gap * (rows - 1))
    x, y = grid(size)
    width, height = canvas.size[0] / columns, canvas.size[1] / rows
    column, row = np.floor(x / (width + gap)), np.floor(y / (height + gap))
    inside = (x - column * (width + gap) < width) & (y - row * (height + gap) < height)
    apart = _rearrange(canvas, np.where(inside, x - column * gap, -99), np.where(inside, y - row * gap, -99))
    return apart.with_pixels(np.where(inside[..., None], apart.pixels, chance.colour()))


def part_moved(canvas: Canvas, chance: Chance) -> Canvas:
    """Copy a part to another position."""
    width, height = canvas.size
    across, down = (chance.level(0.15, 0.5) * side for side in (width, height))
    x0, y0 = chance.uniform(0, width - across), chance.uniform(0, height - down)
    part = canvas.crop(x0, y0, x0 + across, y0 + down)
    x, y = chance.uniform(0, width - across), chance.uniform(0, height - down)
    pixels, origin = canvas.pixels.copy(), canvas.origin.copy()
    place = np.s_[round(y) : round(y) + part.size[1], round(x) : round(x) + part.size[0]]
    shape = pixels[place].shape[:2]
    pixels[place], origin[place] = part.pixels[: shape[0], : shape[1]], part.origin[: shape[0], : shape[1]]
    return Canvas(pixels, origin)


def band_removed(canvas: Canvas, chance: Chance) -> Canvas:
    """Remove a band in the middle, and join the rest."""
    width, height = canvas.size
    band = chance.level(0.08, 0.35) * width
    begin = chance.uniform(0.25, 0.75) * (width - band)
    x, y = grid((round(width - band), height))
    return _rearrange(canvas, np.where(x < begin, x, x + band), y)


def band_inserted(canvas: Canvas, chance: Chance) -> Canvas:
    """Insert another picture between two halves."""
    width, height = canvas.size
    band = round(chance.level(0.06, 0.5) * width)
    begin = round(chance.uniform(0.3, 0.7) * width)
    first_half, second_half = canvas.crop(0, 0, begin, height), canvas.crop(begin, 0, width, height)
    back = chance.neighbour((first_half.size[0] + band + second_half.size[0], height))
    first = first_half.paste_onto(back, 0, 0)
    second = second_half.paste_onto(first.pixels, first_half.size[0] + band, 0)
    return Canvas(second.pixels, np.where(np.isnan(second.origin), first.origin, second.origin))


def half_mirrored(canvas: Canvas, chance: Chance) -> Canvas:
    """Replace one half by the mirror image of the other."""
    x, y = grid(canvas.size)
    middle = canvas.size[0] * chance.uniform(0.4, 0.6)
    return _rearrange(canvas, np.where(x < middle, x, 2 * middle - x), y)


def halves_slid(canvas: Canvas, chance: Chance) -> Canvas:
    """Cut along a slanted line, and slide one part along it."""
    x, y = grid(canvas.size)
    width, height = canvas.size
    slope, slide = chance.signed(0, 1.2), chance.signed(0.05, chance.level(0.08, 0.3)) * height
    right = x > width / 2 + slope * (y - height / 2)
    return _rearrange(canvas, np.where(right, x + slide * slope, x), np.where(right, y + slide, y))


def rows_torn(canvas: Canvas, chance: Chance) -> Canvas:
    """Shift groups of rows, as in a broken video."""
    x, y = grid(canvas.size)
    ends = np.sort(chance.rng.uniform(0, canvas.size[1], round(chance.level(4, 24))))
    shifts = chance.rng.standard_normal(len(ends) + 1) * chance.level(0.01, 0.1) * canvas.size[0]
    return _rearrange(canvas, x + shifts[np.searchsorted(ends, y[:, 0])][:, None], y)


def blocks_jittered(canvas: Canvas, chance: Chance) -> Canvas:
    """Shift blocks slightly, like frosted glass bricks."""
    x, y = grid(canvas.size)
    side = chance.uniform(0.08, 0.2) * max(canvas.size)
    columns, rows = (int(length / side) + 1 for length in canvas.size)
    shifts = chance.rng.uniform(-1, 1, (2, rows, columns)) * chance.level(0.02, 0.09) * max(canvas.size)
    row, column = (y / side).astype(int), (x / side).astype(int)
    return _rearrange(canvas, x + shifts[0, row, column], y + shifts[1, row, column])


def fanned(canvas: Canvas, chance: Chance) -> Canvas:
    """Rotate panels slightly, like photographs in a hand."""
    count = chance.integer(2, 4)
    width, height = canvas.size
    x, y = grid((width, height))
    turns = chance.rng.uniform(-1, 1, count) * chance.level(0.05, 0.35)
    part = np.minimum(count - 1, (x * count / width).astype(int))
    centre = (part + 0.5) * width / count
    across, down = x - centre, y - height / 2
    cosine, sine = np.cos(turns)[part], np.sin(turns)[part]
    moved, sunk = across * cosine - down * sine, across * sine + down * cosine
    inside = np.abs(moved) <= width / count / 2
    return _rearrange(canvas, np.where(inside, moved + centre, -99), np.where(inside, sunk + height / 2, -99))


def halves_swapped(canvas: Canvas, chance: Chance) -> Canvas:
    """Swap left and right, or top and bottom."""
    x, y = grid(canvas.size)
    width, height = canvas.size
    if chance.rng.random() < 0.5:
        return _rearrange(canvas, (x + chance.uniform(0.3, 0.7) * width) % width, y)
    return _rearrange(canvas, x, (y + chance.uniform(0.3, 0.7) * height) % height)
