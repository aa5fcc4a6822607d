"""The eight orientations of a picture by rotation and mirroring, as numbers, with their transforms.

An orientation has three bits: 4 transposes the picture (swaps x and y), then 2 turns it upside down, then 1 mirrors it
left to right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ORIENTATIONS = range(8)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a picture in its own pixels: edges, right and bottom excluded."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.bottom - self.top

    @property
    def rounded_edges(self) -> tuple[int, int, int, int]:
        """Edges in whole pixels."""
        return round(self.left), round(self.top), round(self.right), round(self.bottom)

    def scale_by(self, across: float, down: float) -> "Box":
        """Return the same rectangle for a picture of another size."""
        return Box(self.left * across, self.top * down, self.right * across, self.bottom * down)

    def compute_intersection_over_union(self, other: "Box") -> float:
        """Compute the intersection over union with another rectangle, 0 to 1."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        shared = max(0.0, width) * max(0.0, height)
        return shared / (self.width * self.height + other.width * other.height - shared)


def compute_alignment(orientation: int, source: Box, target: Box) -> NDArray[np.float64]:
    """Return the transform that maps one rectangle to another, with an orientation.

    It is 3×3 float64, from source to target pixel coordinates, pixel centres at whole numbers.
    """
    centre = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    unit = np.array(
        [
            [1 / source.width, 0, -source.left / source.width],
            [0, 1 / source.height, -source.top / source.height],
            [0, 0, 1],
        ]
    )
    rotation = np.eye(3)
    if orientation & 4:
        rotation = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])
    if orientation & 2:
        rotation = np.array([[1.0, 0, 0], [0, -1, 1], [0, 0, 1]]) @ rotation
    if orientation & 1:
        rotation = np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]]) @ rotation
    fill = np.array([[target.width, 0, target.left], [0, target.height, target.top], [0, 0, 1]])
    return np.asarray(np.linalg.inv(centre) @ fill @ rotation @ unit @ centre)
