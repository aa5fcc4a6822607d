"""Two strangers under one logo, frame, pattern or ground: what they share was made by neither of their owners."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from bench.cheats.truth import Shown
from bench.primitives import overlay
from bench.primitives.canvas import Canvas, Chance, Pixels, begun
from bench.primitives.shapes import ellipse
from indexer.layout.single_thread import cv2

SIZE = (900, 675)
TILE = 150
WALL = 8
"""Fields along each side that a plain wall's tones are the means of."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two strangers under one template, and the share of the second that is template."""

    registered: Pixels
    found: Pixels
    shared: Shown


def under_one(name: str, strength: float, pictures: tuple[Pixels, Pixels], chance: Chance) -> Pair:
    """Both pictures in one size under the same template, drawn once."""
    seed = int(chance.rng.integers(2**31))

    def laid(picture: Pixels) -> Canvas:
        fitted = np.asarray(cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA))
        return TEMPLATES[name](begun(fitted), Chance(np.random.default_rng(seed), strength, chance.others))

    first, second = (laid(picture) for picture in pictures)
    share = float(np.isnan(second.origin[..., 0]).mean())
    return Pair(first.pixels, second.pixels, Shown(share, share, share))


def _pattern(canvas: Canvas, chance: Chance) -> Canvas:
    """A tile of another picture, repeated all over, half seen through."""
    tile = chance.other((TILE, TILE))
    width, height = canvas.size
    tiled = np.tile(tile, (height // TILE + 1, width // TILE + 1, 1))[:height, :width]
    return canvas.covered(tiled, np.full((height, width), chance.strength, np.float32))


def _ground(canvas: Canvas, chance: Chance) -> Canvas:
    """A ground that both took from somebody else, with the picture upon it; strength is the ground's share."""
    factor = float(np.sqrt(1 - chance.strength))
    small = canvas.scaled(factor)
    room = np.array(canvas.size) - small.size
    left, top = (chance.rng.uniform(0, 1, 2) * room).tolist()
    return small.on(chance.other(canvas.size), left, top)


def _emblem(canvas: Canvas, chance: Chance) -> Canvas:
    """A round emblem full of details before a wall in the picture's tones: strength is its share of the area."""
    radius = float(np.sqrt(chance.strength * canvas.size[0] * canvas.size[1] / np.pi))
    coarse = cv2.resize(canvas.pixels, (WALL, WALL), interpolation=cv2.INTER_AREA)
    plain = canvas.painted(cv2.resize(cv2.GaussianBlur(coarse, (0, 0), 1), canvas.size, interpolation=cv2.INTER_CUBIC))
    disc = ellipse(canvas.size, (0.5, 0.5), (radius / canvas.size[0], radius / canvas.size[1]))
    return plain.covered(chance.other(canvas.size), disc)


TEMPLATES: Mapping[str, Callable[[Canvas, Chance], Canvas]] = MappingProxyType(
    {
        "logo": overlay.logo,
        "words": overlay.large_words,
        "caption": overlay.caption_below,
        "watermark": overlay.words_tiled,
        "frame": overlay.textured_frame,
        "pattern": _pattern,
        "emblem of 6%, plain walls": _emblem,
        "emblem of 15%, plain walls": _emblem,
        "ground, a third": _ground,
        "ground, half": _ground,
        "ground, two thirds": _ground,
    }
)
