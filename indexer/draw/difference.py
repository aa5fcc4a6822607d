"""Differences between a copy and its original, after alignment and adjustment of brightness and colour."""

import numpy as np
from numpy.typing import NDArray

from indexer.draw.marks import draw_outline
from indexer.draw.overlay import transform_outline
from indexer.draw.pair import MAX_MAGNIFICATION, Pair, Pixels, Rendering, add_margin
from indexer.layout.single_thread import cv2

COMPARED_SIDE = 800
"""Long side in pixels at which the pictures are compared; finer compression noise is not a difference."""
DIFFERENCE_MARGIN = 0.1
"""Margin shown around the shared part, as a fraction of its longer side."""
MIN_DIFFERENCE_LEVELS = 20.0
"""Minimum difference shown, in levels of 256; higher if the pictures differ everywhere, as after strong compression."""
MAX_MISALIGNMENT = 1
"""Tolerated misalignment in pixels."""
MIN_TINT = 4.0
"""Median colour difference above which the whole picture counts as recoloured, and only lightness is compared."""
MIN_SPECK_PIXELS = 10
"""Minimum number of connected differing pixels that are drawn."""
HIGHLIGHT_COLOUR = (240, 90, 0)
CURVE_LEVELS = 32
"""Levels of lightness that are adjusted separately."""
STRUCTURE_WINDOW, MIN_TEXTURE_VARIANCE, MIN_STRUCTURE_CORRELATION = 11, 9.0, 0.8
"""Window side in pixels, minimum variance and minimum correlation for two pictures to have the same structure."""
MIN_ALIKE_FRACTION = 0.03
"""Minimum fraction of the shared part that is alike enough to serve as a reference for adjustments."""

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]


def draw_difference(pair: Pair) -> Pixels:
    """Draw the found picture in grey, differences from the registered one in orange, and the shared part outlined.

    Outside the outline the found picture is faded; a small copy on a large page is shown with a little of the page.
    """
    box = add_margin(pair.first_copy.found_box, DIFFERENCE_MARGIN, pair.found_source.frame)
    rendering = pair.found_source.render(box, (pair.side, pair.side), MAX_MAGNIFICATION)
    masks = find_differences(pair, pair.found_source.render(box, (COMPARED_SIDE, COMPARED_SIDE)))
    changed_mask, inside_mask = (_enlarge(mask, rendering) for mask in masks)
    grey = cv2.cvtColor(rendering.pixels, cv2.COLOR_RGB2GRAY)
    rows = np.where(changed_mask, np.uint16(512), np.uint16(256) * inside_mask) + grey
    canvas: Pixels = _TONES.take(rows, axis=0)
    draw_outline(canvas, transform_outline(pair.first_copy.found_outline, rendering), pair.scale)
    return canvas


def _build_tones() -> Pixels:
    """Build the colours per grey level outside the shared part, inside it, and where the pictures differ: (768, 3)."""
    grey = np.arange(256, dtype=np.float32)[:, None]
    highlight = np.array(HIGHLIGHT_COLOUR, np.float32) * (0.5 + grey / 510) + grey / 4
    tones = np.concatenate(np.broadcast_arrays(170 + grey * 0.31, 60 + grey * 0.7, highlight))
    return np.asarray(np.clip(tones, 0, 255), np.uint8)


_TONES = _build_tones()


def compute_differing_fraction(pair: Pair) -> float:
    """Compute the fraction of the shared part that differs, 0 to 1."""
    changed_mask, shared_mask = find_differences(
        pair, pair.found_source.render(pair.first_copy.found_box, (COMPARED_SIDE, COMPARED_SIDE))
    )
    return float(changed_mask.sum() / max(1, shared_mask.sum()))


def find_differences(pair: Pair, rendering: Rendering) -> tuple[Mask, Mask]:
    """Return masks of the differences between a piece of the found picture and its original, and of the shared part.

    A pixel differs if it is outside the range of the other picture within one pixel around, by more than some levels
    and more than the noise of both. The test applies both ways, so that removed content counts like added content.
    """
    expected, shared_mask = pair.warp_registered_picture(pair.first_copy, rendering)
    inside_mask = cv2.erode(shared_mask.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=1) > 0
    if not inside_mask.any():
        return inside_mask, shared_mask
    found_planes, expected_planes = _compute_planes(rendering.pixels), _compute_planes(expected)
    reference = _find_alike_areas(found_planes[..., 0], expected_planes[..., 0], inside_mask)
    lightness = _compute_deviation(
        found_planes[..., 0], _adjust_lightness(expected_planes[..., 0], found_planes[..., 0], reference, inside_mask)
    )
    deviation = lightness
    for colour in (1, 2):
        is_different = _compute_deviation(
            found_planes[..., colour],
            _adjust_colour(expected_planes[..., colour], found_planes[..., colour], reference),
        )
        if np.median(is_different[reference]) < MIN_TINT:
            deviation = np.maximum(deviation, is_different)
    noise = float(np.median(lightness[reference]))
    return _remove_specks(inside_mask & (deviation > MIN_DIFFERENCE_LEVELS + 4 * noise)), shared_mask


def _compute_planes(pixels: Pixels) -> Plane:
    """Convert to lightness and two colour differences (ITU-R BT.601), slightly blurred."""
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb).astype(np.float32), (0, 0), 1.0))


def _find_alike_areas(first: Plane, second: Plane, inside_mask: Mask) -> Mask:
    """Find the areas with the same structure, the reference for adjustments; return the whole if they are too small."""

    def compute_mean(plane: Plane) -> Plane:
        return np.asarray(cv2.boxFilter(plane, -1, (STRUCTURE_WINDOW, STRUCTURE_WINDOW)), np.float32)

    means = compute_mean(first), compute_mean(second)
    variances = compute_mean(first * first) - means[0] ** 2, compute_mean(second * second) - means[1] ** 2
    covariances = compute_mean(first * second) - means[0] * means[1]
    is_textured = inside_mask & (variances[0] > MIN_TEXTURE_VARIANCE) & (variances[1] > MIN_TEXTURE_VARIANCE)
    is_alike = is_textured & (
        covariances > MIN_STRUCTURE_CORRELATION * np.sqrt(np.maximum(variances[0] * variances[1], 0))
    )
    return is_alike if is_alike.sum() > inside_mask.sum() * MIN_ALIKE_FRACTION else inside_mask


def _adjust_lightness(values: Plane, target: Plane, alike_mask: Mask, inside_mask: Mask) -> Plane:
    """Adjust lightness to the other picture by any tone curve.

    The change of each level is the median change in areas that are alike, or in all areas for levels without structure,
    so content added in some places has no influence.
    """
    bins = np.clip(values * CURVE_LEVELS / 256, 0, CURVE_LEVELS - 1).astype(np.uint8)
    levels, changes = [], []
    by_level = zip(
        _group_by_level(bins, alike_mask, values, target),
        _group_by_level(bins, inside_mask, values, target),
        strict=True,
    )
    for structured_values, all_values in by_level:
        level_values, level_targets = structured_values if len(structured_values[0]) >= CURVE_LEVELS else all_values
        if len(level_values) >= CURVE_LEVELS:
            levels.append(float(np.median(level_values)))
            changes.append(float(np.median(level_targets - level_values)))
    return (values + np.interp(values, levels, changes)).astype(np.float32) if levels else values


def _group_by_level(bins: Pixels, mask: Mask, values: Plane, target: Plane) -> list[tuple[Plane, Plane]]:
    """Group by level the values within a mask, and the other picture's values at the same positions."""
    of_level = bins[mask]
    order, ends = np.argsort(of_level, kind="stable"), np.cumsum(np.bincount(of_level, minlength=CURVE_LEVELS))[:-1]
    grouped_values, grouped_targets = (np.split(plane[mask][order], ends) for plane in (values, target))
    return list(zip(grouped_values, grouped_targets, strict=True))


def _adjust_colour(values: Plane, target: Plane, alike_mask: Mask) -> Plane:
    """Adjust a colour difference to the other picture by a line, refitted without the worst third."""
    reference_values, reference_targets = values[alike_mask], target[alike_mask]
    inliers = np.ones(len(reference_values), np.bool_)
    for is_refit in (True, True, True, False):
        x, y = reference_values[inliers].astype(np.float64), reference_targets[inliers].astype(np.float64)
        middle, level = x.mean(), y.mean()
        x -= middle
        y -= level
        spread = float((x**2).mean())
        slope = float((x * y).mean()) / spread if spread > 1 else 1.0
        shift = float(level - slope * middle)
        if is_refit:
            errors = np.abs(slope * reference_values + shift - reference_targets)
            inliers = errors <= np.percentile(errors, 67)
    return np.asarray(slope * values + shift, np.float32)


def _compute_deviation(first: Plane, second: Plane) -> Plane:
    """Compute by how much each picture exceeds the range of the other one nearby; return the larger deviation."""
    return np.maximum(_compute_excess(first, second), _compute_excess(second, first))


def _compute_excess(values: Plane, surroundings: Plane) -> Plane:
    window = np.ones((2 * MAX_MISALIGNMENT + 1, 2 * MAX_MISALIGNMENT + 1), np.uint8)
    excess_above, excess_below = values - cv2.dilate(surroundings, window), cv2.erode(surroundings, window) - values
    return np.asarray(np.maximum(0, np.maximum(excess_above, excess_below)))


def _remove_specks(mask: Mask) -> Mask:
    """Remove specks and close small holes."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    is_large = stats[:, cv2.CC_STAT_AREA] >= MIN_SPECK_PIXELS
    is_large[0] = False
    return np.asarray(
        cv2.morphologyEx(is_large[labels].astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0
    )


def _enlarge(mask: Mask, rendering: Rendering) -> Mask:
    return np.asarray(cv2.resize(mask.astype(np.float32), rendering.size, interpolation=cv2.INTER_LINEAR) > 0.5)
