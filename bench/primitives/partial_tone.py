"""Tone changes in a part of the picture, or with varying strength."""

import numpy as np
from numpy.typing import NDArray

from bench.primitives import tone
from bench.primitives.canvas import Canvas, Plane, RandomSource, create_grid


def _blend(canvas: Canvas, changed: Canvas, opacity: Plane | NDArray[np.bool_]) -> Canvas:
    part = np.asarray(opacity, np.float32)[..., None]
    return canvas.with_pixels(canvas.pixels * (1 - part) + changed.pixels * part)


def _draw_half_mask(canvas: Canvas, rng: RandomSource) -> NDArray[np.bool_]:
    """Return a mask of one side of a straight line through the middle third."""
    x, y = create_grid(canvas.size)
    angle = rng.draw_uniform(0, 2 * np.pi)
    distance = (x / canvas.size[0] - 0.5) * np.cos(angle) + (y / canvas.size[1] - 0.5) * np.sin(angle)
    return np.asarray(distance > rng.draw_uniform(-0.17, 0.17))


def _apply_random_tone(canvas: Canvas, rng: RandomSource) -> Canvas:
    changes = [tone.gamma, tone.exposure, tone.hue, tone.grey, tone.duotone, tone.solarised, tone.contrast]
    return changes[rng.draw_integer(0, len(changes) - 1)](canvas, rng)


def half_negative(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Invert one side."""
    return _blend(canvas, tone.negative(canvas, rng), _draw_half_mask(canvas, rng))


def half_toned(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Change the tones of one side, like a before-and-after comparison."""
    return _blend(canvas, _apply_random_tone(canvas, rng), _draw_half_mask(canvas, rng))


def strips_toned(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Change the tones of each strip, like a test print."""
    x, _ = create_grid(canvas.size)
    count = rng.draw_integer(3, 6)
    result = canvas
    for number in range(count):
        result = _blend(result, _apply_random_tone(canvas, rng), (x * count // canvas.size[0]) == number)
    return result


def chequered(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Change the tones of every second square."""
    x, y = create_grid(canvas.size)
    side = rng.draw_uniform(0.08, 0.3) * max(canvas.size)
    return _blend(canvas, _apply_random_tone(canvas, rng), (x // side + y // side) % 2 == 0)


def light_from_aside(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Darken gradually from one side to the other."""
    x, y = create_grid(canvas.size)
    angle = rng.draw_uniform(0, 2 * np.pi)
    distance = (x / canvas.size[0] - 0.5) * np.cos(angle) + (y / canvas.size[1] - 0.5) * np.sin(angle)
    return canvas.with_pixels(canvas.pixels * (1 + rng.draw_level(0.5, 1.9) * distance)[..., None])


def vignette(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Darken the corners."""
    x, y = create_grid(canvas.size)
    radius = np.hypot(x / canvas.size[0] - 0.5, y / canvas.size[1] - 0.5)
    return canvas.with_pixels(canvas.pixels * np.clip(1 - rng.draw_level(0.8, 2.6) * radius**2, 0, 1)[..., None])


def spotlight(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Light one spot, and darken the rest."""
    x, y = create_grid(canvas.size)
    centre = rng.draw_uniform(0.3, 0.7), rng.draw_uniform(0.3, 0.7)
    proximity = np.exp(
        -((x / canvas.size[0] - centre[0]) ** 2 + (y / canvas.size[1] - centre[1]) ** 2) / rng.draw_uniform(0.03, 0.12)
    )
    return canvas.with_pixels(canvas.pixels * (rng.draw_level(0.6, 0.12) + proximity)[..., None])


def light_leak(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Add coloured light to a part, like a light leak of old film."""
    light = np.clip(rng.draw_field(canvas.size, 3), 0, 1)[..., None] * rng.draw_level(80, 260)
    return canvas.with_pixels(canvas.pixels + light * rng.draw_colour() / 255)


def shade_recoloured(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Recolour everything above a brightness, like a replaced sky."""
    lightness = canvas.pixels @ tone.GREY_WEIGHTS
    fraction = 1 / (1 + np.exp(-(lightness - rng.draw_uniform(110, 190)) / 12))
    return _blend(canvas, canvas.with_pixels((lightness[..., None] / 255) ** 0.7 * (80 + rng.draw_colour())), fraction)


def shadow_across(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Cast a hard-edged shadow."""
    dark = rng.draw_field(canvas.size, 3) > rng.draw_uniform(-0.1, 0.2)
    return _blend(canvas, canvas.with_pixels(canvas.pixels * rng.draw_level(0.7, 0.2)), dark)


def blotched(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Vary brightness and colour by a smooth field."""
    fields = np.stack([rng.draw_field(canvas.size, rng.draw_integer(2, 6)) for _ in range(3)], axis=2)
    return canvas.with_pixels(canvas.pixels * (1 + rng.draw_level(0.2, 0.9) * fields))


def frosted_part(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Show a part through coloured glass."""
    x, y = create_grid(canvas.size)
    x0, y0 = rng.draw_uniform(0, 0.5) * canvas.size[0], rng.draw_uniform(0, 0.5) * canvas.size[1]
    fraction = rng.draw_level(0.3, 0.7)
    inside = (x > x0) & (y > y0) & (x < x0 + fraction * canvas.size[0]) & (y < y0 + fraction * canvas.size[1])
    return _blend(canvas, canvas.with_pixels(canvas.pixels * 0.35 + rng.draw_colour() * 0.65), inside)
