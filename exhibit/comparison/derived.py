"""Survival of a work in an image aligned with it, cell by cell, and the grade from 0 to 5. Uses NumPy only.

``docs/reference/match-figures.md`` defines both, beside the similarity. The product and the verifier share this code.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.similarity import WINDOW, Grey, Number, blurred, window_sums, windows
from exhibit.comparison.warp import Floats, Mask

DERIVED = "derived"
"""Reason of a match that resembles the work by its structure alone."""
CELLS = 12
PLAIN, NOTHING, STRUCTURE, PIXELS = "-012"
MIN_TEXTURED, MIN_WINDOWS, AGREEING, MIN_STRUCTURE, MIN_VALID = 0.2, 0.1, 0.5, 0.6, 0.5
MARGIN, TOLERANCE, AROUND = 4, 2, 14
"""Pixels on each side: valid neighbours, allowed distance between lines, neighbourhood considered around a pixel."""
MIN_TELLING = 20
"""Minimum number of informative cells. With fewer, the grade is 0, because chance alone can fill some cells."""
GRADES = ((5, PIXELS, 0.9), (4, PIXELS, 0.6), (3, STRUCTURE, 0.75), (2, STRUCTURE, 0.6), (1, STRUCTURE, 0.25))
"""Grades with the kind of survival required, and the minimum share of the informative cells that have it."""


def survival(found_grey: Grey, mask: Mask, work: Grey) -> tuple[str, ...]:
    """Return the survival map: what remains of each cell of a work in an image aligned with it.

    Args:
        found_grey: Aligned image in the small frame of the work, grey, shape (h, w).
        mask: True where the image covers the frame.
        work: The work in the same frame, grey.
    """
    down, across = (max(1, round(CELLS * side / max(work.shape))) for side in work.shape)
    if min(work.shape) < WINDOW:  # no window fits into the frame
        return tuple([PLAIN * int(across)] * int(down))
    first, second = blurred(found_grey, mask), blurred(work, mask)
    whole = _around(mask.astype(np.float64), MARGIN) > (2 * MARGIN + 1) ** 2 - 0.5
    alike = np.where(whole, _alike(_edges(first, whole), _edges(second, whole)), 0)
    textured, agreeing = windows(first, second, mask)
    rows, columns = (
        ((2 * np.arange(side) + 1) * n) // (2 * side) for side, n in zip(work.shape, (down, across), strict=True)
    )
    cell_of = rows[:, None] * across + columns

    def mean(values: NDArray[np.generic]) -> Floats:
        sums = np.bincount(cell_of.ravel(), values.ravel().astype(np.float64), down * across)
        return np.asarray(sums / np.maximum(np.bincount(cell_of.ravel(), minlength=down * across), 1), np.float64)

    everywhere = np.ones_like(mask)
    alone = blurred(work, everywhere)
    plain = mean(_centred(windows(alone, alone, everywhere)[0])) < MIN_TEXTURED
    tells, agrees = mean(_centred(textured)), mean(_centred(agreeing))
    in_pixels = (tells >= MIN_WINDOWS) & (agrees >= AGREEING * tells)
    in_structure = mean(alike) >= MIN_STRUCTURE * np.maximum(mean(whole), MIN_VALID)
    signs = np.where(in_pixels, PIXELS, np.where(in_structure, STRUCTURE, NOTHING))
    signs = np.where(plain, PLAIN, signs).reshape(down, across)
    return tuple("".join(row) for row in signs)


def grade(survives: Sequence[str]) -> int:
    """Grade a survival map from 0 (nothing beyond chance) to 5 (almost all of the work survives in its pixels)."""
    telling = "".join(survives).replace(PLAIN, "")
    if len(telling) < MIN_TELLING:
        return 0
    shares = {least: sum(sign >= least for sign in telling) / len(telling) for least in (STRUCTURE, PIXELS)}
    return next((grade for grade, least, share in GRADES if shares[least] >= share), 0)


def _edges(grey: Floats, whole: Mask) -> NDArray[np.complex128]:
    """Return the direction and clarity of the edges in a blurred image, regardless of which side is dark."""
    down, across = np.gradient(grey)
    gradient = across + 1j * down
    steep = np.abs(gradient)
    usual = max(1.0, float(steep[whole].mean())) if whole.any() else 1.0
    field = np.where(whole, gradient**2 / np.maximum(steep * (steep + usual), 1e-9), 0)
    return np.asarray(_around(field, TOLERANCE) / (2 * TOLERANCE + 1) ** 2)


def _alike(first: NDArray[np.complex128], second: NDArray[np.complex128]) -> Floats:
    """Return the similarity of edge directions around each pixel, -1 to 1."""
    energy = _around(np.abs(first) ** 2, AROUND) * _around(np.abs(second) ** 2, AROUND)
    shared = _around((np.conj(first) * second).real, AROUND)
    return np.asarray(np.where(energy > 1e-9, shared / np.sqrt(np.maximum(energy, 1e-9)), 0))


def _around(values: NDArray[Number], radius: int) -> NDArray[Number]:
    """Return the sums over the squares around each pixel; 0 outside the frame."""
    return window_sums(np.pad(values, radius), 2 * radius + 1)


def _centred(mask: Mask) -> Mask:
    """Move the results of windows to their centres in the frame."""
    return np.pad(mask, (WINDOW // 2, (WINDOW - 1) // 2))
