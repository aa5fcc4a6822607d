"""A generated image for editing, and a measure of similarity."""

from functools import cache
from random import Random

import numpy as np
from PIL import Image

from indexer.edits.scene import Scene
from tests.assets.textured import textured

SIZE = (240, 180)
PICTURE = textured(1, SIZE)


def compose_scene(seed: int = 3, picture: Image.Image = PICTURE) -> Scene:
    """Return the image with two others for edits that need them; equal seeds give equal random choices."""
    return Scene(picture, _other_pictures(), Random(seed))


def correlation(first: Image.Image, other: Image.Image) -> float:
    """Return the correlation of two images, greyscale and reduced: 1 for equal images, regardless of finer detail."""
    small = (each.convert("L").resize((60, 45), Image.Resampling.BOX) for each in (first, other))
    values = [np.asarray(each, np.float64).ravel() for each in small]
    return float(np.asarray(np.corrcoef(values))[0, 1])


def quarters() -> Image.Image:
    """Return four levels of grey in this order, darkest first: top left, top right, bottom left, bottom right."""
    levels = np.array([[30, 90], [150, 220]], np.uint8)
    return Image.fromarray(np.kron(levels, np.ones((90, 120), np.uint8))).convert("RGB")


def has_ordered_quarters(picture: Image.Image) -> bool:
    """Return True if the centre of each quarter is clearly lighter than the one before, as in :func:`quarters`."""
    grey = np.asarray(picture.convert("L").resize((8, 8), Image.Resampling.BOX), np.int16)
    levels = [int(grey[row : row + 2, column : column + 2].mean()) for row in (1, 5) for column in (1, 5)]
    return bool((np.diff(levels) > 10).all())


@cache
def _other_pictures() -> tuple[Image.Image, ...]:
    return textured(2, SIZE), textured(3, SIZE)
