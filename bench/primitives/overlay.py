"""Overlays that leave most of the picture visible."""

import numpy as np

from bench.primitives import shapes
from bench.primitives.canvas import Canvas, Chance, grid


def caption_below(canvas: Canvas, chance: Chance) -> Canvas:
    """Add a caption bar below."""
    bar = round(chance.level(0.1, 0.35) * canvas.size[1])
    ground = chance.colour()
    framed = shapes.add_margins(canvas, 0, 0, 0, bar, ground)
    ink = np.full(3, 255.0 if ground.mean() < 128 else 0.0)
    words = shapes.words((canvas.size[0], bar), chance, bar * 0.4)
    alpha = np.zeros(framed.pixels.shape[:2], np.float32)
    alpha[canvas.size[1] :] = words
    return framed.overlay(ink, alpha)


def large_words(canvas: Canvas, chance: Chance) -> Canvas:
    """Add large words across the picture."""
    plane = shapes.words(
        canvas.size, chance, canvas.size[1] * chance.level(0.08, 0.28), count=3, lines=chance.integer(1, 3)
    )
    return canvas.overlay(chance.colour(), plane)


def words_tiled(canvas: Canvas, chance: Chance) -> Canvas:
    """Tile a pale watermark."""
    tile = shapes.words((round(canvas.size[0] / 3), round(canvas.size[1] / 6)), chance, canvas.size[1] / 14, count=2)
    rows, columns = canvas.size[1] // tile.shape[0] + 1, canvas.size[0] // tile.shape[1] + 1
    plane = np.tile(tile, (rows, columns))[: canvas.size[1], : canvas.size[0]]
    return canvas.overlay(np.full(3, 255.0), plane * chance.level(0.2, 0.7))


def logo(canvas: Canvas, chance: Chance) -> Canvas:
    """Add a logo in a corner."""
    side = chance.level(0.1, 0.3)
    x, y = (
        chance.uniform(side / 2, side) if chance.rng.random() < 0.5 else 1 - chance.uniform(side / 2, side)
        for _ in "xy"
    )
    ring = shapes.ellipse(canvas.size, (x, y), (side / 2, side / 2)) - shapes.ellipse(
        canvas.size, (x, y), (side / 3, side / 3)
    )
    return canvas.overlay(chance.colour(), ring * chance.uniform(0.5, 1))


def framed(canvas: Canvas, chance: Chance) -> Canvas:
    """Add a frame of two colours."""
    for share in (chance.level(0.02, 0.15), chance.level(0.01, 0.06)):
        margin = round(share * max(canvas.size))
        canvas = shapes.add_margins(canvas, margin, margin, margin, margin, chance.colour())
    return canvas


def textured_frame(canvas: Canvas, chance: Chance) -> Canvas:
    """Add a frame made of another picture."""
    margin = round(chance.level(0.04, 0.2) * max(canvas.size))
    return canvas.paste_onto(
        chance.neighbour((canvas.size[0] + 2 * margin, canvas.size[1] + 2 * margin)), margin, margin
    )


def stickers(canvas: Canvas, chance: Chance) -> Canvas:
    """Add single-colour round stickers."""
    for _ in range(round(chance.level(2, 12))):
        centre, radius = chance.rng.random(2), chance.uniform(0.03, 0.09)
        size = radius * canvas.size[1] / canvas.size[0], radius
        canvas = canvas.overlay(chance.colour(), shapes.ellipse(canvas.size, (centre[0], centre[1]), size))
    return canvas


def veil(canvas: Canvas, chance: Chance) -> Canvas:
    """Add a translucent band with words."""
    top, share = chance.uniform(0, 0.6), chance.level(0.15, 0.4)
    band = canvas.overlay(chance.colour(), shapes.box(canvas.size, 0, top, 1, top + share) * 0.55)
    return band.overlay(np.full(3, 255.0), shapes.words(canvas.size, chance, canvas.size[1] * share * 0.4))


def grid_lines(canvas: Canvas, chance: Chance) -> Canvas:
    """Add a grid of thin lines."""
    x, y = grid(canvas.size)
    step, thick = chance.uniform(0.04, 0.12) * max(canvas.size), chance.level(1, 5)
    return canvas.overlay(chance.colour(), np.asarray((x % step < thick) | (y % step < thick), np.float32))


def scribbled(canvas: Canvas, chance: Chance) -> Canvas:
    """Add scribbles."""
    for _ in range(round(chance.level(1, 4))):
        thick = max(2, round(chance.uniform(0.004, 0.02) * max(canvas.size)))
        canvas = canvas.overlay(chance.colour(), shapes.scribble(canvas.size, chance, thick))
    return canvas


def lights(canvas: Canvas, chance: Chance) -> Canvas:
    """Add bright discs, like light filters."""
    for _ in range(round(chance.level(6, 40))):
        centre, radius = chance.rng.random(2), chance.uniform(0.02, 0.08)
        disc = shapes.ellipse(canvas.size, (centre[0], centre[1]), (radius, radius * canvas.size[0] / canvas.size[1]))
        canvas = canvas.overlay(150 + chance.colour() * 0.4, disc * chance.uniform(0.15, 0.5))
    return canvas


def scratches(canvas: Canvas, chance: Chance) -> Canvas:
    """Add the thin bright scratches of old film."""
    return canvas.overlay(np.full(3, 230.0), shapes.lines(canvas.size, chance, round(chance.level(10, 90)), 1))


def blended(canvas: Canvas, chance: Chance) -> Canvas:
    """Blend with another picture, like a double exposure."""
    share = chance.level(0.15, 0.5)
    return canvas.with_pixels(canvas.pixels * (1 - share) + chance.neighbour(canvas.size) * share)


def snow(canvas: Canvas, chance: Chance) -> Canvas:
    """Add snowflakes or rain."""
    noise = shapes.soft(np.asarray(chance.rng.random(canvas.pixels.shape[:2]) < 0.004, np.float32), 1.6)
    return canvas.overlay(np.full(3, 250.0), np.clip(noise * chance.level(8, 30), 0, 1))
