"""A picture as everybody in the comparison sees it."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.pictures.decode import decode
from indexer.picture.features import Features, extract


class Look:
    """One file, read for Exhibit and for its peers, each when it is first asked.

    The peers see it in full size as Exhibit decodes it, so that no strange format or turned camera counts against them.

    Args:
        data: bytes of the file.
        measured: gives Exhibit's features where they are kept; measured anew unless told otherwise.
    """

    def __init__(self, data: bytes, measured: Callable[[], Features] | None = None) -> None:
        self.data = data
        self._measured = measured or (lambda: extract(data))

    @cached_property
    def features(self) -> Features:
        """What Exhibit measures."""
        return self._measured()

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """RGB, uint8, shape (height, width, 3)."""
        return decode(self.data).pixels

    @cached_property
    def image(self) -> Image.Image:
        """The same for Pillow."""
        return Image.fromarray(self.pixels)
