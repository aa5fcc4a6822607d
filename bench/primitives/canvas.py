"""Canvas: a picture that records the origin of each pixel while it is changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from indexer.layout.single_thread import cv2

Pixels = NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""
Plane = NDArray[np.float32]
"""Shape (height, width)."""


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A copy being created.

    Attributes:
        pixels: RGB, uint8, shape (height, width, 3).
        origin: float32, shape (height, width, 2): x and y of the position in the work that a pixel shows, or NaN.
    """

    pixels: Pixels
    origin: NDArray[np.float32]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def with_pixels(self, pixels: NDArray[np.generic]) -> "Canvas":
        """Return the canvas with other colours (0 to 255, clipped) and the same origins."""
        return replace(self, pixels=np.clip(pixels, 0, 255).astype(np.uint8))

    def overlay(self, pixels: NDArray[np.floating] | Pixels, alpha: Plane) -> "Canvas":
        """Overlay pixels.

        Args:
            pixels: Overlay, broadcast to the canvas.
            alpha: Opacity of the overlay, 0 to 1. From 0.6, the work counts as hidden.
        """
        opacity = alpha[..., None]
        origin = np.where(opacity < 0.6, self.origin, np.nan).astype(np.float32)
        return Canvas(self.with_pixels(self.pixels * (1 - opacity) + pixels * opacity).pixels, origin)

    def warp(self, x: Plane, y: Plane, *, mirror_edges: bool = False, fill: int = 0) -> "Canvas":
        """Return a new canvas whose pixels show the points (x, y) of this one.

        Args:
            x: x coordinates, in the shape of the new canvas.
            y: y coordinates, in the same shape.
            mirror_edges: Mirror the picture outside its borders, instead of filling with grey.
            fill: Grey level outside the borders.
        """
        border = cv2.BORDER_REFLECT_101 if mirror_edges else cv2.BORDER_CONSTANT
        x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
        pixels = cv2.remap(self.pixels, x, y, cv2.INTER_LINEAR, borderMode=border, borderValue=(fill,) * 3)
        origin = cv2.remap(
            self.origin, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(np.nan,) * 2
        )
        return Canvas(np.asarray(pixels), np.asarray(origin))

    def transform(self, matrix: NDArray[np.floating], size: tuple[int, int], *, fill: int = 0) -> "Canvas":
        """Apply a 3×3 transform from this canvas to a new one of a size (width, height)."""
        x, y = create_grid(size)
        inverse = np.linalg.inv(matrix)
        weight = inverse[2, 0] * x + inverse[2, 1] * y + inverse[2, 2]
        source_x = (inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2]) / weight
        source_y = (inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2]) / weight
        return self.warp(source_x, source_y, fill=fill)

    def resize(self, width: float, height: float) -> "Canvas":
        """Resize to a width and height in pixels, at least 8 × 8."""
        size = max(8, round(width)), max(8, round(height))
        smaller = size[0] * size[1] < self.size[0] * self.size[1]
        pixels = cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
        origin = cv2.resize(self.origin, size, interpolation=cv2.INTER_LINEAR)
        return Canvas(np.asarray(pixels), np.asarray(origin))

    def scale(self, factor: float) -> "Canvas":
        """Scale both sides by a factor."""
        return self.resize(self.size[0] * factor, self.size[1] * factor)

    def crop(self, left: float, top: float, right: float, bottom: float) -> "Canvas":
        """Crop to a rectangle in pixels, at least 8 × 8."""
        x, y = round(max(0, min(left, self.size[0] - 8))), round(max(0, min(top, self.size[1] - 8)))
        column_range, row_range = slice(x, max(x + 8, round(right))), slice(y, max(y + 8, round(bottom)))
        return Canvas(self.pixels[row_range, column_range].copy(), self.origin[row_range, column_range].copy())

    def paste_onto(self, background: Pixels, left: float, top: float, alpha: Plane | None = None) -> "Canvas":
        """Paste onto another picture, cropping the excess.

        Args:
            background: The other picture.
            left: x position in it, in pixels.
            top: y position in it, in pixels.
            alpha: Opacity of this canvas, in its shape, 0 to 1.
        """
        height, width = background.shape[:2]
        x, y = max(0, round(left)), max(0, round(top))
        part = self.pixels[max(0, -round(top)) :, max(0, -round(left)) :][: max(0, height - y), : max(0, width - x)]
        visible_height, visible_width = part.shape[:2]
        rows, columns = slice(max(0, -round(top)), None), slice(max(0, -round(left)), None)
        work_origin = self.origin[rows, columns][:visible_height, :visible_width]
        opacity = (
            np.ones((visible_height, visible_width, 1))
            if alpha is None
            else alpha[rows, columns][:visible_height, :visible_width, None]
        )
        pixels, origin = background.copy(), create_empty_origins(background)
        target = np.s_[y : y + visible_height, x : x + visible_width]
        pixels[target] = (pixels[target] * (1 - opacity) + part * opacity).astype(np.uint8)
        origin[target] = np.where(opacity > 0.4, work_origin, np.nan)
        return Canvas(pixels, origin)


def canvas_from_pixels(pixels: Pixels) -> Canvas:
    """Return the initial canvas, which shows the work itself."""
    x, y = create_grid((pixels.shape[1], pixels.shape[0]))
    return Canvas(pixels, np.stack([x, y], axis=2))


def create_empty_origins(pixels: Pixels) -> NDArray[np.float32]:
    """Return the origins of a picture that does not show the work."""
    return np.full((*pixels.shape[:2], 2), np.nan, np.float32)


def create_grid(size: tuple[int, int]) -> tuple[Plane, Plane]:
    """Return x and y of each pixel of a canvas (width, height)."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
    return x, y


@dataclass(frozen=True, slots=True, eq=False)
class RandomSource:
    """Random source of a primitive.

    Attributes:
        generator: Random number generator.
        strength: Strength of the change: 0 is barely visible; at 1, the work is just recognisable.
        neighbours: Pictures to place next to, behind or in front of the work.
    """

    generator: np.random.Generator
    strength: float
    neighbours: Sequence[Pixels]

    def draw_uniform(self, low: float, high: float) -> float:
        """Return a random number between two limits."""
        return float(self.generator.uniform(low, high))

    def draw_signed(self, low: float, high: float) -> float:
        """Return a random number between two limits, with a random sign."""
        return self.draw_uniform(low, high) * (1 if self.generator.random() < 0.5 else -1)

    def draw_integer(self, low: int, high: int) -> int:
        """Return a random integer between two limits, both included."""
        return int(self.generator.integers(low, high + 1))

    def draw_level(self, weak: float, strong: float) -> float:
        """Return a value between ``weak`` and ``strong`` for the strength, which is varied by at most 0.1."""
        fraction = np.clip(self.strength + self.draw_uniform(-0.1, 0.1), 0, 1)
        return float(weak + (strong - weak) * fraction)

    def draw_colour(self) -> NDArray[np.float64]:
        """Return a random RGB colour."""
        return self.generator.uniform(0, 255, 3)

    def draw_neighbour(self, size: tuple[int, int]) -> Pixels:
        """Return another picture, cropped to a size (width, height)."""
        picture = self.neighbours[int(self.generator.integers(len(self.neighbours)))]
        factor = max(size[0] / picture.shape[1], size[1] / picture.shape[0])
        large = max(size[0], round(picture.shape[1] * factor)), max(size[1], round(picture.shape[0] * factor))
        interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        fitted = cv2.resize(picture, large, interpolation=interpolation)
        x, y = self.draw_integer(0, large[0] - size[0]), self.draw_integer(0, large[1] - size[1])
        return np.ascontiguousarray(fitted[y : y + size[1], x : x + size[0]])

    def draw_field(self, size: tuple[int, int], cells: int) -> Plane:
        """Return a smooth random field from about −1 to 1, with ``cells`` cells along the longer side."""
        factor = cells / max(size)
        coarse = self.generator.standard_normal((max(2, round(size[1] * factor)), max(2, round(size[0] * factor))))
        smooth = cv2.resize(coarse.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
        return np.asarray(smooth / max(1e-6, float(np.abs(smooth).max())))
