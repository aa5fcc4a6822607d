"""Tone changes in a part of the picture, or to a varying degree."""

import numpy as np
from numpy.typing import NDArray

from bench.primitives import tone
from bench.primitives.canvas import Canvas, Chance, Plane, grid


def _blend(canvas: Canvas, changed: Canvas, share: Plane | NDArray[np.bool_]) -> Canvas:
    part = np.asarray(share, np.float32)[..., None]
    return canvas.with_pixels(canvas.pixels * (1 - part) + changed.pixels * part)


def _half(canvas: Canvas, chance: Chance) -> NDArray[np.bool_]:
    """Return a mask of one side of a straight line through the middle third."""
    x, y = grid(canvas.size)
    angle = chance.uniform(0, 2 * np.pi)
    along = (x / canvas.size[0] - 0.5) * np.cos(angle) + (y / canvas.size[1] - 0.5) * np.sin(angle)
    return np.asarray(along > chance.uniform(-0.17, 0.17))


def _any_tone(canvas: Canvas, chance: Chance) -> Canvas:
    changes = [tone.gamma, tone.exposure, tone.hue, tone.grey, tone.duotone, tone.solarised, tone.contrast]
    return changes[chance.integer(0, len(changes) - 1)](canvas, chance)


def half_negative(canvas: Canvas, chance: Chance) -> Canvas:
    """Invert one side."""
    return _blend(canvas, tone.negative(canvas, chance), _half(canvas, chance))


def half_toned(canvas: Canvas, chance: Chance) -> Canvas:
    """Change the tones of one side, like before and after."""
    return _blend(canvas, _any_tone(canvas, chance), _half(canvas, chance))


def strips_toned(canvas: Canvas, chance: Chance) -> Canvas:
    """Change the tones of each strip, like a test print."""
    x, _ = grid(canvas.size)
    count = chance.integer(3, 6)
    result = canvas
    for number in range(count):
        result = _blend(result, _any_tone(canvas, chance), (x * count // canvas.size[0]) == number)
    return result


def chequered(canvas: Canvas, chance: Chance) -> Canvas:
    """Change the tones of every second square."""
    x, y = grid(canvas.size)
    side = chance.uniform(0.08, 0.3) * max(canvas.size)
    return _blend(canvas, _any_tone(canvas, chance), (x // side + y // side) % 2 == 0)


def light_from_aside(canvas: Canvas, chance: Chance) -> Canvas:
    """Darken gradually from one side to the other."""
    x, y = grid(canvas.size)
    angle = chance.uniform(0, 2 * np.pi)
    along = (x / canvas.size[0] - 0.5) * np.cos(angle) + (y / canvas.size[1] - 0.5) * np.sin(angle)
    return canvas.with_pixels(canvas.pixels * (1 + chance.level(0.5, 1.9) * along)[..., None])


def vignette(canvas: Canvas, chance: Chance) -> Canvas:
    """Darken the corners."""
    x, y = grid(canvas.size)
    radius = np.hypot(x / canvas.size[0] - 0.5, y / canvas.size[1] - 0.5)
    return canvas.with_pixels(canvas.pixels * np.clip(1 - chance.level(0.8, 2.6) * radius**2, 0, 1)[..., None])


def spotlight(canvas: Canvas, chance: Chance) -> Canvas:
    """Light one spot, and darken the rest."""
    x, y = grid(canvas.size)
    at = chance.uniform(0.3, 0.7), chance.uniform(0.3, 0.7)
    near = np.exp(-((x / canvas.size[0] - at[0]) ** 2 + (y / canvas.size[1] - at[1]) ** 2) / chance.uniform(0.03, 0.12))
    return canvas.with_pixels(canvas.pixels * (chance.level(0.6, 0.12) + near)[..., None])


def light_leak(canvas: Canvas, chance: Chance) -> Canvas:
    """Add coloured light to a part, like a light leak of old film."""
    light = np.clip(chance.field(canvas.size, 3), 0, 1)[..., None] * chance.level(80, 260)
    return canvas.with_pixels(canvas.pixels + light * chance.colour() / 255)


def shade_recoloured(canvas: Canvas, chance: Chance) -> Canvas:
    """Recolour everything above a brightness, like a replaced sky."""
    lightness = canvas.pixels @ tone.GREY
    share = 1 / (1 + np.exp(-(lightness - chance.uniform(110, 190)) / 12))
    return _blend(canvas, canvas.with_pixels((lightness[..., None] / 255) ** 0.7 * (80 + chance.colour())), share)


def shadow_across(canvas: Canvas, chance: Chance) -> Canvas:
    """Cast a hard-edged shadow."""
    dark = chance.field(canvas.size, 3) > chance.uniform(-0.1, 0.2)
    return _blend(canvas, canvas.with_pixels(canvas.pixels * chance.level(0.7, 0.2)), dark)


def blotched(canvas: Canvas, chance: Chance) -> Canvas:
    """Vary brightness and colour by a smooth field."""
    fields = np.stack([chance.field(canvas.size, chance.integer(2, 6)) for _ in range(3)], axis=2)
    return canvas.with_pixels(canvas.pixels * (1 + chance.level(0.2, 0.9) * fields))


def frosted_part(canvas: Canvas, chance: Chance) -> Canvas:
    """Show a part through coloured glass."""
    x, y = grid(canvas.size)
    x0, y0 = chance.uniform(0, 0.5) * canvas.size[0], chance.uniform(0, 0.5) * canvas.size[1]
    share = chance.level(0.3, 0.7)
    inside = (x > x0) & (y > y0) & (x < x0 + share * canvas.size[0]) & (y < y0 + share * canvas.size[1])
    return _blend(canvas, canvas.with_pixels(canvas.pixels * 0.35 + chance.colour() * 0.65), inside)
