"""Overlays that leave most of the picture visible."""

import numpy as np

from bench.primitives import shapes
from bench.primitives.canvas import Canvas, RandomSource, create_grid


def caption_below(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add a caption bar below the picture."""
    bar = round(rng.draw_level(0.1, 0.35) * canvas.size[1])
    background = rng.draw_colour()
    framed = shapes.add_margins(canvas, 0, 0, 0, bar, background)
    ink = np.full(3, 255.0 if background.mean() < 128 else 0.0)
    words = shapes.draw_words((canvas.size[0], bar), rng, bar * 0.4)
    alpha = np.zeros(framed.pixels.shape[:2], np.float32)
    alpha[canvas.size[1] :] = words
    return framed.overlay(ink, alpha)


def large_words(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add large words across the picture."""
    plane = shapes.draw_words(
        canvas.size, rng, canvas.size[1] * rng.draw_level(0.08, 0.28), count=3, lines=rng.draw_integer(1, 3)
    )
    return canvas.overlay(rng.draw_colour(), plane)


def words_tiled(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Tile a pale watermark."""
    tile = shapes.draw_words((round(canvas.size[0] / 3), round(canvas.size[1] / 6)), rng, canvas.size[1] / 14, count=2)
    rows, columns = canvas.size[1] // tile.shape[0] + 1, canvas.size[0] // tile.shape[1] + 1
    plane = np.tile(tile, (rows, columns))[: canvas.size[1], : canvas.size[0]]
    return canvas.overlay(np.full(3, 255.0), plane * rng.draw_level(0.2, 0.7))


def logo(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add a logo in a corner."""
    side = rng.draw_level(0.1, 0.3)
    x, y = (
        rng.draw_uniform(side / 2, side) if rng.generator.random() < 0.5 else 1 - rng.draw_uniform(side / 2, side)
        for _ in "xy"
    )
    ring = shapes.make_ellipse(canvas.size, (x, y), (side / 2, side / 2)) - shapes.make_ellipse(
        canvas.size, (x, y), (side / 3, side / 3)
    )
    return canvas.overlay(rng.draw_colour(), ring * rng.draw_uniform(0.5, 1))


def framed(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add a frame of two colours."""
    for fraction in (rng.draw_level(0.02, 0.15), rng.draw_level(0.01, 0.06)):
        margin = round(fraction * max(canvas.size))
        canvas = shapes.add_margins(canvas, margin, margin, margin, margin, rng.draw_colour())
    return canvas


def textured_frame(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add a frame made of another picture."""
    margin = round(rng.draw_level(0.04, 0.2) * max(canvas.size))
    return canvas.paste_onto(
        rng.draw_neighbour((canvas.size[0] + 2 * margin, canvas.size[1] + 2 * margin)), margin, margin
    )


def stickers(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add single-colour round stickers."""
    for _ in range(round(rng.draw_level(2, 12))):
        centre, radius = rng.generator.random(2), rng.draw_uniform(0.03, 0.09)
        size = radius * canvas.size[1] / canvas.size[0], radius
        canvas = canvas.overlay(rng.draw_colour(), shapes.make_ellipse(canvas.size, (centre[0], centre[1]), size))
    return canvas


def veil(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add a translucent band with words."""
    top, fraction = rng.draw_uniform(0, 0.6), rng.draw_level(0.15, 0.4)
    band = canvas.overlay(rng.draw_colour(), shapes.make_box(canvas.size, 0, top, 1, top + fraction) * 0.55)
    return band.overlay(np.full(3, 255.0), shapes.draw_words(canvas.size, rng, canvas.size[1] * fraction * 0.4))


def grid_lines(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add a grid of thin lines."""
    x, y = create_grid(canvas.size)
    step, thickness = rng.draw_uniform(0.04, 0.12) * max(canvas.size), rng.draw_level(1, 5)
    return canvas.overlay(rng.draw_colour(), np.asarray((x % step < thickness) | (y % step < thickness), np.float32))


def scribbled(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add scribbles."""
    for _ in range(round(rng.draw_level(1, 4))):
        thickness = max(2, round(rng.draw_uniform(0.004, 0.02) * max(canvas.size)))
        canvas = canvas.overlay(rng.draw_colour(), shapes.draw_scribble(canvas.size, rng, thickness))
    return canvas


def lights(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add bright discs, like light filters."""
    for _ in range(round(rng.draw_level(6, 40))):
        centre, radius = rng.generator.random(2), rng.draw_uniform(0.02, 0.08)
        disc = shapes.make_ellipse(
            canvas.size, (centre[0], centre[1]), (radius, radius * canvas.size[0] / canvas.size[1])
        )
        canvas = canvas.overlay(150 + rng.draw_colour() * 0.4, disc * rng.draw_uniform(0.15, 0.5))
    return canvas


def scratches(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add the thin bright scratches of old film."""
    return canvas.overlay(np.full(3, 230.0), shapes.draw_lines(canvas.size, rng, round(rng.draw_level(10, 90)), 1))


def blended(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Blend with another picture, like a double exposure."""
    fraction = rng.draw_level(0.15, 0.5)
    return canvas.with_pixels(canvas.pixels * (1 - fraction) + rng.draw_neighbour(canvas.size) * fraction)


def snow(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add snowflakes or rain."""
    noise = shapes.soften(np.asarray(rng.generator.random(canvas.pixels.shape[:2]) < 0.004, np.float32), 1.6)
    return canvas.overlay(np.full(3, 250.0), np.clip(noise * rng.draw_level(8, 30), 0, 1))
