import io

from PIL import Image

from exhibit.pictures.thumbnails import LARGEST, THUMBNAIL_SIDE, exif_with, small_jpeg, thumbnail_of
from tests.assets.badfiles import generate_photo


def test_a_thumbnail_comes_back_out_of_the_file_that_carries_it() -> None:
    picture = generate_photo(1200, 800)
    small = small_jpeg(picture, THUMBNAIL_SIDE)
    assert small == small_jpeg(picture, THUMBNAIL_SIDE)
    assert Image.open(io.BytesIO(small)).size == (400, 267)
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif_with(small))
    assert thumbnail_of(out.getvalue()) == small
    assert Image.open(io.BytesIO(out.getvalue())).size == (1200, 800)


def test_a_small_picture_is_not_made_larger() -> None:
    assert Image.open(io.BytesIO(small_jpeg(generate_photo(96, 64), THUMBNAIL_SIDE))).size == (96, 64)


def test_one_that_is_too_large_for_its_segment_is_left_out() -> None:
    assert exif_with(b"\xff\xd8" + bytes(LARGEST)) == b""


def test_a_file_without_one_or_a_damaged_one_has_none() -> None:
    plain, out = small_jpeg(generate_photo(), 96), io.BytesIO()
    generate_photo().save(out, "JPEG", exif=exif_with(b"GIF89a" + bytes(50)))
    for data in (plain, b"", b"no picture", out.getvalue(), out.getvalue()[:60]):
        assert thumbnail_of(data) is None
