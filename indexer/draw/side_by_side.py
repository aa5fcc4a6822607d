"""Drawing of both pictures side by side.

The shared part is outlined and lettered, and magnified if it is small or rotated.
"""

import numpy as np

from exhibit.comparison.warp import compute_signed_area
from indexer.draw.marks import (
    BADGE_RADIUS,
    OUTLINE_COLOUR,
    compute_badge_radius,
    draw_badge,
    draw_corner_badges,
    draw_outline,
)
from indexer.draw.pair import MAX_MAGNIFICATION, MAX_SIDE, Copy, Floats, Pair, Pixels, Rendering, apply_transform

MARGIN = 40
"""Margin around each picture, for the lettered corners."""
PAPER_LEVEL = 250
EDGE_LEVEL = 205
"""Grey level of a hairline around each picture, which shows where a white page ends."""
COLUMN_WIDTH = MAX_SIDE // 2 - 2 * MARGIN
MAX_HEIGHT = 1000
MAX_HEIGHT_OF_TWO = 680
SMALL_FRACTION = 0.3
"""Fraction of a picture's area below which the shared part is also shown magnified."""
MIN_ROTATION = 15.0
"""Degrees from which a copy counts as rotated."""
MAX_MAGNIFIED_COPIES = 4
"""Maximum number of copies shown magnified."""


def draw_side_by_side(pair: Pair) -> Pixels:
    """Draw the registered picture on the left, the found one on the right, and outline the shared part, if any.

    Corresponding corners have the same letter, which makes a mirrored or rotated copy visible; several copies are
    numbered. If the shared part is small, mirrored, rotated or in pieces, it is repeated below: from the registered
    picture, and from the found one, magnified and aligned.
    """
    needs_closer_view = _needs_closer_view(pair)
    fit = pair.scale_length(COLUMN_WIDTH), pair.scale_length(MAX_HEIGHT_OF_TWO if needs_closer_view else MAX_HEIGHT)
    left = pair.registered_source.render(pair.registered_source.frame, fit, MAX_MAGNIFICATION)
    right = pair.found_source.render(pair.found_source.frame, fit, MAX_MAGNIFICATION)
    upper_row, positions = place_in_row(pair, [left.pixels, right.pixels])
    for copy in pair.copies[:1]:
        _draw_outline(upper_row, copy.registered_outline, copy, left, positions[0], pair.scale)
    for number, copy in enumerate(pair.copies, 1):
        _draw_outline(upper_row, copy.found_outline, copy, right, positions[1], pair.scale)
        if len(pair.copies) > 1:
            _draw_number(upper_row, number, copy.found_outline[list(copy.corners)], right, positions[1], pair.scale)
    return np.concatenate([upper_row, _draw_closer_view(pair)]) if needs_closer_view else upper_row


def place_in_row(pair: Pair, pictures: list[Pixels]) -> tuple[Pixels, list[Floats]]:
    """Place pictures side by side; return the canvas and the top left position of each."""
    height, column = max(picture.shape[0] for picture in pictures), pair.side // len(pictures)
    margin = pair.scale_length(MARGIN)
    canvas = np.full((height + 2 * margin, pair.side, 3), PAPER_LEVEL, np.uint8)
    positions = []
    for number, picture in enumerate(pictures):
        left = number * column + (column - picture.shape[1]) // 2
        top = margin + (height - picture.shape[0]) // 2
        bottom, right = top + picture.shape[0], left + picture.shape[1]
        canvas[top - 1 : bottom + 1, left - 1 : right + 1] = EDGE_LEVEL
        canvas[top:bottom, left:right] = picture
        positions.append(np.array([left, top], np.float64))
    return canvas, positions


def _needs_closer_view(pair: Pair) -> bool:
    if not pair.copies or not len(pair.first_copy.corners):
        return False
    first = pair.first_copy
    is_small = (
        min(
            _compute_area_fraction(first.registered_outline, pair.registered_source.size),
            _compute_area_fraction(first.found_outline, pair.found_source.size),
        )
        < SMALL_FRACTION
    )
    return is_small or len(pair.copies) > 1 or bool(first.pieces) or _is_rotated(first)


def _is_rotated(copy: Copy) -> bool:
    """Return True if the corners show that the copy is mirrored or rotated."""
    registered_corners, found_corners = (
        points[list(copy.corners)] for points in (copy.registered_outline, copy.found_outline)
    )
    original_sides, copy_sides = (
        np.roll(points, -1, axis=0) - points for points in (registered_corners, found_corners)
    )
    directions = (original_sides * copy_sides).sum() / np.sqrt((original_sides**2).sum() * (copy_sides**2).sum())
    return bool(directions < np.cos(np.radians(MIN_ROTATION)))


def _draw_closer_view(pair: Pair) -> Pixels:
    """Draw the shared part of the registered picture, then of each copy."""
    copies = pair.copies[:MAX_MAGNIFIED_COPIES]
    fit = pair.scale_length(MAX_SIDE // (len(copies) + 1) - 2 * MARGIN), pair.scale_length(MAX_HEIGHT_OF_TWO)
    registered_rendering = pair.registered_source.render(pair.first_copy.registered_box, fit, 2 * MAX_MAGNIFICATION)
    warped_copies = [pair.warp_found_picture(copy, registered_rendering) for copy in copies]
    pictures = [
        registered_rendering.pixels,
        *(np.where(mask[..., None], pixels, np.uint8(PAPER_LEVEL)) for pixels, mask in warped_copies),
    ]
    canvas, positions = place_in_row(pair, pictures)
    for number, position in enumerate(positions):
        copy = copies[max(0, number - 1)]
        _draw_outline(canvas, copy.registered_outline, copy, registered_rendering, position, pair.scale)
        if number and len(copies) > 1:
            _draw_number(
                canvas, number, copy.registered_outline[list(copy.corners)], registered_rendering, position, pair.scale
            )
    return canvas


def _draw_outline(
    canvas: Pixels, points: Floats, copy: Copy, rendering: Rendering, position: Floats, scale: float
) -> None:
    canvas_points = apply_transform(points, rendering.matrix) + position
    draw_outline(canvas, canvas_points, scale)
    draw_corner_badges(canvas, canvas_points[list(copy.corners)], scale)


def _draw_number(
    canvas: Pixels, number: int, corners: Floats, rendering: Rendering, position: Floats, scale: float
) -> None:
    """Draw a copy's number on the edge between its first two corners."""
    centre = apply_transform(corners[:2], rendering.matrix).mean(axis=0) + position
    draw_badge(canvas, centre, str(number), OUTLINE_COLOUR, compute_badge_radius(BADGE_RADIUS, scale))


def _compute_area_fraction(points: Floats, size: tuple[int, int]) -> float:
    """Compute the fraction of a picture's area inside an outline."""
    return abs(compute_signed_area(points)) / 2 / (size[0] * size[1])
