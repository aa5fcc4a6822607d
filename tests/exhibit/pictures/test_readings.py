"""Test that files are detected that show another image in programs that read them differently."""

from io import BytesIO

import pytest
from PIL import Image, features

from exhibit.pictures.decode import Limits
from exhibit.pictures.readings import PARTS_READ_DIFFERENTLY, PROFILE_IGNORED, SHOWN_ON_DARK_PAGE, find_other_readings
from tests.assets.ambiguous_pictures import (
    background_dependent_file,
    colour_dependent_file,
    insert_chunk,
    with_misnumbered_profile,
)
from tests.assets.profiles import ADOBE_RGB, DISPLAY_P3, inks, rgb_profile, table_profile
from tests.assets.textured import encoded, textured

FIRST, OTHER = textured(1), textured(9)


def messages(data: bytes) -> list[str]:
    """Return the programs in which a file shows another image."""
    return [reading.description for reading in find_other_readings(data, Limits())]


def encode_picture(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Encode an image."""
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def emblem() -> bytes:
    """Return a transparent drawing in dark colours."""
    picture = Image.new("RGBA", (400, 300))
    picture.paste(textured(3, (200, 200)), (100, 50))
    return encoded(picture)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_file_with_different_picture_without_profile_is_reported(kind: str) -> None:
    assert messages(colour_dependent_file(FIRST, OTHER, kind)) == [PROFILE_IGNORED]


def test_file_with_different_picture_on_dark_page_is_reported() -> None:
    (reading,) = find_other_readings(background_dependent_file(FIRST, OTHER), Limits())
    assert reading.is_common
    assert reading.description == SHOWN_ON_DARK_PAGE


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (insert_chunk(encoded(FIRST), b"gAMA", b"\0\0\xb1\x8f"), ""),
        (insert_chunk(insert_chunk(encoded(FIRST), b"gAMA", b"\0\0\xb1\x8f"), b"gAMA", b"\0\1\0\0"), "gAMA"),
        (insert_chunk(encode_picture(FIRST, "PNG", transparency=(9, 9, 9)), b"tRNS", bytes(6)), "tRNS"),
        (insert_chunk(encoded(FIRST), b"tRNS", bytes(6), before=b"IEND"), "tRNS"),
        (insert_chunk(encoded(FIRST.quantize(8)), b"tRNS", b"\0", before=b"PLTE"), "PLTE"),
        (insert_chunk(encoded(FIRST), b"gAMA", b"\0\0\xb1\x8f").replace(b"gAMA\0\0\xb1", b"gAMA\0\1\xb1"), "gAMA"),
        (with_misnumbered_profile(FIRST), "ICC_PROFILE"),
    ],
)
def test_duplicate_or_misplaced_statements_are_reported(data: bytes, what: str) -> None:
    expected = [PARTS_READ_DIFFERENTLY.format(what)] if what else []
    assert messages(data)[: len(expected) or None] == expected


@pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without AVIF.")
def test_avif_crop_rectangle_is_reported() -> None:
    data = encoded(FIRST, "AVIF")
    clap = b"\0\0\0\x28clap" + bytes(32)
    assert messages(data) == []
    assert messages(data + clap) == [PARTS_READ_DIFFERENTLY.format("clap")]


@pytest.mark.parametrize(
    "options",
    [
        {"icc_profile": rgb_profile(2.2, ADOBE_RGB)},
        {"icc_profile": rgb_profile(1.8, DISPLAY_P3, version=4)},
        {"icc_profile": b""},
    ],
)
def test_usual_pictures_have_no_warnings(options: dict[str, bytes]) -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        assert messages(encode_picture(FIRST, kind, **options)) == []


def test_press_pictures_and_emblems_have_no_warnings() -> None:
    profile = table_profile(b"CMYK", inks, 9)
    assert messages(encode_picture(FIRST.convert("CMYK"), "JPEG", icc_profile=profile)) == []
    assert messages(emblem()) == []
