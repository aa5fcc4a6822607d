"""Drawing of matching details: the same numbers at the same details of both pictures."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from exhibit.pictures.decode import Limits
from indexer.compare.geometry import TOLERANCE, find_correspondences
from indexer.draw.marks import compute_badge_radius, draw_badge
from indexer.draw.pair import MAX_MAGNIFICATION, Floats, Pair, Pixels, add_margin, apply_transform
from indexer.draw.side_by_side import COLUMN_WIDTH, MAX_HEIGHT, place_in_row
from indexer.picture.features import Detail, Features, compute_grey_scaling, extract

MAX_POINTS = 30
"""Maximum number of numbered details; more would be hard to read."""
MIN_SPACING = 0.07
"""Minimum distance of two marked details, as a fraction of the longer side of the shared part."""
COLOURS = ((196, 0, 60), (0, 92, 175), (0, 120, 90), (120, 65, 160), (165, 82, 0))
DOT_RADIUS = 13
CACHED_PICTURES = 2
"""Number of pictures whose details are cached."""
DETAIL = Detail(side=1024, keypoints=1500, parts=False)
"""Resolution of the search for details; parts and insets of the pictures are ignored."""
POINTS_MARGIN = 0.06
"""Margin shown around the shared part, as a fraction of its longer side."""


def draw_points(pair: Pair) -> Pixels:
    """Draw the shared part of both pictures, the registered one on the left, with matching details numbered.

    The details are detected again in both pictures. A well-spread selection of those that the transform predicts is
    used.
    """
    copy = pair.first_copy
    boxes = [
        add_margin(box, POINTS_MARGIN, source.frame)
        for box, source in ((copy.registered_box, pair.registered_source), (copy.found_box, pair.found_source))
    ]
    fit, radius = (
        (pair.scale_length(COLUMN_WIDTH), pair.scale_length(MAX_HEIGHT)),
        compute_badge_radius(DOT_RADIUS, pair.scale),
    )
    left, right = (
        source.render(box, fit, 2 * MAX_MAGNIFICATION)
        for source, box in zip((pair.registered_source, pair.found_source), boxes, strict=True)
    )
    canvas, positions = place_in_row(pair, [left.pixels, right.pixels])
    found_points, registered_points = find_matched_details(pair)
    for number, (registered_point, found_point) in enumerate(zip(registered_points, found_points, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        for point, rendering, position in ((registered_point, left, positions[0]), (found_point, right, positions[1])):
            draw_badge(
                canvas, apply_transform(point[None], rendering.matrix)[0] + position, str(number + 1), colour, radius
            )
    return canvas


def find_matched_details(pair: Pair) -> tuple[Floats, Floats]:
    """Find details that are in both pictures at the positions that the transform predicts.

    At most 30 are returned, well spread and in reading order.

    Returns:
        Their positions in original pixels of the found and of the registered picture, each of shape (n, 2).
    """
    transform = pair.first_copy.transform
    found_features, registered_features = (
        _extract_details(source.data, source.limits) for source in (pair.found_source, pair.registered_source)
    )
    mirrored = bool(np.linalg.det(transform[:2, :2]) < 0)
    for matches in find_correspondences(found_features, registered_features, (mirrored,)):
        found_points = apply_transform(matches.found_points.astype(np.float64), np.linalg.inv(matches.frame))
        registered_points = apply_transform(
            matches.registered_points.astype(np.float64), np.linalg.inv(_compute_scaling(registered_features))
        )
        predicted, errors = _map_points(pair, found_points, registered_points), np.full(len(found_points), np.inf)
        is_predicted = np.isfinite(predicted).all(axis=1)
        offsets = (
            apply_transform(predicted[is_predicted], _compute_scaling(registered_features))
            - matches.registered_points[is_predicted]
        )
        errors[is_predicted] = np.linalg.norm(offsets, axis=1)
        is_agreeing = errors <= TOLERANCE
        selection = _select_spread(registered_points[is_agreeing], errors[is_agreeing], pair)
        order = _sort_in_reading_order(registered_points[is_agreeing][selection])
        return found_points[is_agreeing][selection][order], registered_points[is_agreeing][selection][order]
    return np.zeros((0, 2)), np.zeros((0, 2))


@lru_cache(maxsize=CACHED_PICTURES)
def _extract_details(data: bytes, limits: Limits) -> Features:
    """Extract the features of a picture. The latest ones are cached, as consecutive copies often belong to one work."""
    return extract(data, limits, DETAIL)


def _map_points(pair: Pair, found_points: Floats, registered_points: Floats) -> Floats:
    """Map points of the found picture to the registered one by the piece that contains their matches.

    The result is infinite for points whose matches are in no piece.
    """
    if not pair.first_copy.pieces:
        return apply_transform(found_points, pair.first_copy.transform)
    positions = np.full_like(found_points, np.inf)
    for piece in pair.first_copy.pieces:
        left, top, right, bottom = piece.box
        x, y = registered_points.T
        is_inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        positions[is_inside] = apply_transform(found_points[is_inside], np.array(piece.transform))
    return positions


def _compute_scaling(features: Features) -> Floats:
    return compute_grey_scaling(features, features.grey_size)


def _select_spread(points: Floats, errors: Floats, pair: Pair) -> NDArray[np.intp]:
    """Select well-spread points: the most precise one, then repeatedly the farthest one (Gonzalez 1985)."""
    if not len(points):
        return np.zeros(0, np.intp)
    box = pair.first_copy.registered_box
    min_distance = MIN_SPACING * max(box.width, box.height)
    selection = [int(errors.argmin())]
    distance = np.linalg.norm(points - points[selection[0]], axis=1)
    while len(selection) < MAX_POINTS and distance.max() >= min_distance:
        selection.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[selection[-1]], axis=1))
    return np.array(selection, np.intp)


def _sort_in_reading_order(points: Floats) -> NDArray[np.intp]:
    """Sort row by row from the top, each row from the left."""
    if not len(points):
        return np.zeros(0, np.intp)
    top, bottom = points[:, 1].min(), points[:, 1].max()
    rows = np.floor((points[:, 1] - top) / max(1.0, bottom - top) * 5)
    return np.lexsort((points[:, 0], rows))
