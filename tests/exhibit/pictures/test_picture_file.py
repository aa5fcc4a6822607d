import warnings
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from exhibit.errors import UnreadablePictureError
from exhibit.pictures import picture_file
from exhibit.pictures.decode import Limits, decode, inspect
from tests.assets.badfiles import (
    BAD_FILES,
    blank_then_photo,
    difference,
    encode,
    encode_with_orientation,
    generate_photo,
    png,
    png_header,
)

PHOTO = np.asarray(generate_photo())


def test_icon_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    for name in ("pixel_bomb.ico", "large_pixel_bomb.ico", "bitmap_bomb.ico"):
        with pytest.raises(UnreadablePictureError) as refused:
            picture_file.decode(next(bad for bad in BAD_FILES if bad.name == name).make(), Limits())
        assert refused.value.reason == "too-many-pixels"


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, PHOTO), (2, PHOTO[:, ::-1]), (3, PHOTO[::-1, ::-1]), (4, PHOTO[::-1]),
        (5, PHOTO.transpose(1, 0, 2)), (6, np.rot90(PHOTO, -1)), (7, PHOTO.transpose(1, 0, 2)[::-1, ::-1]),
        (8, np.rot90(PHOTO, 1)),
    ],
)  # fmt: skip
def test_orientation_is_applied(orientation: int, turned: NDArray[np.uint8]) -> None:
    picture = decode(encode_with_orientation(generate_photo(), orientation))
    assert (picture.info.height, picture.info.width) == turned.shape[:2]
    assert difference(picture.pixels, turned) < 6


def test_orientation_matches_pillow() -> None:
    from PIL import ImageOps

    for orientation in range(1, 9):
        data = encode_with_orientation(generate_photo(), orientation)
        with Image.open(BytesIO(data)) as opened:
            expected = np.asarray(ImageOps.exif_transpose(opened))
        assert np.array_equal(decode(data).pixels, expected)


def test_first_frame_with_content_is_used() -> None:
    picture = decode(blank_then_photo())
    assert picture.info.frames == 2
    assert difference(picture.pixels, PHOTO) < 20


def test_still_picture_that_is_not_part_of_the_animation_is_skipped() -> None:
    still = Image.linear_gradient("L").resize((96, 64)).convert("RGB")
    data = encode(still, "PNG", save_all=True, default_image=True, append_images=[generate_photo(), still])
    assert np.array_equal(decode(data).pixels, PHOTO)
    blank = Image.new("RGB", still.size, "white")
    data = encode(still, "PNG", save_all=True, default_image=True, append_images=[blank])
    assert np.array_equal(decode(data).pixels, np.asarray(still))


def test_damage_after_a_complete_frame_does_not_prevent_decoding() -> None:
    data = blank_then_photo()
    assert decode(data[: len(data) // 2]).pixels.shape == (64, 96, 3)


def test_memory_intensive_formats_have_lower_pixel_limit() -> None:
    limits = Limits(max_pixels=10_000)
    assert decode(encode(generate_photo(100, 100), "JPEG"), limits).info.width == 100
    for kind in ("WEBP", "GIF", "TIFF", "JPEG"):
        with pytest.raises(UnreadablePictureError) as refused:
            inspect(encode(generate_photo(100, 100), kind, progressive=True), limits)
        assert refused.value.reason == "too-many-pixels"


def test_decoding_leaves_no_warning_filters() -> None:
    pages = encode(generate_photo(), "TIFF").replace(b"\x00\x01\x03\x00", b"\x00\x01\x0c\x00", 1)
    huge = png(png_header(9500, 9500), (b"acTL", bytes(8)), (b"IDAT", b"\x00"), (b"IEND", b""))
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for data in (pages, huge):
            with suppress(UnreadablePictureError):
                picture_file.decode(data, Limits())
        assert caught == []
        with pytest.warns(UserWarning, match="APNG"), Image.open(BytesIO(huge)):
            pass
    assert list(warnings.filters) == before
