"""Two pictures that are drawn together, each decoded no larger than necessary, and the part that they share."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.comparison.similarity import compute_centre_scale
from exhibit.comparison.warp import compute_shared_outline, compute_signed_area
from exhibit.pictures.decode import DecodedPicture, Limits, decode, inspect
from exhibit.types import Piece, Verification
from indexer.layout.orientation import Box
from indexer.layout.single_thread import cv2
from indexer.picture.features import DEFAULT_LIMITS

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Size = tuple[int, int]
MAX_SIDE = 1600
"""Longer side of drawings in pixels; lengths in drawings are stated for this size."""
MAX_MAGNIFICATION = 4.0
"""Maximum magnification of a small picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Rendering:
    """Picture, or piece of it, at the size of the drawing."""

    pixels: Pixels  # uint8 RGB, shape (height, width, 3)
    matrix: Floats  # 3×3 float64, from the original's pixels to these

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]


class Source:
    """Bytes of a picture, decoded on first use, and again only if more detail is required.

    Raises:
        UnreadablePictureError: The bytes cannot be decoded within the limits; methods that render them raise it, too.
    """

    def __init__(self, data: bytes, limits: Limits) -> None:
        info = inspect(data, limits)
        self.data = data
        self.limits = limits
        self.size = (info.width, info.height)
        self._decoded: DecodedPicture | None = None
        self._resized: dict[tuple[object, ...], Pixels] = {}  # two drawings may have the same size

    @property
    def frame(self) -> Box:
        """The whole picture."""
        return Box(0, 0, *self.size)

    def render(self, box: Box, fit: tuple[int, int], max_magnification: float = 1.0) -> Rendering:
        """Return a piece of the picture, fitted into a size in pixels.

        The magnification is at most ``max_magnification``.
        """
        factor = min(fit[0] / box.width, fit[1] / box.height, max_magnification)
        size = (max(1, round(box.width * factor)), max(1, round(box.height * factor)))
        side = ceil(max(self.size) * min(1.0, factor))
        if self._decoded is None or (self._decoded.scale < 1 and max(self._decoded.pixels.shape) < side):
            self._decoded = decode(self.data, self.limits, at_least=side)
        pixels = self._decoded.pixels
        region = box.scale_by(pixels.shape[1] / self.size[0], pixels.shape[0] / self.size[1])
        right, bottom = min(region.right, pixels.shape[1]), min(region.bottom, pixels.shape[0])
        edges = (max(0.0, region.left), max(0.0, region.top), right, bottom)
        key = (size, edges, pixels.shape)
        if key not in self._resized:
            resized = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, box=edges)
            self._resized[key] = np.asarray(resized)
        across, down = size[0] / box.width, size[1] / box.height
        matrix = [[across, 0, across * (0.5 - box.left) - 0.5], [0, down, down * (0.5 - box.top) - 0.5], [0, 0, 1]]
        return Rendering(self._resized[key], np.array(matrix, np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """One copy of the registered picture within the found one."""

    transform: Floats  # 3×3 float64, original found pixels to original registered pixels
    registered_outline: Floats
    """Outline of the shared part, in original pixels of the registered picture, shape (n, 2), clockwise from the corner
    nearest to the top left; n is 0 without a shared part."""
    found_outline: Floats  # the same points in original pixels of the found picture
    corners: tuple[int, ...]  # rows of the outline that span it best, at most four
    pieces: tuple[Piece, ...] = ()  # pieces of the alignment, if no single transform describes it

    @property
    def registered_box(self) -> Box:
        """The smallest upright rectangle around the outline in the registered picture."""
        return compute_bounding_box(self.registered_outline)

    @property
    def found_box(self) -> Box:
        """The smallest upright rectangle around the outline in the found picture."""
        return compute_bounding_box(self.found_outline)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A found picture and the registered one that it shows, once or several times."""

    found_source: Source
    registered_source: Source
    copies: tuple[Copy, ...]  # the copy on which the decision is based is first
    side: int = MAX_SIDE  # longer side of drawings in pixels

    @classmethod
    def from_verification(
        cls,
        found_picture: bytes,
        registered_picture: bytes,
        verification: Verification,
        limits: Limits = DEFAULT_LIMITS,
        side: int = MAX_SIDE,
    ) -> Self:
        """Create a pair from two pictures, not yet decoded, and the alignment of a comparison.

        Without a transform there are no copies.

        Args:
            found_picture: Bytes of the found picture.
            registered_picture: Bytes of the registered picture.
            verification: The comparison.
            limits: Limits for decoding.
            side: Longer side of drawings in pixels.

        Returns:
            The pair.

        Raises:
            UnreadablePictureError: A picture cannot be decoded.
            InvalidRequestError: A transform cannot be inverted.
        """
        sources = Source(found_picture, limits), Source(registered_picture, limits)
        sizes = sources[0].size, sources[1].size
        transforms = [] if verification.transform is None else [verification.transform, *verification.further]
        # With pieces, no further copies are searched for.
        copies = tuple(_to_copy(np.asarray(row, np.float64), *sizes, verification.pieces) for row in transforms)
        return cls(*sources, copies, side)

    @property
    def scale(self) -> float:
        """Scale of lengths in the drawings."""
        return self.side / MAX_SIDE

    def scale_length(self, length: int) -> int:
        """Return a length in the drawings, in whole pixels."""
        return round(length * self.scale)

    @property
    def first_copy(self) -> Copy:
        """Copy on which the decision is based."""
        return self.copies[0]

    def warp_found_picture(self, copy: Copy, target: Rendering) -> tuple[Pixels, NDArray[np.bool_]]:
        """Warp the found picture to a piece of the registered one; return it with a mask of its valid pixels."""
        if copy.pieces:
            return _warp_in_pieces(self.found_source, target, [_to_part(piece) for piece in copy.pieces])
        return _warp(self.found_source, copy.found_outline, target, copy.transform, copy.registered_outline)

    def warp_registered_picture(self, copy: Copy, target: Rendering) -> tuple[Pixels, NDArray[np.bool_]]:
        """Warp the registered picture to a piece of the found one; return it with a mask of its valid pixels."""
        if copy.pieces:
            parts = [
                (transform, registered_corners, found_corners)
                for transform, found_corners, registered_corners in map(_to_part, copy.pieces)
            ]
            inverse_parts = [(np.asarray(np.linalg.inv(transform), np.float64), *sides) for transform, *sides in parts]
            return _warp_in_pieces(self.registered_source, target, inverse_parts)
        inverse = np.asarray(np.linalg.inv(copy.transform), np.float64)
        return _warp(self.registered_source, copy.registered_outline, target, inverse, copy.found_outline)


def apply_transform(points: Floats, matrix: NDArray[np.floating]) -> Floats:
    """Apply a 3×3 transform to points, shape (n, 2)."""
    homogeneous = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:], np.float64)


def compute_bounding_box(outline: Floats) -> Box:
    """Return the smallest upright rectangle around points, in pixel edges."""
    if not len(outline):
        return Box(0, 0, 1, 1)
    left, top = outline.min(axis=0) + 0.5
    right, bottom = outline.max(axis=0) + 0.5
    return Box(float(left), float(top), float(max(right, left + 1)), float(max(bottom, top + 1)))


def add_margin(box: Box, fraction: float, frame: Box) -> Box:
    """Add a margin, as a fraction of the longer side, to a rectangle within the frame."""
    margin = fraction * max(box.width, box.height)
    return Box(
        max(frame.left, box.left - margin),
        max(frame.top, box.top - margin),
        min(frame.right, box.right + margin),
        min(frame.bottom, box.bottom + margin),
    )


def _warp(
    source: Source, outline: Floats, target: Rendering, transform: Floats, edge: Floats
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Warp the part of a source within an outline onto another picture, in which ``edge`` is the same outline.

    The source is first reduced to the size of the drawing to prevent aliasing. A piece of a bent copy may be partly or
    entirely outside the source.
    """
    mask = np.zeros(target.size[::-1], np.uint8)
    piece = add_margin(compute_bounding_box(outline), 0.02, source.frame)
    if not len(outline) or min(piece.width, piece.height) < 1:
        return np.zeros_like(target.pixels), mask > 0
    cv2.fillConvexPoly(mask, np.round(apply_transform(edge, target.matrix) * 16).astype(np.int32), 1, shift=4)
    reduced_transform = np.eye(3)
    reduced_transform[:2, 2] = outline.mean(axis=0)
    scale = compute_centre_scale(target.matrix @ transform @ reduced_transform, (1, 1))
    reduced_source = source.render(piece, (ceil(piece.width), ceil(piece.height)), min(1.0, max(scale, 1e-3)))
    matrix = target.matrix @ transform @ np.linalg.inv(reduced_source.matrix)
    source_mask = np.ones(reduced_source.pixels.shape[:2], np.uint8)
    mask &= cv2.warpPerspective(source_mask, matrix, target.size, flags=cv2.INTER_NEAREST)
    return cv2.warpPerspective(reduced_source.pixels, matrix, target.size, borderMode=cv2.BORDER_REPLICATE), mask > 0


def _to_part(piece: Piece) -> tuple[Floats, Floats, Floats]:
    """Return the transform of a piece, and its corners in the found and in the registered picture, (4, 2) each."""
    left, top, right, bottom = piece.box
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    transform = np.array(piece.transform)
    return transform, apply_transform(corners, np.linalg.inv(transform)), corners


def _warp_in_pieces(
    source: Source, target: Rendering, parts: Sequence[Sequence[Floats]]
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Warp part by part, each by its transform between the corners in the source and in the other picture."""
    canvas, mask = np.zeros_like(target.pixels), np.zeros(target.size[::-1], np.uint8)
    for transform, outline, edge in parts:
        corners = apply_transform(edge, target.matrix)
        left, top = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
        right, bottom = np.minimum(np.ceil(corners.max(axis=0)) + 1, target.size).astype(int)
        if right <= left or bottom <= top:
            continue
        window = np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]])
        size = (right - left, bottom - top)
        part = Rendering(np.zeros((*size[::-1], 3), np.uint8), window @ target.matrix)
        pixels, inside_mask = _warp(source, outline, part, transform, edge)
        canvas[top:bottom, left:right][inside_mask] = pixels[inside_mask]
        mask[top:bottom, left:right] |= inside_mask
    return canvas, mask > 0


def _to_copy(transform: Floats, found_size: Size, registered_size: Size, pieces: tuple[Piece, ...]) -> Copy:
    outline = compute_shared_outline(transform, found_size, registered_size)
    if compute_signed_area(outline) < 0:
        outline = outline[::-1]
    if len(outline):
        outline = np.roll(outline, -int(outline.sum(axis=1).argmin()), axis=0)
    return Copy(
        transform, outline, apply_transform(outline, np.linalg.inv(transform)), _find_spanning_corners(outline), pieces
    )


def _find_spanning_corners(outline: Floats) -> tuple[int, ...]:
    """Return the rows of the four points of a convex outline that span the largest area."""
    rows = range(len(outline))
    if len(outline) <= 4:
        return tuple(rows)
    return max(combinations(rows, 4), key=lambda corners: compute_signed_area(outline[list(corners)]))
