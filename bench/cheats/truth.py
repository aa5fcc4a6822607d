"""How much of a work a crafted picture really shows, and whether it may be called a copy of it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bench.primitives.canvas import Canvas, Pixels
from indexer.layout.single_thread import cv2

SCRAPS, PIECE, PART = 0.05, 0.015, 0.125
"""Shares of either picture: what is less than scattered scraps; a piece that hangs together; a copy of a part."""
GAP = 0.01
"""Share of the long side: what is nearer than that to one another hangs together, as behind a fence."""
STEP = 4
"""Pixels of the work that are counted together."""


class Kind(StrEnum):
    """What a crafted picture is of the work that it was made to match."""

    STRANGER = "stranger"  # nothing of it, or scattered scraps: never certain
    TEMPLATE = "template"  # a stranger under the same frame, words or pattern: never certain, either
    PIECES = "pieces"  # between: what is decided is told, and isn't counted as wrong
    PARTIAL = "partial copy"  # an eighth of it or more: finding it is right


@dataclass(frozen=True, slots=True)
class Shown:
    """Shares, 0 to 1.

    Attributes:
        picture: of the crafted picture's pixels, those that show the work.
        work: of the work's pixels, those that are shown.
        piece: of the crafted picture, the largest piece that hangs together.
    """

    picture: float
    work: float
    piece: float

    @property
    def kind(self) -> Kind:
        """By the shares alone."""
        most = max(self.picture, self.work)
        if most >= PART:
            return Kind.PARTIAL
        return Kind.STRANGER if most < SCRAPS and self.piece < PIECE else Kind.PIECES


def shown(canvas: Canvas, work: tuple[int, int]) -> Shown:
    """What a canvas shows of a work of this width and height, by where its pixels come from."""
    seen = ~np.isnan(canvas.origin[..., 0])
    if not seen.any():
        return Shown(0.0, 0.0, 0.0)
    places = (canvas.origin[seen] / STEP).astype(np.int64)
    count = len(np.unique(places @ [1, work[0] + 1])) * STEP**2
    return Shown(float(seen.mean()), min(1.0, count / (work[0] * work[1])), _largest(seen))


def psnr(made: Pixels, before: Pixels) -> float | None:
    """Decibels of the peak over the change; ``None`` where the shape is another one."""
    if made.shape != before.shape:
        return None
    square = float(np.square(made.astype(np.float32) - before).mean())
    return round(float(10 * np.log10(255**2 / max(square, 1e-3))), 1)


def _largest(seen: NDArray[np.bool_]) -> float:
    side = max(3, round(GAP * max(seen.shape)) | 1)
    closed = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    _, _, pieces, _ = cv2.connectedComponentsWithStats(closed)
    return float(pieces[1:, cv2.CC_STAT_AREA].max(initial=0) / seen.size)
