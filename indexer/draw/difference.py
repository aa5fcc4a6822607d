"""Differences between a copy and its original, after alignment and adjustment of brightness and colour."""

import numpy as np
from numpy.typing import NDArray

from indexer.draw.marks import outline
from indexer.draw.overlay import frame_outline
from indexer.draw.pair import MAGNIFIED, Pair, Pixels, Rendering, add_margin
from indexer.layout.single_thread import cv2

COMPARED_SIDE = 800
"""Long side in pixels at which the pictures are compared; finer compression noise is not a difference."""
DIFFERENCE_MARGIN = 0.1
"""Margin shown around the shared part, as a share of its longer side."""
LEVELS = 20.0
"""Minimum difference shown, in levels of 256; more if the two differ everywhere, as by strong compression."""
MAX_MISALIGNMENT = 1
"""Tolerated misalignment in pixels."""
TINTED = 4.0
"""Median colour difference above which the whole picture counts as recoloured, and only lightness is compared."""
SPECK = 10
"""Minimum number of connected differing pixels that are shown."""
HIGHLIGHT = (240, 90, 0)
CURVE = 32
"""Levels of lightness that are adjusted separately."""
STRUCTURE_WINDOW, TEXTURE, STRUCTURE_AGREES = 11, 9.0, 0.8
"""Window side in pixels, minimum variance and minimum correlation for two pictures to have the same structure."""
MIN_ALIKE = 0.03
"""Share of the shared part below which too little is alike to serve as a reference."""

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]


def difference(pair: Pair) -> Pixels:
    """Draw the found picture in grey, differences from the registered one in orange, and the shared part outlined.

    Outside the outline the found picture is faded; a small copy on a large page is shown with a little of the page.
    """
    box = add_margin(pair.first.found_box, DIFFERENCE_MARGIN, pair.found_source.frame)
    rendering = pair.found_source.render(box, (pair.side, pair.side), MAGNIFIED)
    masks = find_differences(pair, pair.found_source.render(box, (COMPARED_SIDE, COMPARED_SIDE)))
    changed, inside = (_enlarge(mask, rendering) for mask in masks)
    grey = cv2.cvtColor(rendering.pixels, cv2.COLOR_RGB2GRAY)
    rows = np.where(changed, np.uint16(512), np.uint16(256) * inside) + grey
    canvas: Pixels = _TONES.take(rows, axis=0)
    outline(canvas, frame_outline(pair.first.found_outline, rendering), pair.scale)
    return canvas


def _tones() -> Pixels:
    """Return the colours per grey level outside the shared part, inside, and where the pictures differ: (768, 3)."""
    grey = np.arange(256, dtype=np.float32)[:, None]
    highlight = np.array(HIGHLIGHT, np.float32) * (0.5 + grey / 510) + grey / 4
    tones = np.concatenate(np.broadcast_arrays(170 + grey * 0.31, 60 + grey * 0.7, highlight))
    return np.asarray(np.clip(tones, 0, 255), np.uint8)


_TONES = _tones()


def share_differing(pair: Pair) -> float:
    """Return the share of the shared part that differs, 0 to 1."""
    changed, shared = find_differences(
        pair, pair.found_source.render(pair.first.found_box, (COMPARED_SIDE, COMPARED_SIDE))
    )
    return float(changed.sum() / max(1, shared.sum()))


def find_differences(pair: Pair, rendering: Rendering) -> tuple[Mask, Mask]:
    """Return masks of where a piece of the found picture differs from the registered one, and of the shared part.

    A pixel differs if it is outside the range of the other picture within one pixel around, by more than some levels
    and
    more than the noise of both. The test applies both ways, so that removed content counts like added content.
    """
    expected, shared = pair.warp_registered(pair.first, rendering)
    inside = cv2.erode(shared.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=1) > 0
    if not inside.any():
        return inside, shared
    found_planes, expected_planes = _planes(rendering.pixels), _planes(expected)
    reference = _find_alike(found_planes[..., 0], expected_planes[..., 0], inside)
    lightness = _compute_deviation(
        found_planes[..., 0], _adjust_lightness(expected_planes[..., 0], found_planes[..., 0], reference, inside)
    )
    deviation = lightness
    for colour in (1, 2):
        differs = _compute_deviation(
            found_planes[..., colour],
            _adjust_colour(expected_planes[..., colour], found_planes[..., colour], reference),
        )
        if np.median(differs[reference]) < TINTED:
            deviation = np.maximum(deviation, differs)
    noise = float(np.median(lightness[reference]))
    return _remove_specks(inside & (deviation > LEVELS + 4 * noise)), shared


def _planes(pixels: Pixels) -> Plane:
    """Return lightness and two colour differences (ITU-R BT.601), slightly blurred."""
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb).astype(np.float32), (0, 0), 1.0))


def _find_alike(first: Plane, second: Plane, inside: Mask) -> Mask:
    """Return where both have the same structure, as a reference for adjustments; everything if that is too little."""

    def mean(plane: Plane) -> Plane:
        return np.asarray(cv2.boxFilter(plane, -1, (STRUCTURE_WINDOW, STRUCTURE_WINDOW)), np.float32)

    means = mean(first), mean(second)
    variances = mean(first * first) - means[0] ** 2, mean(second * second) - means[1] ** 2
    together = mean(first * second) - means[0] * means[1]
    textured = inside & (variances[0] > TEXTURE) & (variances[1] > TEXTURE)
    alike = textured & (together > STRUCTURE_AGREES * np.sqrt(np.maximum(variances[0] * variances[1], 0)))
    return alike if alike.sum() > inside.sum() * MIN_ALIKE else inside


def _adjust_lightness(values: Plane, target: Plane, alike: Mask, inside: Mask) -> Plane:
    """Adjust lightness to the other picture's brightness and contrast, whatever curve these follow.

    The change of each level is the median change where the pictures are alike, or anywhere for levels without
    structure;
    content added in some places therefore has no influence.
    """
    bins = np.clip(values * CURVE / 256, 0, CURVE - 1).astype(np.uint8)
    levels, changes = [], []
    by_level = zip(
        _group_by_level(bins, alike, values, target), _group_by_level(bins, inside, values, target), strict=True
    )
    for structured, anywhere in by_level:
        level_values, level_targets = structured if len(structured[0]) >= CURVE else anywhere
        if len(level_values) >= CURVE:
            levels.append(float(np.median(level_values)))
            changes.append(float(np.median(level_targets - level_values)))
    return (values + np.interp(values, levels, changes)).astype(np.float32) if levels else values


def _group_by_level(bins: Pixels, mask: Mask, values: Plane, target: Plane) -> list[tuple[Plane, Plane]]:
    """Group by level the values within a mask, and the other picture's values in the same places."""
    of_level = bins[mask]
    order, ends = np.argsort(of_level, kind="stable"), np.cumsum(np.bincount(of_level, minlength=CURVE))[:-1]
    grouped_values, grouped_targets = (np.split(plane[mask][order], ends) for plane in (values, target))
    return list(zip(grouped_values, grouped_targets, strict=True))


def _adjust_colour(values: Plane, target: Plane, alike: Mask) -> Plane:
    """Adjust a colour difference to the other picture by a line, refitted without the worst third."""
    reference_values, reference_targets = values[alike], target[alike]
    inliers = np.ones(len(reference_values), np.bool_)
    for again in (True, True, True, False):
        x, y = reference_values[inliers].astype(np.float64), reference_targets[inliers].astype(np.float64)
        middle, level = x.mean(), y.mean()
        x -= middle
        y -= level
        spread = float((x**2).mean())
        slope = float((x * y).mean()) / spread if spread > 1 else 1.0
        shift = float(level - slope * middle)
        if again:
            errors = np.abs(slope * reference_values + shift - reference_targets)
            inliers = errors <= np.percentile(errors, 67)
    return np.asarray(slope * values + shift, np.float32)


def _compute_deviation(first: Plane, second: Plane) -> Plane:
    """Return how far each is outside the range of the other nearby; the larger of the two."""
    return np.maximum(_excess_over(first, second), _excess_over(second, first))


def _excess_over(values: Plane, around: Plane) -> Plane:
    window = np.ones((2 * MAX_MISALIGNMENT + 1, 2 * MAX_MISALIGNMENT + 1), np.uint8)
    above, below = values - cv2.dilate(around, window), cv2.erode(around, window) - values
    return np.asarray(np.maximum(0, np.maximum(above, below)))


def _remove_specks(mask: Mask) -> Mask:
    """Remove specks and close small holes."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= SPECK
    large[0] = False
    return np.asarray(cv2.morphologyEx(large[labels].astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0)


def _enlarge(mask: Mask, rendering: Rendering) -> Mask:
    return np.asarray(cv2.resize(mask.astype(np.float32), rendering.size, interpolation=cv2.INTER_LINEAR) > 0.5)
