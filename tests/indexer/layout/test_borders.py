from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps

from indexer.layout.panels import find_content_box
from tests.assets.textured import encoded, textured


def test_content_inside_nested_borders_is_found() -> None:
    framed = ImageOps.expand(ImageOps.expand(textured(2), 20, "red"), (10, 15), "white")
    jpeg = Image.open(BytesIO(encoded(framed, "JPEG", 60))).convert("L")
    box = find_content_box(np.asarray(jpeg))
    assert box is not None
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((30, 35, 510, 395), abs=3)


def test_picture_without_borders_has_no_content_box() -> None:
    assert find_content_box(np.asarray(textured(2).convert("L"))) is None


def test_picture_that_is_only_border_has_no_content_box() -> None:
    assert find_content_box(np.full((100, 120), 200, np.uint8)) is None
