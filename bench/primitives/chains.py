"""Seeded random chains of primitives."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from bench.primitives.canvas import Canvas, Pixels, RandomSource, canvas_from_pixels
from bench.primitives.catalogue import Primitive

LONG_SIDE, MAX_SIDE = 800, 1600
"""Long side in pixels of the work at the start of a chain, and maximum long side of a copy."""
MIN_VISIBLE_FRACTION = 0.12
"""Minimum fraction of the work's cells that a copy must show."""
MIN_PIXELS = 6000
"""Minimum number of pixels of a copy that show the work. People recognise a picture of about 110 × 55 pixels."""
CELLS_PER_SIDE = 32
MAX_ATTEMPTS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Composition:
    """A copy that was created by a chain of primitives.

    Attributes:
        canvas: Its pixels and their origins.
        names: Names of the primitives, in order.
        data: Bytes of the JPEG that a site would serve.
        visible_fraction: Fraction of the work's cells that are still visible, 0 to 1.
    """

    canvas: Canvas
    names: tuple[str, ...]
    data: bytes
    visible_fraction: float


def compose(
    work: Pixels,
    neighbours: Sequence[Pixels],
    pool: Sequence[Primitive],
    seed: int,
    *,
    length: int | None = None,
    strength: float | None = None,
) -> Composition | None:
    """Draw random primitives and apply them to a work.

    Args:
        work: RGB, uint8; first reduced to a long side of 800.
        neighbours: Pictures to place next to, behind or in front of it.
        pool: Primitives to draw from.
        seed: Seed of all random choices.
        length: Length of the chain; by default 1 to 4, short ones more often.
        strength: Strength of each, 0 to 1; random by default, weaker in long chains.

    Returns:
        The copy, or ``None`` if eight attempts left too little of the work to be recognisable.
    """
    for attempt in range(MAX_ATTEMPTS):
        rng = np.random.default_rng([seed, attempt])
        count = length or int(rng.choice([1, 2, 3, 4], p=[0.35, 0.3, 0.2, 0.15]))
        primitives = [pool[int(number)] for number in rng.choice(len(pool), count, replace=False)]
        canvas = canvas_from_pixels(_limit_size(work, LONG_SIDE))
        for primitive in primitives:
            level = strength if strength is not None else float(rng.random()) / count**0.5
            canvas = _limit_canvas(primitive.change(canvas, RandomSource(rng, level, neighbours)))
        fraction, pixels = _measure_visible_part(canvas, work)
        if fraction >= MIN_VISIBLE_FRACTION and pixels >= MIN_PIXELS:
            quality = int(rng.integers(55, 93))
            return Composition(
                canvas,
                tuple(primitive.name for primitive in primitives),
                _encode_jpeg(canvas.pixels, quality),
                fraction,
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


def _measure_visible_part(canvas: Canvas, work: Pixels) -> tuple[float, int]:
    """Return the fraction of the work's cells that are visible, and the number of pixels that show a part of it."""
    positions = canvas.origin[~np.isnan(canvas.origin[..., 0])]
    height, width = _limit_size(work, LONG_SIDE).shape[:2]
    cells = np.unique(
        (positions / (width, height) * CELLS_PER_SIDE).clip(0, CELLS_PER_SIDE - 1).astype(int) @ [1, CELLS_PER_SIDE]
    )
    return len(cells) / CELLS_PER_SIDE**2, len(positions)


def _encode_jpeg(pixels: Pixels, quality: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()
