"""Survival map of a work in an image aligned with it, and its grade from 0 to 5. Uses NumPy only.

``docs/reference/match-figures.md`` defines both, and the similarity. The product and the verifier share this code.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.similarity import WINDOW, Grey, Number, blur_masked, match_windows, sum_windows
from exhibit.comparison.warp import Floats, Mask

DERIVED_REASON = "derived"
"""Reason of a match that shows only the structure of the work, not its pixels."""
MAX_CELLS = 12
PLAIN_CELL, LOST_CELL, STRUCTURE_CELL, PIXEL_CELL = "-012"
MIN_TEXTURED, MIN_WINDOWS, MIN_AGREEMENT, MIN_STRUCTURE, MIN_VALID = 0.2, 0.1, 0.5, 0.6, 0.5
MARGIN, TOLERANCE, NEIGHBOURHOOD = 4, 2, 14
"""Pixels on each side: valid neighbours, allowed distance between lines, neighbourhood considered around a pixel."""
MIN_INFORMATIVE_CELLS = 20
"""Minimum number of informative cells. With fewer cells, the grade is 0, because some cells can agree by chance."""
GRADES = (
    (5, PIXEL_CELL, 0.9),
    (4, PIXEL_CELL, 0.6),
    (3, STRUCTURE_CELL, 0.75),
    (2, STRUCTURE_CELL, 0.6),
    (1, STRUCTURE_CELL, 0.25),
)
"""Grades with the required kind of survival, and the minimum fraction of the informative cells that must have it."""


def compute_survival_map(found_grey: Grey, mask: Mask, work: Grey) -> tuple[str, ...]:
    """Compute the survival map: for each cell of a work, the kind of content that survives in the aligned image.

    Args:
        found_grey: Aligned image in the small frame of the work, grey, shape (h, w).
        mask: True where the image covers the frame.
        work: The work in the same frame, grey.

    Returns:
        One string for each row of cells, with one character for each cell.
    """
    down, across = (max(1, round(MAX_CELLS * side / max(work.shape))) for side in work.shape)
    if min(work.shape) < WINDOW:  # no window fits into the frame
        return tuple([PLAIN_CELL * int(across)] * int(down))
    first, second = blur_masked(found_grey, mask), blur_masked(work, mask)
    has_margin = _sum_around(mask.astype(np.float64), MARGIN) > (2 * MARGIN + 1) ** 2 - 0.5
    edge_similarity = np.where(
        has_margin, _compare_edges(_compute_edges(first, has_margin), _compute_edges(second, has_margin)), 0
    )
    textured, agreeing = match_windows(first, second, mask)
    rows, columns = (
        ((2 * np.arange(side) + 1) * n) // (2 * side) for side, n in zip(work.shape, (down, across), strict=True)
    )
    cell_indices = rows[:, None] * across + columns

    def mean(values: NDArray[np.generic]) -> Floats:
        sums = np.bincount(cell_indices.ravel(), values.ravel().astype(np.float64), down * across)
        return np.asarray(sums / np.maximum(np.bincount(cell_indices.ravel(), minlength=down * across), 1), np.float64)

    full_mask = np.ones_like(mask)
    blurred_work = blur_masked(work, full_mask)
    is_plain = mean(_centre_windows(match_windows(blurred_work, blurred_work, full_mask)[0])) < MIN_TEXTURED
    textured_fractions, agreeing_fractions = mean(_centre_windows(textured)), mean(_centre_windows(agreeing))
    has_pixels = (textured_fractions >= MIN_WINDOWS) & (agreeing_fractions >= MIN_AGREEMENT * textured_fractions)
    has_structure = mean(edge_similarity) >= MIN_STRUCTURE * np.maximum(mean(has_margin), MIN_VALID)
    codes = np.where(has_pixels, PIXEL_CELL, np.where(has_structure, STRUCTURE_CELL, LOST_CELL))
    codes = np.where(is_plain, PLAIN_CELL, codes).reshape(down, across)
    return tuple("".join(row) for row in codes)


def grade_survival_map(survival_map: Sequence[str]) -> int:
    """Grade a survival map from 0 (no more than chance explains) to 5 (almost all pixels of the work survive)."""
    informative_cells = "".join(survival_map).replace(PLAIN_CELL, "")
    if len(informative_cells) < MIN_INFORMATIVE_CELLS:
        return 0
    fractions = {
        kind: sum(code >= kind for code in informative_cells) / len(informative_cells)
        for kind in (STRUCTURE_CELL, PIXEL_CELL)
    }
    return next((grade for grade, kind, min_fraction in GRADES if fractions[kind] >= min_fraction), 0)


def _compute_edges(grey: Floats, has_margin: Mask) -> NDArray[np.complex128]:
    """Return the direction and clarity of the edges in a blurred image. Inverted images give the same result."""
    down, across = np.gradient(grey)
    gradient = across + 1j * down
    magnitude = np.abs(gradient)
    mean_magnitude = max(1.0, float(magnitude[has_margin].mean())) if has_margin.any() else 1.0
    field = np.where(has_margin, gradient**2 / np.maximum(magnitude * (magnitude + mean_magnitude), 1e-9), 0)
    return np.asarray(_sum_around(field, TOLERANCE) / (2 * TOLERANCE + 1) ** 2)


def _compare_edges(first: NDArray[np.complex128], second: NDArray[np.complex128]) -> Floats:
    """Return the similarity of edge directions around each pixel, -1 to 1."""
    energy = _sum_around(np.abs(first) ** 2, NEIGHBOURHOOD) * _sum_around(np.abs(second) ** 2, NEIGHBOURHOOD)
    shared = _sum_around((np.conj(first) * second).real, NEIGHBOURHOOD)
    return np.asarray(np.where(energy > 1e-9, shared / np.sqrt(np.maximum(energy, 1e-9)), 0))


def _sum_around(values: NDArray[Number], radius: int) -> NDArray[Number]:
    """Return the sums over the squares around each pixel; 0 outside the frame."""
    return sum_windows(np.pad(values, radius), 2 * radius + 1)


def _centre_windows(mask: Mask) -> Mask:
    """Pad a mask of windows so that each result lies at the centre of its window in the frame."""
    return np.pad(mask, (WINDOW // 2, (WINDOW - 1) // 2))
