"""Pictures that show a comparison to a person: one laid on the other, and both side by side with outlines."""

import io

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from exhibit.decode import decode
from exhibit.warp import overlaps, warp

LONGEST = 1600
OUTLINE = (214, 0, 120)
HALO = (255, 255, 255)
BACKGROUND = (246, 246, 246)
GAP = 24
SCREEN_STEP = 16
"""Points along an edge: perspective bends none of them, but the horizon may cut an edge."""


def overlay(found: bytes, registered: bytes, transform: ArrayLike) -> bytes:
    """The found picture laid on the registered one.

    Where the found picture shows nothing, the registered one is faded; where it does, it covers it, outlined.

    Args:
        found: bytes of the found picture.
        registered: bytes of the registered picture.
        transform: 3×3, original found pixels to original registered pixels.

    Returns:
        PNG, long side at most 1600 pixels; the same input gives the same pixels.

    Raises:
        UnreadablePictureError: one of the pictures can't be decoded.
        WrongUseError: the transform can't be inverted.
    """
    below, to_below = _fitted(registered, LONGEST)
    above, to_above = _fitted(found, LONGEST)
    between = to_below @ np.asarray(transform, np.float64) @ np.linalg.inv(to_above)
    size = (below.shape[1], below.shape[0])
    warped, mask = warp(above, between, size)
    faded = np.uint8(160) + below // np.uint8(3)
    picture = Image.fromarray(np.where(mask[..., None], warped, faded))
    _outline(picture, between, (above.shape[1], above.shape[0]))
    return _png(picture)


def side_by_side(found: bytes, registered: bytes, transform: ArrayLike) -> bytes:
    """The registered picture on the left, the found one on the right, the part that they share outlined in both.

    Args:
        found: bytes of the found picture.
        registered: bytes of the registered picture.
        transform: 3×3, original found pixels to original registered pixels.

    Returns:
        PNG, at most 1600 pixels wide and 1000 high; the same input gives the same pixels.

    Raises:
        UnreadablePictureError: one of the pictures can't be decoded.
        WrongUseError: the transform can't be inverted.
    """
    side = (LONGEST - 3 * GAP) // 2
    left, to_left = _fitted(registered, side)
    right, to_right = _fitted(found, side)
    between = _checked(to_left @ np.asarray(transform, np.float64) @ np.linalg.inv(to_right), right, left)
    pictures = [Image.fromarray(left), Image.fromarray(right)]
    _outline(pictures[0], between, pictures[1].size)
    _outline(pictures[1], np.asarray(np.linalg.inv(between), np.float64), pictures[0].size)
    height = max(picture.height for picture in pictures)
    sheet = Image.new("RGB", (LONGEST, height + 2 * GAP), BACKGROUND)
    for place, picture in enumerate(pictures):
        column = GAP + place * (side + GAP) + (side - picture.width) // 2
        sheet.paste(picture, (column, GAP + (height - picture.height) // 2))
    return _png(sheet)


def _fitted(data: bytes, side: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Pixels with a long side of at most ``side``, and the transform from original pixels to them."""
    decoded = decode(data, at_least=side)
    image = Image.fromarray(decoded.pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    across, down = image.width / decoded.info.width, image.height / decoded.info.height
    return np.asarray(image), np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])


def _checked(
    transform: NDArray[np.float64], source: NDArray[np.uint8], target: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """The transform; raises ``WrongUseError`` when it can't be inverted."""
    overlaps(transform, (source.shape[1], source.shape[0]), (target.shape[1], target.shape[0]))
    return transform


def _outline(picture: Image.Image, transform: NDArray[np.float64], size: tuple[int, int]) -> None:
    """Draw where the edges of another picture of this size lie, kept inside the frame."""
    points = _edge_points(size) @ transform.T
    middle = transform[2] @ np.array([size[0] / 2, size[1] / 2, 1])
    points = points[points[:, 2] * np.sign(middle) > 1e-9]
    if len(points) < 3:
        return
    width = max(2, round(max(picture.size) / 300))
    inset = width
    line = points[:, :2] / points[:, 2:]
    line = np.clip(line, inset, np.array(picture.size) - 1 - inset)
    closed = [(float(x), float(y)) for x, y in np.vstack([line, line[:1]])]
    draw = ImageDraw.Draw(picture)
    draw.line(closed, fill=HALO, width=width * 2 + 1, joint="curve")
    draw.line(closed, fill=OUTLINE, width=width, joint="curve")


def _edge_points(size: tuple[int, int]) -> NDArray[np.float64]:
    """Points along the border of a picture, in homogeneous coordinates, in turn."""
    right, bottom = size[0] - 0.5, size[1] - 0.5
    corners = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
    steps = np.linspace(0, 1, SCREEN_STEP, endpoint=False)[:, None]
    edges = [start + steps * (end - start) for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True)]
    points = np.concatenate(edges)
    return np.column_stack([points, np.ones(len(points))])


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=False, compress_level=2)  # much faster, not much larger
    return file.getvalue()
