"""Dense check: compares pixels window by window after one picture was aligned with the other.

``exhibit.comparison.similarity`` defines the check on the original pictures, with NumPy and Pillow only. This module is
the fast version for the grey pictures in the features; a test verifies that both agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.comparison.similarity import (
    MIN_CORRELATION,
    MIN_VARIANCE,
    WINDOW,
    compute_centre_scale,
    find_pixels_within,
)
from exhibit.types import Piece
from indexer.layout.masks import remove_boxes
from indexer.layout.orientation import Box
from indexer.layout.scaling import get_size
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features, compute_grey_scaling

ALIKE_LEVELS = 8
"""Maximum deviation, in grey levels, of plain areas from a common linear fit."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Result of the dense check."""

    fraction: float  # fraction of the textured windows in the overlap whose pixels agree, 0 to 1
    textured_count: int  # number of textured windows


@dataclass(frozen=True, slots=True, eq=False)
class WindowMasks:
    """Masks over the thumbnail of the registered picture, by the centres of windows."""

    textured_mask: NDArray[np.bool_]  # bool, shape of the thumbnail: in the overlap, textured in either picture
    agreeing_mask: NDArray[np.bool_]  # textured windows whose pixels agree
    both_textured_mask: NDArray[np.bool_]  # windows textured in both pictures
    warped_picture: NDArray[np.uint8]  # found picture, warped to the thumbnail
    valid_mask: NDArray[np.bool_]  # pixels of it that are compared


def compute_dense_agreement(
    found_picture: Features,
    registered_picture: Features,
    transform: NDArray[np.float64],
    masked_boxes: Sequence[Box] = (),
    marked_boxes: Sequence[Box] = (),
    pieces: Sequence[Piece] = (),
) -> Agreement:
    """Compare the pixels of two pictures under a transform, 3×3 between their original pixels, mirroring included.

    With pieces, each piece of the registered picture is compared under its own transform, and the rest is ignored.

    Areas in ``masked_boxes`` of the registered picture (original pixels) are ignored; the reported value of a pair uses
    no masks, as in the definition. Windows with their centre in ``marked_boxes`` are ignored; other windows may extend
    into them.
    """
    masks = compare_windows(found_picture, registered_picture, transform, masked_boxes, pieces)
    counts = remove_boxes(
        np.ones_like(masks.textured_mask),
        marked_boxes,
        compute_grey_scaling(registered_picture, get_size(registered_picture.thumbnail)),
    )
    textured, agreeing = int((masks.textured_mask & counts).sum()), int((masks.agreeing_mask & counts).sum())
    return Agreement(agreeing / textured if textured else 0.0, textured)


def compare_windows(
    found_picture: Features,
    registered_picture: Features,
    transform: NDArray[np.float64],
    masked_boxes: Sequence[Box] = (),
    pieces: Sequence[Piece] = (),
) -> WindowMasks:
    """Return the windows that :func:`compute_dense_agreement` counts, for the same arguments."""
    warped, mask = warp_to_thumbnail(found_picture, registered_picture, transform, pieces)
    counts = remove_boxes(
        mask, masked_boxes, compute_grey_scaling(registered_picture, get_size(registered_picture.thumbnail))
    )
    valid = counts.astype(np.float32)
    weight = np.maximum(_blur(valid), 1e-6)
    smooth = [_blur(grey * valid) / weight for grey in (warped, registered_picture.thumbnail)]
    first, second = (np.asarray(grey, np.float32) for grey in smooth)
    mean_one, mean_other = _compute_window_means(first), _compute_window_means(second)
    variance_one = _compute_window_means(first * first) - mean_one * mean_one
    variance_other = _compute_window_means(second * second) - mean_other * mean_other
    covariance = _compute_window_means(first * second) - mean_one * mean_other
    is_complete = _compute_window_means(valid) > 1 - 0.5 / WINDOW**2
    textured_one, textured_other = (
        is_complete & (variance_one > MIN_VARIANCE),
        is_complete & (variance_other > MIN_VARIANCE),
    )
    correlated = covariance > MIN_CORRELATION * np.sqrt(np.maximum(variance_one * variance_other, 1e-9))
    both_textured = textured_one & textured_other
    return WindowMasks(textured_one | textured_other, both_textured & correlated, both_textured, warped, counts)


def find_largest_disagreement(whole_masks: WindowMasks, pieces_masks: WindowMasks) -> float:
    """Return the largest part that is textured in both pictures but does not agree, as a fraction of the overlap."""
    disagreement = cv2.morphologyEx(
        _compute_window_centres(whole_masks.both_textured_mask)
        & (1 - _compute_window_centres(pieces_masks.agreeing_mask)),
        cv2.MORPH_OPEN,
        np.ones((9, 9)),
    )
    parts = cv2.connectedComponentsWithStats(disagreement)[2][1:, cv2.CC_STAT_AREA]
    return float(parts.max(initial=0) / max(1, whole_masks.valid_mask.sum()))


def compute_agreeing_area(masks: WindowMasks, registered_picture: Features) -> tuple[float, float]:
    """Return the fraction of the overlap that agrees, and that fraction including plain areas of equal brightness."""
    agreeing, plain_mask = (
        _compute_window_centres(masks.agreeing_mask) & masks.valid_mask,
        masks.valid_mask & (_compute_window_centres(masks.textured_mask) == 0),
    )
    found_levels, registered_levels = (
        cv2.blur(grey, (5, 5))[plain_mask].astype(float)
        for grey in (masks.warped_picture, registered_picture.thumbnail)
    )
    line = np.stack([found_levels, np.ones_like(found_levels)], axis=1)
    alike = np.abs(registered_levels - line @ np.linalg.lstsq(line, registered_levels)[0]) <= ALIKE_LEVELS
    area, total_area = int(agreeing.sum()), max(1, int(masks.valid_mask.sum()))
    return area / total_area, (area + int(alike.sum())) / total_area


def _compute_window_centres(centres: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the central half of each window."""
    return np.asarray(cv2.dilate(centres.astype(np.uint8), np.ones((WINDOW // 2 + 1,) * 2)))


def compute_mean_difference(
    found_picture: Features, registered_picture: Features, transform: NDArray[np.float64]
) -> float:
    """Return the mean absolute difference in grey levels in the overlap; 255 without overlap."""
    warped, mask = warp_to_thumbnail(found_picture, registered_picture, transform)
    if not mask.any():
        return 255.0
    return float(np.abs(warped.astype(np.float32) - registered_picture.thumbnail)[mask].mean())


def warp_to_thumbnail(
    found_picture: Features, registered_picture: Features, transform: NDArray[np.float64], pieces: Sequence[Piece] = ()
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Warp the found picture to the registered one's thumbnail, by a transform of original pixels.

    Returns:
        Grey uint8, and a mask of its valid pixels, both in the shape of the thumbnail.
    """
    grey, thumbnail = found_picture.grey, registered_picture.thumbnail
    to_thumbnail = compute_grey_scaling(registered_picture, get_size(thumbnail))
    to_original = np.linalg.inv(compute_grey_scaling(found_picture, get_size(grey)))
    factor = compute_centre_scale(to_thumbnail @ transform @ to_original, grey.shape)
    if factor < 1:
        size = (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor)))
        grey = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))
        to_original = np.linalg.inv(compute_grey_scaling(found_picture, get_size(grey)))
    if not pieces:
        return _warp(grey, to_thumbnail @ transform @ to_original, get_size(thumbnail))
    warped, mask = np.zeros_like(thumbnail), np.zeros(thumbnail.shape, np.bool_)
    for piece in pieces:
        left, top, right, bottom = find_pixels_within(piece.box, to_thumbnail, get_size(thumbnail))
        if right > left and bottom > top:
            shift = np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]])
            warped_piece = _warp(
                grey, shift @ to_thumbnail @ np.array(piece.transform) @ to_original, (right - left, bottom - top)
            )
            warped[top:bottom, left:right], mask[top:bottom, left:right] = warped_piece
    return warped, mask


def _warp(
    grey: NDArray[np.uint8], between: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    warped = cv2.warpPerspective(grey, between, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpPerspective(np.ones_like(grey, np.float32), between, size, flags=cv2.INTER_LINEAR)
    return np.asarray(warped), np.asarray(mask > 0.999)


def _blur(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply a Gaussian blur; divided by the blurred mask of the overlap, it includes no pixels from outside."""
    return np.asarray(cv2.GaussianBlur(values, (9, 9), 1.0, borderType=cv2.BORDER_CONSTANT))


def _compute_window_means(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute means over the window around each pixel; windows that extend beyond the frame count as incomplete."""
    return np.asarray(cv2.boxFilter(values, -1, (WINDOW, WINDOW), normalize=True, borderType=cv2.BORDER_CONSTANT))
