"""Seeded random chains of primitives."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from bench.primitives.canvas import Canvas, Chance, Pixels, canvas_from_pixels
from bench.primitives.catalogue import Primitive

LONG_SIDE, MAX_SIDE = 800, 1600
"""Pixels: of the work at the start of a chain, and of a copy."""
MIN_SHOWN = 0.12
"""Minimum share of the work's cells that a copy must show."""
MIN_PIXELS = 6000
"""Minimum pixels of a copy that show the work. In about 110 × 55 a person still recognises a picture."""
FIELDS = 32
ATTEMPTS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Composition:
    """A copy.

    Attributes:
        canvas: Its pixels and their origins.
        names: Names of the primitives, in order.
        data: Bytes of the JPEG that a site would serve.
        shown: Share of the work's cells that it still shows, 0 to 1.
    """

    canvas: Canvas
    names: tuple[str, ...]
    data: bytes
    visible_share: float


def composed(
    work: Pixels,
    neighbours: Sequence[Pixels],
    pool: Sequence[Primitive],
    seed: int,
    *,
    length: int | None = None,
    strength: float | None = None,
) -> Composition | None:
    """Draw primitives and apply them to a work.

    Args:
        work: RGB, uint8; first reduced to a long side of 800.
        neighbours: Pictures to place beside, behind or in front of it.
        pool: Primitives to draw from.
        seed: Seed of all random choices.
        length: Length of the chain; by default 1 to 4, short ones more often.
        strength: Strength of each, 0 to 1; random by default, weaker in long chains.

    Returns:
        The copy, or ``None`` if after eight attempts too little of the work was left for a person to recognise.
    """
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([seed, attempt])
        count = length or int(rng.choice([1, 2, 3, 4], p=[0.35, 0.3, 0.2, 0.15]))
        primitives = [pool[int(number)] for number in rng.choice(len(pool), count, replace=False)]
        canvas = canvas_from_pixels(_limit_size(work, LONG_SIDE))
        for primitive in primitives:
            level = strength if strength is not None else float(rng.random()) / count**0.5
            canvas = _limit_canvas(primitive.change(canvas, Chance(rng, level, neighbours)))
        fraction, pixels = _visible_part(canvas, work)
        if fraction >= MIN_SHOWN and pixels >= MIN_PIXELS:
            quality = int(rng.integers(55, 93))
            return Composition(
                canvas, tuple(primitive.name for primitive in primitives), _jpeg(canvas.pixels, quality), fraction
            )
    return None


def _limit_size(work: Pixels, side: int) -> Pixels:
    if max(work.shape[:2]) <= side:
        return work
    picture = Image.fromarray(work)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _limit_canvas(canvas: Canvas) -> Canvas:
    return canvas if max(canvas.size) <= MAX_SIDE else canvas.scale(MAX_SIDE / max(canvas.size))


def _visible_part(canvas: Canvas, work: Pixels) -> tuple[float, int]:
    """Return the share of the work's cells that are visible, and the number of pixels that show any of it."""
    places = canvas.origin[~np.isnan(canvas.origin[..., 0])]
    height, width = _limit_size(work, LONG_SIDE).shape[:2]
    fields = np.unique((places / (width, height) * FIELDS).clip(0, FIELDS - 1).astype(int) @ [1, FIELDS])
    return len(fields) / FIELDS**2, len(places)


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()
