"""Details that were found again: the same numbers at the same spots of both pictures."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from exhibit.pictures.decode import Limits
from indexer.compare.geometry import TOLERANCE, correspondences
from indexer.draw.marks import badge, sized
from indexer.draw.pair import MAGNIFIED, Floats, Pair, Pixels, moved, with_margin
from indexer.draw.side_by_side import COLUMN, TALL, row
from indexer.picture.features import Detail, Features, extract, grey_scaling

MAX_POINTS = 30
"""More numbers than these are no longer read."""
SPACING = 0.07
"""Least distance of two marked details, as a share of the longer side of the shared part."""
COLOURS = ((196, 0, 60), (0, 92, 175), (0, 120, 90), (120, 65, 160), (165, 82, 0))
DOT = 13
KEPT = 2
"""Pictures whose details are kept."""
DETAIL = Detail(side=1024, keypoints=1500, parts=False)
"""How closely details are looked for; what lies within the pictures has no say."""
POINTS_MARGIN = 0.06
"""Margin shown around the shared part, as a share of its longer side."""


def points(pair: Pair) -> Pixels:
    """The shared part of both pictures, the registered one on the left, with the same number at the same details.

    The details are looked for again in both pictures; those that lie where the transform says are taken, well spread.
    """
    copy = pair.first
    boxes = [
        with_margin(box, POINTS_MARGIN, source.frame)
        for box, source in ((copy.registered_box, pair.registered), (copy.found_box, pair.found))
    ]
    fit, radius = (pair.scaled(COLUMN), pair.scaled(TALL)), sized(DOT, pair.scale)
    left, right = (
        source.shown(box, fit, 2 * MAGNIFIED) for source, box in zip((pair.registered, pair.found), boxes, strict=True)
    )
    canvas, places = row(pair, [left.pixels, right.pixels])
    found, registered = matched_details(pair)
    for number, (here, there) in enumerate(zip(registered, found, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        for point, shown, place in ((here, left, places[0]), (there, right, places[1])):
            badge(canvas, moved(point[None], shown.matrix)[0] + place, str(number + 1), colour, radius)
    return canvas


def matched_details(pair: Pair) -> tuple[Floats, Floats]:
    """Details that lie in both pictures where the transform says: at most 30, spread widely, in reading order.

    Gives their places in original pixels of the found and of the registered picture, each of shape (n, 2).
    """
    transform = pair.first.transform
    found, registered = (_measured(source.data, source.limits) for source in (pair.found, pair.registered))
    mirrored = bool(np.linalg.det(transform[:2, :2]) < 0)
    for matches in correspondences(found, registered, (mirrored,)):
        here = moved(matches.found.astype(np.float64), np.linalg.inv(matches.frame))
        there = moved(matches.registered.astype(np.float64), np.linalg.inv(_scaling(registered)))
        laid, missed = _laid(pair, here, there), np.full(len(here), np.inf)
        known = np.isfinite(laid).all(axis=1)
        off = moved(laid[known], _scaling(registered)) - matches.registered[known]
        missed[known] = np.linalg.norm(off, axis=1)
        agrees = missed <= TOLERANCE
        chosen = _spread(there[agrees], missed[agrees], pair)
        order = _reading_order(there[agrees][chosen])
        return here[agrees][chosen][order], there[agrees][chosen][order]
    return np.zeros((0, 2)), np.zeros((0, 2))


@lru_cache(maxsize=KEPT)
def _measured(data: bytes, limits: Limits) -> Features:
    """The details of a picture. The last ones are kept: copies of one work come after one another, or are the work."""
    return extract(data, limits, DETAIL)


def _laid(pair: Pair, found: Floats, registered: Floats) -> Floats:
    """Where points of the found picture lie on the registered one, by the piece that their partners lie in.

    Infinity for those whose partners lie in none.
    """
    if not pair.first.pieces:
        return moved(found, pair.first.transform)
    places = np.full_like(found, np.inf)
    for piece in pair.first.pieces:
        left, top, right, bottom = piece.box
        x, y = registered.T
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        places[inside] = moved(found[inside], np.array(piece.transform))
    return places


def _scaling(features: Features) -> Floats:
    return grey_scaling(features, features.grey_size)


def _spread(points: Floats, missed: Floats, pair: Pair) -> NDArray[np.intp]:
    """Rows of points that lie far from each other, the most precise first, then always the farthest (Gonzalez 1985)."""
    if not len(points):
        return np.zeros(0, np.intp)
    box = pair.first.registered_box
    apart = SPACING * max(box.width, box.height)
    chosen = [int(missed.argmin())]
    distance = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < MAX_POINTS and distance.max() >= apart:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen, np.intp)


def _reading_order(points: Floats) -> NDArray[np.intp]:
    """Row by row from the top, each row from the left."""
    if not len(points):
        return np.zeros(0, np.intp)
    top, bottom = points[:, 1].min(), points[:, 1].max()
    rows = np.floor((points[:, 1] - top) / max(1.0, bottom - top) * 5)
    return np.lexsort((points[:, 0], rows))
