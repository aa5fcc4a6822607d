"""Chains of primitives, drawn by seed."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from bench.primitives.canvas import Canvas, Chance, Pixels, begun
from bench.primitives.catalogue import Primitive

LONG_SIDE, MAX_SIDE = 800, 1600
"""Pixels: of the work when a chain begins, and of a copy."""
MIN_SHOWN = 0.12
"""Share of the work's fields that a copy has to show, to count as one."""
MIN_PIXELS = 6000
"""Pixels of a copy that have to show the work: 110 × 55 is about the least in which a person recognises a picture."""
FIELDS = 32
ATTEMPTS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Composition:
    """A copy.

    Attributes:
        canvas: what it shows, and where that comes from.
        names: of the primitives, in their order.
        data: bytes of the JPEG that a site would hold.
        shown: share of the work's fields that it still shows, 0 to 1.
    """

    canvas: Canvas
    names: tuple[str, ...]
    data: bytes
    shown: float


def composed(
    work: Pixels,
    others: Sequence[Pixels],
    pool: Sequence[Primitive],
    seed: int,
    *,
    length: int | None = None,
    strength: float | None = None,
) -> Composition | None:
    """Draw primitives and change a work by them.

    Args:
        work: RGB, uint8; made smaller to a long side of 800 first.
        others: pictures to stand beside, behind or before it.
        pool: what is drawn from.
        seed: of every draw.
        length: of the chain; 1 to 4 unless given, short ones more often.
        strength: of each, 0 to 1; drawn unless given, long chains weaker.

    Returns:
        The copy; ``None`` where eight draws left less of the work than a person would recognise.
    """
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([seed, attempt])
        count = length or int(rng.choice([1, 2, 3, 4], p=[0.35, 0.3, 0.2, 0.15]))
        chosen = [pool[int(number)] for number in rng.choice(len(pool), count, replace=False)]
        canvas = begun(_limited(work, LONG_SIDE))
        for primitive in chosen:
            drawn = strength if strength is not None else float(rng.random()) / count**0.5
            canvas = _bounded(primitive.change(canvas, Chance(rng, drawn, others)))
        fraction, pixels = _left(canvas, work)
        if fraction >= MIN_SHOWN and pixels >= MIN_PIXELS:
            quality = int(rng.integers(55, 93))
            return Composition(
                canvas, tuple(primitive.name for primitive in chosen), _jpeg(canvas.pixels, quality), fraction
            )
    return None


def _limited(work: Pixels, side: int) -> Pixels:
    if max(work.shape[:2]) <= side:
        return work
    picture = Image.fromarray(work)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _bounded(canvas: Canvas) -> Canvas:
    return canvas if max(canvas.size) <= MAX_SIDE else canvas.scaled(MAX_SIDE / max(canvas.size))


def _left(canvas: Canvas, work: Pixels) -> tuple[float, int]:
    """Share of the work's fields that are to be seen, and how many pixels show any of it."""
    places = canvas.origin[~np.isnan(canvas.origin[..., 0])]
    height, width = _limited(work, LONG_SIDE).shape[:2]
    fields = np.unique((places / (width, height) * FIELDS).clip(0, FIELDS - 1).astype(int) @ [1, FIELDS])
    return len(fields) / FIELDS**2, len(places)


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()
