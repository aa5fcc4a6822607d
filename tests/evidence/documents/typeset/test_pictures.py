"""Test that images in documents are limited in size, embedded once, and reported if they cannot be shown."""

import io
from collections.abc import Mapping

import pytest
from PIL import Image

from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.documents.typeset.pictures import Album, reduce_picture
from exhibit.errors import UnreadablePictureError
from exhibit.pictures.thumbnails import THUMBNAIL_SIDE, build_thumbnail_exif, create_small_jpeg
from tests.assets.documents_sample import encoded, landscape, part, sample_case
from tests.assets.pdf_text import text_of


def test_pictures_are_limited_and_deduplicated() -> None:
    data = encoded(landscape(3))
    album = Album(side=320)
    assert album.add_picture(data) == album.add_picture(bytes(data))
    (file,) = album.files
    with Image.open(io.BytesIO(file.data)) as small:
        assert small.format == "JPEG"
        assert max(small.size) == 320


def test_embedded_thumbnail_is_used_only_for_drawings() -> None:
    other = create_small_jpeg(Image.new("RGB", (90, 60), "red"), 400)
    whole = io.BytesIO()
    landscape(3).save(whole, "JPEG", exif=build_thumbnail_exif(other))
    for is_drawing in (True, False):
        album = Album(THUMBNAIL_SIDE)
        album.add_picture(whole.getvalue(), drawing=is_drawing)
        assert (album.files[0].data == other) is is_drawing


def test_small_drawing_is_embedded_unchanged() -> None:
    small = create_small_jpeg(landscape(3), THUMBNAIL_SIDE)
    for is_drawing in (True, False):
        album = Album(THUMBNAIL_SIDE)
        album.add_picture(small, drawing=is_drawing)
        assert (album.files[0].data == small) is is_drawing


def test_small_picture_is_not_enlarged() -> None:
    with Image.open(io.BytesIO(reduce_picture(encoded(Image.new("RGB", (40, 30))), 320))) as small:
        assert small.size == (40, 30)


def test_damaged_picture_is_reported_in_document(pictures: Mapping[str, bytes]) -> None:
    broken = {**pictures, "data/matches/01/overlay.jpg": b"not a picture"}
    assert part("picture.unreadable") in " ".join(text_of(render_exhibit_sheet(sample_case(), broken, "en")).split())
    album = Album(320)
    for _ in range(2):
        with pytest.raises(UnreadablePictureError):
            album.add_picture(b"not a picture")
    assert album.files == ()


def test_only_small_pictures_are_cached() -> None:
    data = encoded(Image.new("RGB", (400, 300), "red"))
    small = reduce_picture(data, 100)
    assert reduce_picture(bytes(bytearray(data)), 100) is small
    assert reduce_picture(data, 50) is not small
    for shade in range(70):
        reduce_picture(encoded(Image.new("RGB", (40, 30), (shade, 0, 0)), "PNG"), 20)
    again = reduce_picture(data, 100)
    assert again == small
    assert again is not small  # dropped from the cache in between
