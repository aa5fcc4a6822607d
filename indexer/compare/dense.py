"""Dense check: compares pixels window by window after one picture has been aligned with the other.

``exhibit.comparison.similarity`` defines it on the original pictures, with NumPy and Pillow only. This is the fast
version for the grey pictures in the features; a test checks that both agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.comparison.similarity import MIN_CORRELATION, MIN_VARIANCE, WINDOW, pixels_within, scale_at_centre
from exhibit.types import Piece
from indexer.layout.masks import remove_boxes
from indexer.layout.orientation import Box
from indexer.layout.scaling import size_of
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features, grey_scaling

ALIKE_LEVELS = 8
"""Maximum deviation, in grey levels, of plain areas from a common linear fit."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Result of the dense check."""

    share: float  # share of the textured windows in the overlap whose pixels agree, 0 to 1
    textured: int  # number of textured windows


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Masks over the thumbnail of the registered picture, by the centres of windows."""

    textured: NDArray[np.bool_]  # bool, shape of the thumbnail: entirely in the overlap, textured in either picture
    agreeing: NDArray[np.bool_]  # those of `textured` whose pixels agree
    both: NDArray[np.bool_]  # windows textured in both pictures
    warped: NDArray[np.uint8]  # found picture, warped to the thumbnail
    valid: NDArray[np.bool_]  # where it shows something that counts


def dense_agreement(
    found_picture: Features,
    registered: Features,
    transform: NDArray[np.float64],
    masked: Sequence[Box] = (),
    marked: Sequence[Box] = (),
    pieces: Sequence[Piece] = (),
) -> Agreement:
    """Compare the pixels of two pictures under a transform, 3×3 between their original pixels, mirroring included.

    With pieces, each part of the registered picture is compared under its own transform, and nothing elsewhere.

    Areas in ``masked`` rectangles of the registered picture (original pixels) are ignored; the stated value of a pair
    masks
    nothing, as in the definition. Windows with their centre in ``marked`` rectangles are ignored; others may reach into
    them.
    """
    masks = compare_windows(found_picture, registered, transform, masked, pieces)
    counts = remove_boxes(np.ones_like(masks.textured), marked, grey_scaling(registered, size_of(registered.thumbnail)))
    textured, agreeing = int((masks.textured & counts).sum()), int((masks.agreeing & counts).sum())
    return Agreement(agreeing / textured if textured else 0.0, textured)


def compare_windows(
    found_picture: Features,
    registered: Features,
    transform: NDArray[np.float64],
    masked: Sequence[Box] = (),
    pieces: Sequence[Piece] = (),
) -> Windows:
    """Return the windows that :func:`dense_agreement` counts, for the same arguments."""
    warped, mask = warp_to_thumbnail(found_picture, registered, transform, pieces)
    counts = remove_boxes(mask, masked, grey_scaling(registered, size_of(registered.thumbnail)))
    valid = counts.astype(np.float32)
    weight = np.maximum(_blur(valid), 1e-6)
    smooth = [_blur(grey * valid) / weight for grey in (warped, registered.thumbnail)]
    first, second = (np.asarray(grey, np.float32) for grey in smooth)
    mean_one, mean_other = _window_means(first), _window_means(second)
    variance_one = _window_means(first * first) - mean_one * mean_one
    variance_other = _window_means(second * second) - mean_other * mean_other
    covariance = _window_means(first * second) - mean_one * mean_other
    whole = _window_means(valid) > 1 - 0.5 / WINDOW**2
    textured_one, textured_other = whole & (variance_one > MIN_VARIANCE), whole & (variance_other > MIN_VARIANCE)
    correlated = covariance > MIN_CORRELATION * np.sqrt(np.maximum(variance_one * variance_other, 1e-9))
    both = textured_one & textured_other
    return Windows(textured_one | textured_other, both & correlated, both, warped, counts)


def largest_disagreement(whole: Windows, aligned: Windows) -> float:
    """Return the share of the overlap of the largest part that has texture in both pictures but no agreement."""
    apart = cv2.morphologyEx(
        _window_centres(whole.both) & (1 - _window_centres(aligned.agreeing)), cv2.MORPH_OPEN, np.ones((9, 9))
    )
    parts = cv2.connectedComponentsWithStats(apart)[2][1:, cv2.CC_STAT_AREA]
    return float(parts.max(initial=0) / max(1, whole.valid.sum()))


def agreeing_area(masks: Windows, registered: Features) -> tuple[float, float]:
    """Return the share of the overlap with agreement, and the share including plain areas of equal brightness."""
    agreeing, plain = (
        _window_centres(masks.agreeing) & masks.valid,
        masks.valid & (_window_centres(masks.textured) == 0),
    )
    found_levels, registered_levels = (
        cv2.blur(grey, (5, 5))[plain].astype(float) for grey in (masks.warped, registered.thumbnail)
    )
    line = np.stack([found_levels, np.ones_like(found_levels)], axis=1)
    alike = np.abs(registered_levels - line @ np.linalg.lstsq(line, registered_levels)[0]) <= ALIKE_LEVELS
    area, whole = int(agreeing.sum()), max(1, int(masks.valid.sum()))
    return area / whole, (area + int(alike.sum())) / whole


def _window_centres(centres: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the central halves of windows."""
    return np.asarray(cv2.dilate(centres.astype(np.uint8), np.ones((WINDOW // 2 + 1,) * 2)))


def mean_difference(found_picture: Features, registered: Features, transform: NDArray[np.float64]) -> float:
    """Return the mean absolute difference in grey levels in the overlap; 255 without overlap."""
    warped, mask = warp_to_thumbnail(found_picture, registered, transform)
    if not mask.any():
        return 255.0
    return float(np.abs(warped.astype(np.float32) - registered.thumbnail)[mask].mean())


def warp_to_thumbnail(
    found: Features, registered: Features, transform: NDArray[np.float64], pieces: Sequence[Piece] = ()
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Warp the found picture to the registered one's thumbnail, by a transform of original pixels.

    Returns:
        Grey uint8, and a mask of its valid pixels, both in the shape of the thumbnail.
    """
    grey, thumbnail = found.grey, registered.thumbnail
    to_thumbnail = grey_scaling(registered, size_of(thumbnail))
    back = np.linalg.inv(grey_scaling(found, size_of(grey)))
    factor = scale_at_centre(to_thumbnail @ transform @ back, grey.shape)
    if factor < 1:
        size = (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor)))
        grey = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))
        back = np.linalg.inv(grey_scaling(found, size_of(grey)))
    if not pieces:
        return _warp(grey, to_thumbnail @ transform @ back, size_of(thumbnail))
    warped, mask = np.zeros_like(thumbnail), np.zeros(thumbnail.shape, np.bool_)
    for piece in pieces:
        left, top, right, bottom = pixels_within(piece.box, to_thumbnail, size_of(thumbnail))
        if right > left and bottom > top:
            shift = np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]])
            warped_piece = _warp(
                grey, shift @ to_thumbnail @ np.array(piece.transform) @ back, (right - left, bottom - top)
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
    """Gaussian blur; divided by the blurred mask of the overlap, it includes nothing from outside."""
    return np.asarray(cv2.GaussianBlur(values, (9, 9), 1.0, borderType=cv2.BORDER_CONSTANT))


def _window_means(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means over the window around each pixel; windows that leave the frame count as incomplete."""
    return np.asarray(cv2.boxFilter(values, -1, (WINDOW, WINDOW), normalize=True, borderType=cv2.BORDER_CONSTANT))
