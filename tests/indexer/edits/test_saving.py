import io

import numpy as np
import pytest
from PIL import Image

from exhibit.pictures.decode import decode
from indexer.edits.catalogue import Saving, create_gif_saving, create_jpeg_saving, create_webp_saving, rotate_by_exif
from tests.assets.edit_scenes import PICTURE, correlation


@pytest.mark.parametrize(
    ("saving", "suffix", "kind"),
    [
        (create_jpeg_saving(30), ".jpg", "JPEG"),
        (create_webp_saving(40), ".webp", "WEBP"),
        (create_gif_saving(64), ".gif", "GIF"),
    ],
)
def test_saved_file_has_format_of_its_suffix(saving: Saving, suffix: str, kind: str) -> None:
    with Image.open(io.BytesIO(saving.encode(PICTURE))) as image:
        assert (saving.suffix, image.format, image.size) == (suffix, kind, PICTURE.size)
        assert 0.9 < correlation(PICTURE, image) < 1


def test_lower_quality_is_smaller_and_palette_limits_colours() -> None:
    assert (
        len(create_jpeg_saving(10).encode(PICTURE))
        < len(create_jpeg_saving(70).encode(PICTURE))
        < len(create_jpeg_saving(95).encode(PICTURE))
    )
    with Image.open(io.BytesIO(create_gif_saving(16).encode(PICTURE))) as image:
        colours = image.convert("RGB").getcolors()
    assert colours is not None
    assert 2 < len(colours) <= 16


def test_exif_orientation_restores_upright_pixels() -> None:
    data = rotate_by_exif().encode(PICTURE)
    with Image.open(io.BytesIO(data)) as stored:
        assert stored.size == PICTURE.size[::-1]
    pixels = decode(data).pixels
    assert pixels.shape[1::-1] == PICTURE.size
    assert np.abs(pixels.astype(int) - np.asarray(PICTURE)).mean() < 12
