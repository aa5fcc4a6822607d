"""Both pictures side by side, with the shared part outlined, lettered, and magnified if it is small or rotated."""

import numpy as np

from exhibit.comparison.warp import turned_area
from indexer.draw.marks import BADGE, OUTLINE, badge, badge_radius, corner_badges, outline
from indexer.draw.pair import MAGNIFIED, MAX_SIDE, Copy, Floats, Pair, Pixels, Rendering, apply_transform

MARGIN = 40
"""Margin around each picture, for the lettered corners."""
PAPER = 250
EDGE = 205
"""Grey level of a hairline around each picture, which shows where a white page ends."""
COLUMN = MAX_SIDE // 2 - 2 * MARGIN
TALL = 1000
TALL_OF_TWO = 680
SMALL = 0.3
"""Share of a picture's area below which the shared part is also shown magnified."""
MIN_ROTATION = 15.0
"""Degrees from which a copy counts as rotated."""
MAX_MAGNIFIED = 4
"""Maximum number of copies shown magnified."""


def side_by_side(pair: Pair) -> Pixels:
    """Draw the registered picture on the left, the found one on the right, and outline the shared part, if any.

    Corresponding corners have the same letter, which makes a mirrored or rotated copy visible; several copies are
    numbered.
    If the shared part is small, mirrored, rotated or in pieces, it is repeated below: as in the registered picture, and
    as
    in the found one, magnified and aligned.
    """
    closer = _needs_closer_look(pair)
    fit = pair.scale_length(COLUMN), pair.scale_length(TALL_OF_TWO if closer else TALL)
    left = pair.registered_source.render(pair.registered_source.frame, fit, MAGNIFIED)
    right = pair.found_source.render(pair.found_source.frame, fit, MAGNIFIED)
    upper, places = place_in_row(pair, [left.pixels, right.pixels])
    for copy in pair.copies[:1]:
        _draw_outline(upper, copy.registered_outline, copy, left, places[0], pair.scale)
    for number, copy in enumerate(pair.copies, 1):
        _draw_outline(upper, copy.found_outline, copy, right, places[1], pair.scale)
        if len(pair.copies) > 1:
            _draw_number(upper, number, copy.found_outline[list(copy.corners)], right, places[1], pair.scale)
    return np.concatenate([upper, _draw_closer_look(pair)]) if closer else upper


def place_in_row(pair: Pair, pictures: list[Pixels]) -> tuple[Pixels, list[Floats]]:
    """Place pictures side by side; return the canvas and the top left position of each."""
    height, column = max(picture.shape[0] for picture in pictures), pair.side // len(pictures)
    margin = pair.scale_length(MARGIN)
    canvas = np.full((height + 2 * margin, pair.side, 3), PAPER, np.uint8)
    places = []
    for number, picture in enumerate(pictures):
        left = number * column + (column - picture.shape[1]) // 2
        top = margin + (height - picture.shape[0]) // 2
        bottom, right = top + picture.shape[0], left + picture.shape[1]
        canvas[top - 1 : bottom + 1, left - 1 : right + 1] = EDGE
        canvas[top:bottom, left:right] = picture
        places.append(np.array([left, top], np.float64))
    return canvas, places


def _needs_closer_look(pair: Pair) -> bool:
    if not pair.copies or not len(pair.first.corners):
        return False
    first = pair.first
    small = (
        min(
            _share(first.registered_outline, pair.registered_source.size),
            _share(first.found_outline, pair.found_source.size),
        )
        < SMALL
    )
    return small or len(pair.copies) > 1 or bool(first.pieces) or _is_rotated(first)


def _is_rotated(copy: Copy) -> bool:
    """Return True if the copy is mirrored or rotated, judging by its corners."""
    before, after = (points[list(copy.corners)] for points in (copy.registered_outline, copy.found_outline))
    original_sides, copy_sides = (np.roll(points, -1, axis=0) - points for points in (before, after))
    along = (original_sides * copy_sides).sum() / np.sqrt((original_sides**2).sum() * (copy_sides**2).sum())
    return bool(along < np.cos(np.radians(MIN_ROTATION)))


def _draw_closer_look(pair: Pair) -> Pixels:
    """Draw the shared part of the registered picture, then of each copy."""
    copies = pair.copies[:MAX_MAGNIFIED]
    fit = pair.scale_length(MAX_SIDE // (len(copies) + 1) - 2 * MARGIN), pair.scale_length(TALL_OF_TWO)
    below = pair.registered_source.render(pair.first.registered_box, fit, 2 * MAGNIFIED)
    above = [pair.warp_found(copy, below) for copy in copies]
    pictures = [below.pixels, *(np.where(mask[..., None], pixels, np.uint8(PAPER)) for pixels, mask in above)]
    canvas, places = place_in_row(pair, pictures)
    for number, place in enumerate(places):
        copy = copies[max(0, number - 1)]
        _draw_outline(canvas, copy.registered_outline, copy, below, place, pair.scale)
        if number and len(copies) > 1:
            _draw_number(canvas, number, copy.registered_outline[list(copy.corners)], below, place, pair.scale)
    return canvas


def _draw_outline(
    canvas: Pixels, points: Floats, copy: Copy, rendering: Rendering, place: Floats, scale: float
) -> None:
    on_canvas = apply_transform(points, rendering.matrix) + place
    outline(canvas, on_canvas, scale)
    corner_badges(canvas, on_canvas[list(copy.corners)], scale)


def _draw_number(
    canvas: Pixels, number: int, corners: Floats, rendering: Rendering, place: Floats, scale: float
) -> None:
    """Draw a copy's number on the edge between its first two corners."""
    middle = apply_transform(corners[:2], rendering.matrix).mean(axis=0) + place
    badge(canvas, middle, str(number), OUTLINE, badge_radius(BADGE, scale))


def _share(points: Floats, size: tuple[int, int]) -> float:
    """Return the share of a picture's area inside an outline."""
    return abs(turned_area(points)) / 2 / (size[0] * size[1])
