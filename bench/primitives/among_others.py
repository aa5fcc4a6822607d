"""The work as a small part of a larger picture, down to a few percent of the area."""

import numpy as np

from bench.primitives import composition, shapes
from bench.primitives.canvas import Canvas, RandomSource

MIN_SIDE = 110
"""Minimum long side of the work in pixels; people hardly recognise smaller pictures."""


def contact_sheet(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place the work among dozens of pictures in rows."""
    columns, rows = rng.draw_integer(4, round(rng.draw_level(5, 9))), rng.draw_integer(3, round(rng.draw_level(4, 8)))
    return shapes.make_sheet(
        canvas, rng, columns, rows, (rng.draw_integer(130, 180), rng.draw_integer(110, 140)), rng.draw_integer(0, 8)
    )


def small_on_picture(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place the work anywhere on a large picture."""
    size = (1400, 1000)
    side = max(MIN_SIDE, np.sqrt(rng.draw_level(0.12, 0.02)) * 1180)
    small_canvas = canvas.scale(side / max(canvas.size))
    return small_canvas.paste_onto(
        rng.draw_neighbour(size), rng.draw_uniform(0, size[0] - side), rng.draw_uniform(0, size[1] - side)
    )


def small_on_page(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place the work as a small picture on a long page."""
    size = (1100, 1500)
    side = max(MIN_SIDE, rng.draw_level(380, 150))
    small_canvas = canvas.scale(side / max(canvas.size))
    return small_canvas.paste_onto(
        shapes.draw_page(size, rng), rng.draw_uniform(0, size[0] - side), rng.draw_uniform(0, size[1] - side)
    )


def nested(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place the work in a picture, which is placed in another picture."""
    for _ in range(rng.draw_integer(2, 3)):
        canvas = composition.picture_in_picture(canvas.scale(600 / max(canvas.size)), rng)
    return canvas.scale(2.0) if max(canvas.size) < 1000 else canvas


def shop_listing(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place the work among products on a shop page, each with text below."""
    columns, rows = rng.draw_integer(3, 5), rng.draw_integer(2, 4)
    tile_size = (rng.draw_integer(170, 240), rng.draw_integer(150, 220))
    background = shapes.draw_page((columns * 260 + 20, rows * 290 + 20), rng)
    centre = rng.draw_integer(0, columns * rows - 1)
    positions = [(20 + number % columns * 260, 20 + number // columns * 290) for number in range(columns * rows)]
    for x, y in positions:
        background[y : y + tile_size[1], x : x + tile_size[0]] = rng.draw_neighbour(tile_size)
    fitted_canvas = canvas.scale(max(tile_size[0] / canvas.size[0], tile_size[1] / canvas.size[1]))
    fitted_canvas = fitted_canvas.crop(0, 0, *tile_size)
    return fitted_canvas.paste_onto(background, *positions[centre])


def mosaic_wall(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place the work among tiles of many sizes without gaps, as in a feed."""
    size = (1200, 900)
    background = rng.draw_neighbour(size).copy()
    boxes = [(0, 0, *size)]
    while len(boxes) < round(rng.draw_level(10, 28)):
        boxes.sort(key=lambda box: box[2] * box[3])
        x, y, width, height = boxes.pop()
        fraction = rng.draw_uniform(0.35, 0.65)
        if width > height:
            first = round(width * fraction)
            boxes += [(x, y, first, height), (x + first, y, width - first, height)]
        else:
            first = round(height * fraction)
            boxes += [(x, y, width, first), (x, y + first, width, height - first)]
    large_box = [box for box in boxes if min(box[2:]) >= MIN_SIDE] or boxes
    centre = large_box[rng.draw_integer(0, len(large_box) - 1)]
    for x, y, width, height in boxes:
        background[y : y + height, x : x + width] = rng.draw_neighbour((width, height))
    fitted_canvas = canvas.scale(max(centre[2] / canvas.size[0], centre[3] / canvas.size[1])).crop(
        0, 0, centre[2], centre[3]
    )
    return fitted_canvas.paste_onto(background, centre[0], centre[1])


def far_poster(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Show the work as a distant poster, seen at an angle."""
    poster = composition.poster_on_wall(canvas, rng)
    side = max(0.18, rng.draw_level(0.4, 0.2))
    small_canvas = poster.scale(side * 1300 / max(poster.size) * 1.6)
    return small_canvas.paste_onto(
        rng.draw_neighbour((1300, 950)),
        rng.draw_uniform(0, 1300 - small_canvas.size[0]),
        rng.draw_uniform(0, max(1, 950 - small_canvas.size[1])),
    )


def many_times(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Repeat the work as a pattern."""
    columns, rows = rng.draw_integer(2, round(rng.draw_level(3, 6))), rng.draw_integer(2, round(rng.draw_level(3, 5)))
    small_canvas = canvas.scale(max(MIN_SIDE, 900 / columns) / max(canvas.size))
    return Canvas(np.tile(small_canvas.pixels, (rows, columns, 1)), np.tile(small_canvas.origin, (rows, columns, 1)))
