"""Adaptations: surviving parts of a work that was redrawn, painted over or filled in, if no copy is found.

:mod:`exhibit.comparison.derived` defines survival; here the pictures are aligned by their edges, which survive in a
redrawn work.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.derived import DERIVED_REASON, PLAIN_CELL, compute_survival_map, grade_survival_map
from exhibit.types import Decision, Verification
from indexer.compare.decision import add_transform
from indexer.compare.dense import compute_dense_agreement, warp_to_thumbnail
from indexer.compare.figures import MAX_HASH_DISTANCE
from indexer.compare.geometry import CachedMatches, measure_support
from indexer.compare.nearest_hash import find_nearest_hash
from indexer.layout.scaling import get_size
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features, compute_grey_scaling

MIN_GRADE, MIN_INFORMATIVE_FRACTION = 2, 0.7
"""Minimum grade of a pair without other matches, and minimum fraction of the work's cells with information: outlines of
objects on white resemble each other."""
MIN_SHOWN_FRACTION, MAX_STRETCH = 0.1, 1.3
"""Minimum fraction of the work that a picture covers, and maximum change of area by the alignment of edges."""
TERMINATION_CRITERIA = (3, 40, 1e-4)
"""Termination type (OpenCV's), iterations and minimum gain of the alignment by edges."""

Floats = NDArray[np.float64]


def add_survival(found_picture: Features, registered_picture: Features, verification: Verification) -> Verification:
    """Add the map of surviving parts of the registered picture to the measurements of a pair.

    If there was no match, or no reliable alignment, the alignment with the most surviving parts is used. If enough
    survives, the decision is ``related`` with the reason ``derived``. Plain works are excluded, because they resemble
    many pictures.
    """
    if found_picture.digest == registered_picture.digest:
        return verification
    if verification.transform is not None and verification.decision is not Decision.NONE:
        warped_picture = warp_to_thumbnail(
            found_picture, registered_picture, np.array(verification.transform), verification.pieces
        )
        return replace(verification, survival=compute_survival_map(*warped_picture, registered_picture.thumbnail))
    if registered_picture.low_information:
        return verification
    options = [
        (_compute_survival(found_picture, registered_picture, transform), transform)
        for transform in _propose_alignments(found_picture, registered_picture, verification)
    ]
    best_option = max(options, key=_count_surviving)
    refined_transform = _align_by_edges(found_picture, registered_picture, best_option[1])
    survival_rows, transform = max(
        best_option,
        (_compute_survival(found_picture, registered_picture, refined_transform), refined_transform),
        key=_count_surviving,
    )
    survival_chars = "".join(survival_rows)
    if (
        grade_survival_map(survival_rows) < MIN_GRADE
        or 1 - survival_chars.count(PLAIN_CELL) / len(survival_chars) < MIN_INFORMATIVE_FRACTION
    ):
        return verification
    return replace(
        add_transform(verification, transform, found_picture, registered_picture),
        decision=Decision.RELATED,
        inliers=measure_support(
            CachedMatches(found_picture, registered_picture), registered_picture, transform
        ).inliers,
        dense=round(compute_dense_agreement(found_picture, registered_picture, transform).fraction, 4),
        reasons=(DERIVED_REASON,),
        related=None,
        exposure=None,
        figures={},
        in_place=None,
        drift=None,
        survival=survival_rows,
    )


def _propose_alignments(
    found_picture: Features, registered_picture: Features, verification: Verification
) -> Iterator[Floats]:
    """Yield possible alignments: by keypoints or hashes, or by stretching one picture to the other, also mirrored."""
    if verification.transform is not None:
        yield np.array(verification.transform)
    nearest = find_nearest_hash(found_picture, registered_picture)
    if nearest.hamming <= MAX_HASH_DISTANCE:
        yield nearest.transform
    across, down = (
        registered_picture.info.width / found_picture.info.width,
        registered_picture.info.height / found_picture.info.height,
    )
    stretch = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
    yield stretch
    yield stretch @ np.array([[-1.0, 0, found_picture.info.width - 1], [0, 1, 0], [0, 0, 1]])


def _compute_survival(found_picture: Features, registered_picture: Features, transform: Floats) -> tuple[str, ...]:
    warped, mask = warp_to_thumbnail(found_picture, registered_picture, transform)
    return compute_survival_map(warped, mask, registered_picture.thumbnail) if mask.mean() >= MIN_SHOWN_FRACTION else ()


def _count_surviving(option: tuple[tuple[str, ...], Floats]) -> int:
    return sum(int(char) for row in option[0] for char in row if char.isdecimal())


def _align_by_edges(found_picture: Features, registered_picture: Features, transform: Floats) -> Floats:
    """Refine a transform to maximise the correlation of edges; unchanged if that fails.

    By G. Evangelidis and E. Psarakis, "Parametric Image Alignment Using Enhanced Correlation Coefficient Maximization",
    2008.
    """
    warped, mask = warp_to_thumbnail(found_picture, registered_picture, transform)
    inside_mask = cv2.erode(mask.astype(np.uint8), np.ones((9, 9), np.uint8))
    step = np.eye(2, 3, dtype=np.float32)
    try:
        edges = _compute_edges(registered_picture.thumbnail), _compute_edges(warped)
        _, step = cv2.findTransformECC(*edges, step, cv2.MOTION_AFFINE, TERMINATION_CRITERIA, inside_mask, 5)
    except cv2.error:
        return transform
    area = float(np.linalg.det(step[:, :2]))
    if not 1 / MAX_STRETCH < area < MAX_STRETCH:
        return transform
    scaling = compute_grey_scaling(registered_picture, get_size(registered_picture.thumbnail))
    inverse = np.linalg.inv(np.vstack([step, [0, 0, 1]]).astype(np.float64))
    return np.asarray(np.linalg.inv(scaling) @ inverse @ scaling @ transform, np.float64)


def _compute_edges(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute the clearness of an edge at each pixel, 0 to 1, independent of contrast."""
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1)
    gradients = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.asarray(cv2.GaussianBlur(gradients / (gradients + gradients.mean() + 1e-3), (0, 0), 2), np.float32)
