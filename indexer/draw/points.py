"""Matching details: the same numbers at the same spots of both pictures."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from exhibit.pictures.decode import Limits
from indexer.compare.geometry import TOLERANCE, find_correspondences
from indexer.draw.marks import badge, badge_radius
from indexer.draw.pair import MAGNIFIED, Floats, Pair, Pixels, add_margin, apply_transform
from indexer.draw.side_by_side import COLUMN, TALL, place_in_row
from indexer.picture.features import Detail, Features, extract, grey_scaling

MAX_POINTS = 30
"""Maximum number of details that stay readable."""
SPACING = 0.07
"""Minimum distance of two marked details, as a share of the longer side of the shared part."""
COLOURS = ((196, 0, 60), (0, 92, 175), (0, 120, 90), (120, 65, 160), (165, 82, 0))
DOT = 13
CACHED_PICTURES = 2
"""Number of pictures whose details are cached."""
DETAIL = Detail(side=1024, keypoints=1500, parts=False)
"""Resolution of the search for details; parts and insets of the pictures are ignored."""
POINTS_MARGIN = 0.06
"""Margin shown around the shared part, as a share of its longer side."""


def points(pair: Pair) -> Pixels:
    """Draw the shared part of both pictures, the registered one on the left, with matching details numbered.

    The details are detected again in both pictures; those where the transform predicts them are used, well spread.
    """
    copy = pair.first
    boxes = [
        add_margin(box, POINTS_MARGIN, source.frame)
        for box, source in ((copy.registered_box, pair.registered_source), (copy.found_box, pair.found_source))
    ]
    fit, radius = (pair.scale_length(COLUMN), pair.scale_length(TALL)), badge_radius(DOT, pair.scale)
    left, right = (
        source.render(box, fit, 2 * MAGNIFIED)
        for source, box in zip((pair.registered_source, pair.found_source), boxes, strict=True)
    )
    canvas, places = place_in_row(pair, [left.pixels, right.pixels])
    found_points, registered_points = find_matched_details(pair)
    for number, (registered_point, found_point) in enumerate(zip(registered_points, found_points, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        for point, rendering, place in ((registered_point, left, places[0]), (found_point, right, places[1])):
            badge(canvas, apply_transform(point[None], rendering.matrix)[0] + place, str(number + 1), colour, radius)
    return canvas


def find_matched_details(pair: Pair) -> tuple[Floats, Floats]:
    """Return details that are in both pictures where the transform predicts: at most 30, spread, in reading order.

    Returns:
        Their positions in original pixels of the found and of the registered picture, each of shape (n, 2).
    """
    transform = pair.first.transform
    found_features, registered_features = (
        _extract_details(source.data, source.limits) for source in (pair.found_source, pair.registered_source)
    )
    mirrored = bool(np.linalg.det(transform[:2, :2]) < 0)
    for matches in find_correspondences(found_features, registered_features, (mirrored,)):
        found_points = apply_transform(matches.found_points.astype(np.float64), np.linalg.inv(matches.frame))
        registered_points = apply_transform(
            matches.registered_points.astype(np.float64), np.linalg.inv(_scaling(registered_features))
        )
        predicted, errors = _map_points(pair, found_points, registered_points), np.full(len(found_points), np.inf)
        is_predicted = np.isfinite(predicted).all(axis=1)
        offsets = (
            apply_transform(predicted[is_predicted], _scaling(registered_features))
            - matches.registered_points[is_predicted]
        )
        errors[is_predicted] = np.linalg.norm(offsets, axis=1)
        agrees = errors <= TOLERANCE
        selection = _select_spread(registered_points[agrees], errors[agrees], pair)
        order = _reading_order(registered_points[agrees][selection])
        return found_points[agrees][selection][order], registered_points[agrees][selection][order]
    return np.zeros((0, 2)), np.zeros((0, 2))


@lru_cache(maxsize=CACHED_PICTURES)
def _extract_details(data: bytes, limits: Limits) -> Features:
    """Return the features of a picture. The latest ones are cached, as consecutive copies often belong to one work."""
    return extract(data, limits, DETAIL)


def _map_points(pair: Pair, found_points: Floats, registered_points: Floats) -> Floats:
    """Map points of the found picture to the registered one, by the piece that contains their matches.

    Infinity for those whose matches are in no piece.
    """
    if not pair.first.pieces:
        return apply_transform(found_points, pair.first.transform)
    places = np.full_like(found_points, np.inf)
    for piece in pair.first.pieces:
        left, top, right, bottom = piece.box
        x, y = registered_points.T
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        places[inside] = apply_transform(found_points[inside], np.array(piece.transform))
    return places


def _scaling(features: Features) -> Floats:
    return grey_scaling(features, features.grey_size)


def _select_spread(points: Floats, errors: Floats, pair: Pair) -> NDArray[np.intp]:
    """Return rows of well-spread points: the most precise first, then always the farthest (Gonzalez 1985)."""
    if not len(points):
        return np.zeros(0, np.intp)
    box = pair.first.registered_box
    min_distance = SPACING * max(box.width, box.height)
    selection = [int(errors.argmin())]
    distance = np.linalg.norm(points - points[selection[0]], axis=1)
    while len(selection) < MAX_POINTS and distance.max() >= min_distance:
        selection.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[selection[-1]], axis=1))
    return np.array(selection, np.intp)


def _reading_order(points: Floats) -> NDArray[np.intp]:
    """Sort row by row from the top, each row from the left."""
    if not len(points):
        return np.zeros(0, np.intp)
    top, bottom = points[:, 1].min(), points[:, 1].max()
    rows = np.floor((points[:, 1] - top) / max(1.0, bottom - top) * 5)
    return np.lexsort((points[:, 0], rows))
