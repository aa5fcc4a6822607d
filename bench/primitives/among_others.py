"""The work as a small part of a larger picture, down to a few per cent of it."""

import numpy as np

from bench.primitives import composition, shapes
from bench.primitives.canvas import Canvas, Chance

SMALLEST = 110
"""Long side of the work in pixels, below which a person would hardly recognise it."""


def contact_sheet(canvas: Canvas, chance: Chance) -> Canvas:
    """Place the work among dozens of pictures in rows."""
    columns, rows = chance.integer(4, round(chance.level(5, 9))), chance.integer(3, round(chance.level(4, 8)))
    return shapes.sheet(
        canvas, chance, columns, rows, (chance.integer(130, 180), chance.integer(110, 140)), chance.integer(0, 8)
    )


def small_on_picture(canvas: Canvas, chance: Chance) -> Canvas:
    """Place the work anywhere on a large picture."""
    size = (1400, 1000)
    side = max(SMALLEST, np.sqrt(chance.level(0.12, 0.02)) * 1180)
    small = canvas.scale(side / max(canvas.size))
    return small.paste_onto(
        chance.neighbour(size), chance.uniform(0, size[0] - side), chance.uniform(0, size[1] - side)
    )


def small_on_page(canvas: Canvas, chance: Chance) -> Canvas:
    """Place the work as a small picture on a long page."""
    size = (1100, 1500)
    side = max(SMALLEST, chance.level(380, 150))
    small = canvas.scale(side / max(canvas.size))
    return small.paste_onto(
        shapes.page(size, chance), chance.uniform(0, size[0] - side), chance.uniform(0, size[1] - side)
    )


def nested(canvas: Canvas, chance: Chance) -> Canvas:
    """Nest the work in pictures within pictures."""
    for _ in range(chance.integer(2, 3)):
        canvas = composition.picture_in_picture(canvas.scale(600 / max(canvas.size)), chance)
    return canvas.scale(2.0) if max(canvas.size) < 1000 else canvas


def shop_listing(canvas: Canvas, chance: Chance) -> Canvas:
    """Place the work among products on a shop page, each with words below."""
    columns, rows = chance.integer(3, 5), chance.integer(2, 4)
    tile = (chance.integer(170, 240), chance.integer(150, 220))
    back = shapes.page((columns * 260 + 20, rows * 290 + 20), chance)
    at = chance.integer(0, columns * rows - 1)
    places = [(20 + number % columns * 260, 20 + number // columns * 290) for number in range(columns * rows)]
    for x, y in places:
        back[y : y + tile[1], x : x + tile[0]] = chance.neighbour(tile)
    fitted = canvas.scale(max(tile[0] / canvas.size[0], tile[1] / canvas.size[1]))
    fitted = fitted.crop(0, 0, *tile)
    return fitted.paste_onto(back, *places[at])


def mosaic_wall(canvas: Canvas, chance: Chance) -> Canvas:
    """Place the work among tiles of many sizes without gaps, as in a feed."""
    size = (1200, 900)
    back = chance.neighbour(size).copy()
    boxes = [(0, 0, *size)]
    while len(boxes) < round(chance.level(10, 28)):
        boxes.sort(key=lambda box: box[2] * box[3])
        x, y, width, height = boxes.pop()
        share = chance.uniform(0.35, 0.65)
        if width > height:
            first = round(width * share)
            boxes += [(x, y, first, height), (x + first, y, width - first, height)]
        else:
            first = round(height * share)
            boxes += [(x, y, width, first), (x, y + first, width, height - first)]
    large = [box for box in boxes if min(box[2:]) >= SMALLEST] or boxes
    at = large[chance.integer(0, len(large) - 1)]
    for x, y, width, height in boxes:
        back[y : y + height, x : x + width] = chance.neighbour((width, height))
    fitted = canvas.scale(max(at[2] / canvas.size[0], at[3] / canvas.size[1])).crop(0, 0, at[2], at[3])
    return fitted.paste_onto(back, at[0], at[1])


def far_poster(canvas: Canvas, chance: Chance) -> Canvas:
    """Show the work as a distant poster, seen at an angle."""
    poster = composition.poster_on_wall(canvas, chance)
    side = max(0.18, chance.level(0.4, 0.2))
    small = poster.scale(side * 1300 / max(poster.size) * 1.6)
    return small.paste_onto(
        chance.neighbour((1300, 950)),
        chance.uniform(0, 1300 - small.size[0]),
        chance.uniform(0, max(1, 950 - small.size[1])),
    )


def many_times(canvas: Canvas, chance: Chance) -> Canvas:
    """Repeat the work as a pattern."""
    columns, rows = chance.integer(2, round(chance.level(3, 6))), chance.integer(2, round(chance.level(3, 5)))
    small = canvas.scale(max(SMALLEST, 900 / columns) / max(canvas.size))
    return Canvas(np.tile(small.pixels, (rows, columns, 1)), np.tile(small.origin, (rows, columns, 1)))
