"""A picture that is being changed, and where each of its pixels comes from."""

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
    """A copy in the making.

    Attributes:
        pixels: RGB, uint8, shape (height, width, 3).
        origin: float32, shape (height, width, 2): x and y of the work that a pixel shows, or NaN.
    """

    pixels: Pixels
    origin: NDArray[np.float32]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def painted(self, pixels: NDArray[np.generic]) -> "Canvas":
        """The same places in other colours (0 to 255, clipped)."""
        return replace(self, pixels=np.clip(pixels, 0, 255).astype(np.uint8))

    def covered(self, pixels: NDArray[np.floating] | Pixels, alpha: Plane) -> "Canvas":
        """Something laid over it.

        Args:
            pixels: what is laid over it, broadcast to the canvas.
            alpha: how much of that is seen, 0 to 1; from 0.6 on nothing of the work is.
        """
        share = alpha[..., None]
        origin = np.where(share < 0.6, self.origin, np.nan).astype(np.float32)
        return Canvas(self.painted(self.pixels * (1 - share) + pixels * share).pixels, origin)

    def warped(self, x: Plane, y: Plane, *, mirror_edges: bool = False, fill: int = 0) -> "Canvas":
        """Each pixel of the new canvas shows what lies at (x, y) of this one.

        Args:
            x: places, of the new canvas's shape.
            y: likewise.
            mirror_edges: what lies outside shows the picture mirrored, instead of grey.
            fill: that grey.
        """
        border = cv2.BORDER_REFLECT_101 if mirror_edges else cv2.BORDER_CONSTANT
        x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
        pixels = cv2.remap(self.pixels, x, y, cv2.INTER_LINEAR, borderMode=border, borderValue=(fill,) * 3)
        origin = cv2.remap(
            self.origin, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(np.nan,) * 2
        )
        return Canvas(np.asarray(pixels), np.asarray(origin))

    def moved(self, matrix: NDArray[np.floating], size: tuple[int, int], *, fill: int = 0) -> "Canvas":
        """Through a 3×3 transform from this canvas to a new one of a size (width, height)."""
        x, y = grid(size)
        back = np.linalg.inv(matrix)
        weight = back[2, 0] * x + back[2, 1] * y + back[2, 2]
        across = (back[0, 0] * x + back[0, 1] * y + back[0, 2]) / weight
        down = (back[1, 0] * x + back[1, 1] * y + back[1, 2]) / weight
        return self.warped(across, down, fill=fill)

    def resized(self, width: float, height: float) -> "Canvas":
        """Made larger or smaller."""
        size = max(8, round(width)), max(8, round(height))
        smaller = size[0] * size[1] < self.size[0] * self.size[1]
        pixels = cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
        origin = cv2.resize(self.origin, size, interpolation=cv2.INTER_LINEAR)
        return Canvas(np.asarray(pixels), np.asarray(origin))

    def scaled(self, factor: float) -> "Canvas":
        """Both sides times a factor."""
        return self.resized(self.size[0] * factor, self.size[1] * factor)

    def cut(self, left: float, top: float, right: float, bottom: float) -> "Canvas":
        """A rectangle, in pixels; at least 8 × 8 of them."""
        x, y = round(max(0, min(left, self.size[0] - 8))), round(max(0, min(top, self.size[1] - 8)))
        across, down = slice(x, max(x + 8, round(right))), slice(y, max(y + 8, round(bottom)))
        return Canvas(self.pixels[down, across].copy(), self.origin[down, across].copy())

    def on(self, back: Pixels, left: float, top: float, alpha: Plane | None = None) -> "Canvas":
        """Pasted on another picture; what reaches beyond that is cut off.

        Args:
            back: the other picture.
            left: pixels of it.
            top: likewise.
            alpha: of this canvas's shape, how much of it is seen, 0 to 1.
        """
        height, width = back.shape[:2]
        x, y = max(0, round(left)), max(0, round(top))
        part = self.pixels[max(0, -round(top)) :, max(0, -round(left)) :][: max(0, height - y), : max(0, width - x)]
        down, across = part.shape[:2]
        rows, columns = slice(max(0, -round(top)), None), slice(max(0, -round(left)), None)
        from_work = self.origin[rows, columns][:down, :across]
        share = np.ones((down, across, 1)) if alpha is None else alpha[rows, columns][:down, :across, None]
        pixels, origin = back.copy(), nowhere(back)
        place = np.s_[y : y + down, x : x + across]
        pixels[place] = (pixels[place] * (1 - share) + part * share).astype(np.uint8)
        origin[place] = np.where(share > 0.4, from_work, np.nan)
        return Canvas(pixels, origin)


def begun(pixels: Pixels) -> Canvas:
    """The work itself, as the first canvas."""
    x, y = grid((pixels.shape[1], pixels.shape[0]))
    return Canvas(pixels, np.stack([x, y], axis=2))


def nowhere(pixels: Pixels) -> NDArray[np.float32]:
    """Origins of a picture that shows none of the work."""
    return np.full((*pixels.shape[:2], 2), np.nan, np.float32)


def grid(size: tuple[int, int]) -> tuple[Plane, Plane]:
    """X and y of each pixel of a canvas (width, height)."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
    return x, y


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """What a primitive draws from.

    Attributes:
        rng: of this one draw.
        strength: 0 for hardly to be seen, 1 for as much as still leaves the work to be recognised.
        others: pictures to stand beside, behind or before the work.
    """

    rng: np.random.Generator
    strength: float
    others: Sequence[Pixels]

    def uniform(self, low: float, high: float) -> float:
        """Any number between two."""
        return float(self.rng.uniform(low, high))

    def signed(self, low: float, high: float) -> float:
        """Any number between two, or its negative."""
        return self.uniform(low, high) * (1 if self.rng.random() < 0.5 else -1)

    def integer(self, low: int, high: int) -> int:
        """Any whole number between two, both of which may come."""
        return int(self.rng.integers(low, high + 1))

    def level(self, weak: float, strong: float) -> float:
        """A value as far between weak and strong as the strength says, a tenth more or less."""
        share = np.clip(self.strength + self.uniform(-0.1, 0.1), 0, 1)
        return float(weak + (strong - weak) * share)

    def colour(self) -> NDArray[np.float64]:
        """RGB."""
        return self.rng.uniform(0, 255, 3)

    def other(self, size: tuple[int, int]) -> Pixels:
        """Another picture, cut to a size (width, height)."""
        picture = self.others[int(self.rng.integers(len(self.others)))]
        factor = max(size[0] / picture.shape[1], size[1] / picture.shape[0])
        large = max(size[0], round(picture.shape[1] * factor)), max(size[1], round(picture.shape[0] * factor))
        way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        fitted = cv2.resize(picture, large, interpolation=way)
        left, top = self.integer(0, large[0] - size[0]), self.integer(0, large[1] - size[1])
        return np.ascontiguousarray(fitted[top : top + size[1], left : left + size[0]])

    def field(self, size: tuple[int, int], cells: int) -> Plane:
        """A smooth field of about −1 to 1, with so many hills along the longer side."""
        factor = cells / max(size)
        coarse = self.rng.standard_normal((max(2, round(size[1] * factor)), max(2, round(size[0] * factor))))
        smooth = cv2.resize(coarse.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
        return np.asarray(smooth / max(1e-6, float(np.abs(smooth).max())))
