import io

from PIL import Image

from exhibit.pictures.thumbnails import (
    MAX_THUMBNAIL_BYTES,
    THUMBNAIL_SIDE,
    build_thumbnail_exif,
    create_small_jpeg,
    read_thumbnail,
)
from tests.assets.badfiles import generate_photo


def test_thumbnail_round_trips_through_its_file() -> None:
    picture = generate_photo(1200, 800)
    small = create_small_jpeg(picture, THUMBNAIL_SIDE)
    assert small == create_small_jpeg(picture, THUMBNAIL_SIDE)
    assert Image.open(io.BytesIO(small)).size == (400, 267)
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=build_thumbnail_exif(small))
    assert read_thumbnail(out.getvalue()) == small
    assert Image.open(io.BytesIO(out.getvalue())).size == (1200, 800)


def test_small_picture_is_not_enlarged() -> None:
    assert Image.open(io.BytesIO(create_small_jpeg(generate_photo(96, 64), THUMBNAIL_SIDE))).size == (96, 64)


def test_oversized_thumbnail_is_omitted() -> None:
    assert build_thumbnail_exif(b"\xff\xd8" + bytes(MAX_THUMBNAIL_BYTES)) == b""


def test_missing_or_damaged_thumbnail_is_not_returned() -> None:
    plain, out = create_small_jpeg(generate_photo(), 96), io.BytesIO()
    generate_photo().save(out, "JPEG", exif=build_thumbnail_exif(b"GIF89a" + bytes(50)))
    for data in (plain, b"", b"no picture", out.getvalue(), out.getvalue()[:60]):
        assert read_thumbnail(data) is None
