"""Details: those of a work pasted onto a stranger, and those of a copy smoothed away or drowned in others.

Hsu, Lu and Pei, "Secure and robust SIFT" (2009), and Do, Kijak, Furon and Amsaleg, "Deluding image recognition in
SIFT-based CBIR systems" (2010) and "Challenging the security of content-based image retrieval systems" (2010): remove
keypoints by smoothing around them, and forge others with little change.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.primitives.canvas import Canvas, Chance, Pixels, nowhere
from indexer.layout.scaling import at_most, size_of
from indexer.layout.single_thread import cv2
from indexer.picture.local_features import GRID, local_features, quick_features

MOST = 500
SMOOTHED = 3
"""Rounds of smoothing: what is smoothed away lets weaker ones come up."""
REACH = 7
"""Pixels around a keypoint, at a long side of 512, that are smoothed."""
FORGED = 12
"""Spots in each cell of the grid from which keypoints are chosen evenly: more than are kept of a cell."""

Points = NDArray[np.float32]


def points_of(pixels: Pixels) -> Points:
    """Where the product sees details, the finer and the quick ones, in pixels; the strongest of each cell first."""
    grey = at_most(np.asarray(Image.fromarray(pixels).convert("L")), 512)
    size = size_of(pixels)
    fine, quick = local_features(grey, size, MOST), quick_features(grey, size)
    return np.concatenate([quick.points, fine.points])


def pasted(
    stranger: Pixels, work: Pixels, side: int, places: Points, landing: Points, alpha: float, factor: float = 1.0
) -> Canvas:
    """Square patches of a work upon a stranger, their rims faded out.

    Args:
        stranger: that is crafted.
        work: that is to be matched.
        side: of a patch, pixels of the work.
        places: their centres in the work.
        landing: their centres in the crafted picture.
        alpha: how much of them is seen, 0 to 1.
        factor: by which they are scaled.
    """
    canvas = Canvas(stranger.copy(), nowhere(stranger))
    small = max(6, round(side * factor))
    rim = np.minimum(np.arange(small), np.arange(small)[::-1]) / max(1.0, small / 8)
    fade = np.clip(np.minimum.outer(rim, rim) + 0.3, 0, 1).astype(np.float32)
    for (x, y), (across, down) in zip(places, landing, strict=True):
        left, top = round(float(x) - side / 2), round(float(y) - side / 2)
        if not (0 <= left <= work.shape[1] - side and 0 <= top <= work.shape[0] - side):
            continue
        patch = cv2.resize(work[top : top + side, left : left + side], (small, small), interpolation=cv2.INTER_AREA)
        canvas = _laid(canvas, patch, (left, top, side), (float(across), float(down)), fade * alpha)
    return canvas


def _laid(
    canvas: Canvas, patch: Pixels, source: tuple[int, int, int], middle: tuple[float, float], alpha: NDArray[np.float32]
) -> Canvas:
    """The canvas with one patch, changed in place: there are many."""
    side = len(patch)
    left, top = round(middle[0] - side / 2), round(middle[1] - side / 2)
    if not (0 <= left <= canvas.size[0] - side and 0 <= top <= canvas.size[1] - side):
        return canvas
    place = np.s_[top : top + side, left : left + side]
    share = alpha[..., None]
    canvas.pixels[place] = np.rint(canvas.pixels[place] * (1 - share) + patch * share).astype(np.uint8)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) * (source[2] / side)
    seen = alpha >= 0.25
    canvas.origin[place][seen] = np.stack([x + source[0], y + source[1]], axis=2)[seen]
    return canvas


def removed(pixels: Pixels) -> Pixels:
    """A copy whose details are smoothed away, each where it stands."""
    made = pixels
    reach = max(2, round(REACH * max(pixels.shape) / 512))
    for _ in range(SMOOTHED):
        marks = np.zeros(made.shape[:2], np.float32)
        for x, y in points_of(made):
            cv2.circle(marks, (round(float(x)), round(float(y))), reach, 1.0, -1)
        alpha = cv2.GaussianBlur(marks, (0, 0), reach / 3)[..., None]
        smooth = cv2.GaussianBlur(made, (0, 0), reach / 2.5)
        made = np.asarray(np.rint(made * (1 - alpha) + smooth * alpha), np.uint8)
    return made


def forged(pixels: Pixels, chance: Chance, contrast: float) -> Pixels:
    """A copy with spots in every cell that stand out more than its own details do; contrast in grey levels."""
    height, width = pixels.shape[:2]
    change = np.zeros((height, width), np.float32)
    reach = max(height, width) / 512
    for row in range(GRID):
        for column in range(GRID):
            for _ in range(FORGED):
                x = int((column + chance.uniform(0.05, 0.95)) * width / GRID)
                y = int((row + chance.uniform(0.05, 0.95)) * height / GRID)
                axes = tuple(max(1, round(reach * chance.uniform(1.5, 3.5))) for _ in "xy")
                level = chance.signed(0.8, 1.0) * contrast
                cv2.ellipse(change, (x, y), axes, chance.uniform(0, 180), 0, 360, level, -1)
    soft = cv2.GaussianBlur(change, (0, 0), 0.7 * reach)[..., None]
    return np.asarray(np.clip(pixels + soft, 0, 255), np.uint8)
