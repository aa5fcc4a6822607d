"""Test that images in documents are limited in size, embedded once, and reported if they cannot be shown."""

import io
from collections.abc import Mapping

import pytest
from PIL import Image

from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.documents.typeset.pictures import Album, shrunk
from exhibit.errors import UnreadablePictureError
from exhibit.pictures.thumbnails import THUMBNAIL_SIDE, exif_with, small_jpeg
from tests.assets.documents_sample import encoded, landscape, part, sample_case
from tests.assets.pdf_text import text_of


def test_pictures_are_bounded_and_set_once() -> None:
    data = encoded(landscape(3))
    album = Album(side=320)
    assert album.place(data) == album.place(bytes(data))
    (file,) = album.files
    with Image.open(io.BytesIO(file.data)) as small:
        assert small.format == "JPEG"
        assert max(small.size) == 320


def test_only_a_drawing_is_shown_by_the_thumbnail_that_it_carries() -> None:
    other = small_jpeg(Image.new("RGB", (90, 60), "red"), 400)
    whole = io.BytesIO()
    landscape(3).save(whole, "JPEG", exif=exif_with(other))
    for is_drawing in (True, False):
        album = Album(THUMBNAIL_SIDE)
        album.place(whole.getvalue(), drawing=is_drawing)
        assert (album.files[0].data == other) is is_drawing


def test_a_drawing_that_was_made_small_is_shown_as_it_is() -> None:
    small = small_jpeg(landscape(3), THUMBNAIL_SIDE)
    for is_drawing in (True, False):
        album = Album(THUMBNAIL_SIDE)
        album.place(small, drawing=is_drawing)
        assert (album.files[0].data == small) is is_drawing


def test_a_small_picture_is_not_made_larger() -> None:
    with Image.open(io.BytesIO(shrunk(encoded(Image.new("RGB", (40, 30))), 320))) as small:
        assert small.size == (40, 30)


def test_a_damaged_picture_leaves_a_document_that_says_so(pictures: Mapping[str, bytes]) -> None:
    broken = {**pictures, "data/matches/01/overlay.jpg": b"not a picture"}
    assert part("picture.unreadable") in " ".join(text_of(render_exhibit_sheet(sample_case(), broken, "en")).split())
    album = Album(320)
    for _ in range(2):
        with pytest.raises(UnreadablePictureError):
            album.place(b"not a picture")
    assert album.files == ()


def test_small_pictures_are_remembered_by_digest_and_the_large_ones_are_not_kept() -> None:
    data = encoded(Image.new("RGB", (400, 300), "red"))
    small = shrunk(data, 100)
    assert shrunk(bytes(bytearray(data)), 100) is small
    assert shrunk(data, 50) is not small
    for shade in range(70):
        shrunk(encoded(Image.new("RGB", (40, 30), (shade, 0, 0)), "PNG"), 20)
    again = shrunk(data, 100)
    assert again == small
    assert again is not small  # dropped from the cache in between
