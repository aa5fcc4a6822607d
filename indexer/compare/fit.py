"""Precision of an alignment, which distinguishes a copy from another photograph of the same subject.

A copy matches its original to a fraction of a pixel wherever nothing covers it. Another photograph was taken from
another position or at another time, so its parts are displaced relative to each other, and neighbouring parts move
together. Small patches of one picture are searched for in the other (Lucas and Kanade, "An Iterative Image Registration
Technique", 1981; the pyramid of Bouguet, 2000), the transform is corrected by their positions, and the remaining
displacements are measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.similarity import compute_centre_scale
from indexer.compare.geometry import estimate_transform
from indexer.layout.masks import remove_boxes
from indexer.layout.orientation import Box
from indexer.layout.scaling import resize_by_factor
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features, Lazy, compute_grey_scaling

FRAME_SIDE = 384
"""Side in pixels of the frame in which both pictures are compared; less if one of the pictures has less detail."""
MIN_FRAME_SIDE = 16
MAX_PATCHES = 280
MIN_CELL = 8
PATCH_SIDE = 15
NORMALISATION_WINDOW = 17
"""Window, in pixels, over which brightness and contrast are normalised."""
MIN_DEVIATION = 2.5
"""Standard deviation of grey levels above which a patch is textured."""
MIN_PATCH_CORRELATION = 0.6
"""Correlation above which a patch counts as found in the other picture."""
MAX_IN_PLACE_SHIFT = 0.5
"""Maximum displacement in pixels of a patch in place."""
MIN_NOISE = 0.05
"""Minimum uncertainty of a patch's position, in pixels."""
MIN_PATCHES = 12
NEIGHBOURING_PATCHES = 9
MAX_VISIBLE_SHIFT, MIN_VISIBLE_FRACTION, MIN_VISIBLE_PATCHES = 1.5, 0.55, 40
"""Maximum displacement in pixels of a patch that shows the same content, minimum fraction of such patches among a
patch's neighbours in the visible part, and minimum number of patches for a visible part."""
FIT_TOLERANCE = 1.0
FAR_SHIFT = 9.0

Grey = NDArray[np.uint8]
Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Precision of an alignment."""

    transform: NDArray[np.float64]  # 3×3 float64, original found pixels to original registered pixels, corrected
    patches: int  # number of textured patches of the overlap that were searched for
    in_place: float  # fraction of them found within half a pixel of the coarser picture
    drift: float  # common displacement of neighbouring patches in such pixels; the 80th percentile
    excess: float  # median displacement of the patches found, divided by the displacement that noise explains
    visible: float = 0.0  # fraction of the patches in the visible part: neighbouring patches show the same content
    visible_in_place: float = 0.0  # as `in_place`, in the visible part
    visible_excess: float = FAR_SHIFT  # as `excess`, in the visible part


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Both pictures over the same part of the registered one."""

    found_grey: Grey
    registered_grey: Grey  # grey uint8, the same shape
    valid_mask: NDArray[np.bool_]  # bool, pixels where both pictures have content
    to_frame: NDArray[np.float64]  # 3×3, registered grey pixels to pixels of the frame


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Positions of patches of the registered picture in the found one."""

    registered_points: Points  # float32, shape (n, 2), pixels of the frame
    found_points: Points  # the same
    is_found: NDArray[np.bool_]  # bool, shape (n,): whether the patch was found
    lazy_noise: Lazy[NDArray[np.float32]]

    @property
    def noise(self) -> NDArray[np.float32]:
        """Displacement of each patch that noise alone would cause, in pixels, float32, shape (n,)."""
        return self.lazy_noise.value

    @property
    def shifts(self) -> Points:
        """Displacement of each patch in pixels, float32, shape (n, 2)."""
        return self.found_points - self.registered_points

    @property
    def lengths(self) -> NDArray[np.float32]:
        """Length of each displacement, float32, shape (n,)."""
        return np.asarray(np.linalg.norm(self.shifts, axis=1), np.float32)

    @property
    def in_place_count(self) -> int:
        """Number of patches found in place."""
        return int((self.is_found & (self.lengths < MAX_IN_PLACE_SHIFT)).sum())


def measure_fit(found_picture: Features, registered_picture: Features, transform: NDArray[np.float64]) -> Fit:
    """Correct a transform, 3×3 between original pixels, by patch positions, and measure its precision."""
    to_found, to_registered = (
        compute_grey_scaling(found_picture, found_picture.grey_size),
        compute_grey_scaling(registered_picture, registered_picture.grey_size),
    )
    between = to_registered @ transform @ np.linalg.inv(to_found)
    masked = [box.scale_by(to_registered[0, 0], to_registered[1, 1]) for box in registered_picture.masked_boxes]
    patches = track_patches(_build_frame(found_picture.grey, registered_picture.grey, between, masked), pyramid=1)
    if patches is None:
        return Fit(transform, 0, 0.0, FAR_SHIFT, FAR_SHIFT)
    corrected = _correct_transform(patches[1], patches[0].to_frame, between)
    if corrected is not None:
        second_patches = track_patches(
            _build_frame(found_picture.grey, registered_picture.grey, corrected, masked), pyramid=0
        )
        if second_patches is not None and _compute_fraction_in_place(second_patches[1]) >= _compute_fraction_in_place(
            patches[1]
        ):
            patches, between = second_patches, corrected
    original = np.linalg.inv(to_registered) @ between @ to_found
    return summarize_patches(patches[1], original / original[2, 2])


def summarize_patches(patches: Patches, transform: NDArray[np.float64]) -> Fit:
    """Summarise the patches for a transform."""
    return Fit(
        transform,
        len(patches.is_found),
        _compute_fraction_in_place(patches),
        _compute_drift(patches),
        compute_excess(patches),
        *_measure_visible_part(patches),
    )


def track_patches(frame: Frame | None, pyramid: int) -> tuple[Frame, Patches] | None:
    """Search for patches of the registered picture near their positions in the frame.

    Args:
        frame: Both pictures.
        pyramid: Number of halvings of the frame over which the search extends.

    Returns:
        The frame and the patches; ``None`` if too little is textured.
    """
    if frame is None:
        return None
    weight = np.maximum(
        cv2.blur(frame.valid_mask.astype(np.float32), (NORMALISATION_WINDOW, NORMALISATION_WINDOW)), 1e-3
    )
    normalised_found, normalised_registered = (
        _normalise(grey, frame.valid_mask, weight) for grey in (frame.found_grey, frame.registered_grey)
    )
    points = _find_textured_points(normalised_found, normalised_registered, frame.valid_mask)
    if len(points) < MIN_PATCHES:
        return None
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        normalised_registered[0],
        normalised_found[0],
        points[:, None],
        None,
        winSize=(PATCH_SIDE, PATCH_SIDE),
        maxLevel=pyramid,
        criteria=(cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 12, 0.02),
    )
    moved = moved[:, 0]
    similarity = _Similarity(_cut_patches(frame.found_grey, moved), _cut_patches(frame.registered_grey, points))
    is_found = (status.ravel() > 0) & (similarity.correlation > MIN_PATCH_CORRELATION)
    return frame, Patches(points, moved, is_found, Lazy(similarity.compute_noise))


def _build_frame(
    found_grey: Grey, registered_grey: Grey, between: NDArray[np.float64], masked: Sequence[Box]
) -> Frame | None:
    """Render both pictures over the registered area that the found one covers, at the resolution of the coarser one."""
    height, width = found_grey.shape
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [width - 1, height - 1, 1], [0, height - 1, 1]]) @ between.T
    if not (np.sign(corners[:, 2]) == np.sign(corners[0, 2])).all() or not corners[:, 2].all():
        return None
    positions = corners[:, :2] / corners[:, 2:]
    left, top = np.maximum(positions.min(axis=0), 0)
    right, bottom = np.minimum(positions.max(axis=0), [registered_grey.shape[1] - 1, registered_grey.shape[0] - 1])
    magnified = max(1.0, compute_centre_scale(between, found_grey.shape))
    factor = min(1 / magnified, FRAME_SIDE / max(right - left, bottom - top, 1))
    size = (int((right - left) * factor), int((bottom - top) * factor))
    if min(size) < MIN_FRAME_SIDE:
        return None
    placing = np.array(
        [[factor, 0, factor / 2 - 0.5 - left * factor], [0, factor, factor / 2 - 0.5 - top * factor], [0, 0, 1]]
    )
    found_warped, found_mask = _warp(found_grey, placing @ between, size)
    registered_warped, registered_mask = _warp(registered_grey, placing, size)
    return Frame(found_warped, registered_warped, remove_boxes(found_mask & registered_mask, masked, placing), placing)


def _warp(grey: Grey, transform: NDArray[np.float64], size: tuple[int, int]) -> tuple[Grey, NDArray[np.bool_]]:
    """Warp without aliasing; return the picture and its mask."""
    factor = compute_centre_scale(transform, grey.shape)
    if factor < 0.75:
        grey, shrinking = resize_by_factor(grey, factor)
        transform = transform @ np.linalg.inv(shrinking)
    warped = cv2.warpPerspective(grey, transform, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpPerspective(np.ones_like(grey), transform, size, flags=cv2.INTER_NEAREST)
    return np.asarray(warped), np.asarray(mask > 0)


def _normalise(grey: Grey, valid: NDArray[np.bool_], weight: NDArray[np.float32]) -> tuple[Grey, NDArray[np.float32]]:
    """Normalise local brightness and contrast; return the picture and the local deviation of grey levels.

    ``weight`` is the local fraction of valid pixels.
    """
    values = np.multiply(grey, valid, dtype=np.float32)
    mean, squares = (
        cv2.blur(plane, (NORMALISATION_WINDOW, NORMALISATION_WINDOW)) for plane in (values, values * values)
    )
    mean /= weight
    squares /= weight
    squares -= mean * mean
    deviation = np.sqrt(np.maximum(squares, 0, out=squares), out=squares)
    normalised_grey = np.subtract(values, mean, out=values)
    normalised_grey /= deviation + 3
    normalised_grey *= 40
    normalised_grey += 128
    np.putmask(normalised_grey, ~valid, 128)
    return np.clip(normalised_grey, 0, 255, out=normalised_grey).astype(np.uint8), deviation


def _find_textured_points(
    first: tuple[Grey, NDArray[np.float32]], second: tuple[Grey, NDArray[np.float32]], valid: NDArray[np.bool_]
) -> Points:
    """Return the best corner of each cell in which either picture is textured, float32, shape (n, 2)."""
    is_inside = cv2.erode(valid.astype(np.uint8), np.ones((PATCH_SIDE, PATCH_SIDE), np.uint8), borderValue=0) > 0
    is_textured = is_inside & (np.maximum(first[1], second[1]) > MIN_DEVIATION)
    corners = [cv2.cornerMinEigenVal(cv2.blur(normalised_grey, (3, 3)), 7) for normalised_grey, _ in (first, second)]
    strength = np.where(is_textured, np.maximum(*corners), 0)
    cell = max(MIN_CELL, int(np.sqrt(is_inside.sum() / MAX_PATCHES)))
    down, across = strength.shape[0] // cell, strength.shape[1] // cell
    tiles = strength[: down * cell, : across * cell].reshape(down, cell, across, cell)
    cells = tiles.transpose(0, 2, 1, 3).reshape(down * across, cell * cell)
    best_pixels = cells.argmax(axis=1)
    row, column = np.divmod(np.arange(down * across), max(1, across))
    points = np.stack([column * cell + best_pixels % cell, row * cell + best_pixels // cell], axis=1).astype(np.float32)
    return np.asarray(points[cells.max(axis=1, initial=0) > 1e-4])


class _Similarity:
    """Similarity of patches to those searched for, without their means, float32, shape (n, 225) each."""

    def __init__(self, found_patches: NDArray[np.float32], registered_patches: NDArray[np.float32]) -> None:
        self._found_patches, self._registered_patches = found_patches, registered_patches
        self._energy, self._shared = (
            np.maximum((registered_patches * registered_patches).sum(axis=1), 1e-6),
            (found_patches * registered_patches).sum(axis=1),
        )
        length = np.sqrt(np.maximum((found_patches * found_patches).sum(axis=1) * self._energy, 1e-12))
        self.correlation = np.asarray(self._shared / length, np.float32)

    def compute_noise(self) -> NDArray[np.float32]:
        """Return the displacement, in pixels, that noise alone causes for each patch.

        The residual after subtracting one patch from the other is noise; the steeper the patch, the smaller the
        displacement (Cramér-Rao bound for image registration: Robinson and Milanfar, "Fundamental Performance Limits in
        Image Registration", 2004).
        """
        explained = (self._shared / self._energy)[:, None] * self._registered_patches
        residual = (np.square(self._found_patches - explained)).mean(axis=1)
        square = explained.reshape(-1, PATCH_SIDE, PATCH_SIDE)
        across = (square[:, 1:-1, 2:] - square[:, 1:-1, :-2]) / 2
        down = (square[:, 2:, 1:-1] - square[:, :-2, 1:-1]) / 2
        xx, yy, xy = (np.einsum("nij,nij->n", a, b) for a, b in ((across, across), (down, down), (across, down)))
        return np.asarray(np.sqrt(residual * (xx + yy) / np.maximum(xx * yy - xy * xy, 1e-6)), np.float32)


def _cut_patches(grey: Grey, points: Points) -> NDArray[np.float32]:
    """Return patches without their means, float32, shape (n, 225)."""
    rows, columns = (np.mgrid[:PATCH_SIDE, :PATCH_SIDE] - PATCH_SIDE // 2).reshape(2, -1).astype(np.float32)
    across, down = points[:, :1] + columns, points[:, 1:] + rows
    values = cv2.remap(grey, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    return np.asarray(values)


def _correct_transform(
    patches: Patches, placing: NDArray[np.float64], between: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the transform between grey pictures, corrected by the patches found."""
    source, target = patches.found_points[patches.is_found], patches.registered_points[patches.is_found]
    if len(source) < MIN_PATCHES:
        return None
    change = _estimate_change(source, target)
    return None if change is None else np.asarray(np.linalg.inv(placing) @ change @ placing @ between)


def _estimate_change(source: Points, target: Points) -> NDArray[np.float64] | None:
    """Return the transform between positions in the frame, or ``None`` if it cannot be estimated."""
    if len(source) >= 2 * MIN_PATCHES:
        options = (cv2.USAC_MAGSAC, FIT_TOLERANCE)
        return estimate_transform(cv2.findHomography, source, target, *options, maxIters=300, confidence=0.999)
    return estimate_transform(
        cv2.estimateAffine2D, source, target, method=cv2.RANSAC, ransacReprojThreshold=FIT_TOLERANCE
    )


def _compute_fraction_in_place(patches: Patches) -> float:
    return patches.in_place_count / len(patches.is_found)


def compute_excess(patches: Patches, selection: NDArray[np.bool_] | None = None) -> float:
    """Compute the median displacement of the patches found, divided by the displacement that noise explains.

    ``selection``, shape (n,), restricts it to some of the patches.
    """
    is_found = patches.is_found if selection is None else patches.is_found & selection
    if is_found.sum() < MIN_PATCHES:
        return FAR_SHIFT
    noise = np.maximum(patches.noise[is_found], MIN_NOISE)
    return float(min(np.median(patches.lengths[is_found] / noise), FAR_SHIFT))


def _measure_visible_part(patches: Patches) -> tuple[float, float, float]:
    """Measure the part of the work that is neither covered nor removed.

    Most neighbours of its patches show the same content, so a single patch that agrees by chance does not count.

    Returns:
        Fraction of the patches in that part, fraction of them in place, and their excess.
    """
    count = len(patches.is_found)
    if count < MIN_VISIBLE_PATCHES:
        return 0.0, 0.0, FAR_SHIFT
    nearest = _find_nearest_patches(patches.registered_points)
    shows_same = patches.is_found & (patches.lengths < MAX_VISIBLE_SHIFT)
    is_visible = shows_same[nearest].mean(axis=1) >= MIN_VISIBLE_FRACTION
    visible_count = int(is_visible.sum())
    if visible_count < MIN_VISIBLE_PATCHES:
        return 0.0, 0.0, FAR_SHIFT
    is_in_place = patches.is_found & (patches.lengths < MAX_IN_PLACE_SHIFT)
    return visible_count / count, float(is_in_place[is_visible].mean()), compute_excess(patches, is_visible)


def _compute_drift(patches: Patches) -> float:
    """Compute the common displacement of neighbouring patches.

    Noise moves patches at random, so the median over neighbours is near zero unless they move together.
    """
    positions, shifts = patches.registered_points[patches.is_found], patches.shifts[patches.is_found]
    if len(positions) < NEIGHBOURING_PATCHES:
        return FAR_SHIFT
    common_shifts = np.linalg.norm(np.median(shifts[_find_nearest_patches(positions)], axis=1), axis=1)
    return float(np.percentile(common_shifts, 80))


def _find_nearest_patches(positions: Points) -> NDArray[np.intp]:
    """Return the row numbers of the patches nearest to each patch, itself included, shape (n, 9)."""
    squared_distances = ((positions[:, None] - positions[None]) ** 2).sum(axis=2)
    return np.argpartition(squared_distances, NEIGHBOURING_PATCHES - 1, axis=1)[:, :NEIGHBOURING_PATCHES]
