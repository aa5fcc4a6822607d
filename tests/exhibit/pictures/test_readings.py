"""Test that files are detected that show another image in programs that read them differently."""

from io import BytesIO

import pytest
from PIL import Image, features

from exhibit.pictures.decode import Limits
from exhibit.pictures.readings import IN_DOUBT, ON_DARK_PAGE, WITHOUT_PROFILE, other_readings
from tests.assets.profiles import ADOBE_RGB, DISPLAY_P3, inks, rgb_profile, table_profile
from tests.assets.read_otherwise import (
    by_colours,
    by_ground,
    with_chunk_again,
    with_misnumbered_profile,
)
from tests.assets.textured import encoded, textured

ONE, OTHER = textured(1), textured(9)


def told(data: bytes) -> list[str]:
    """Return the programs in which a file shows another image."""
    return [reading.words for reading in other_readings(data, Limits())]


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
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
def test_what_shows_one_picture_by_its_profile_and_another_without_is_told(kind: str) -> None:
    assert told(by_colours(ONE, OTHER, kind)) == [WITHOUT_PROFILE]


def test_what_shows_another_picture_on_a_dark_page_is_told_as_usual() -> None:
    (reading,) = other_readings(by_ground(ONE, OTHER), Limits())
    assert reading.usual
    assert reading.words == ON_DARK_PAGE


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (with_chunk_again(encoded(ONE), b"gAMA", b"\0\0\xb1\x8f"), ""),
        (with_chunk_again(with_chunk_again(encoded(ONE), b"gAMA", b"\0\0\xb1\x8f"), b"gAMA", b"\0\1\0\0"), "gAMA"),
        (with_chunk_again(saved(ONE, "PNG", transparency=(9, 9, 9)), b"tRNS", bytes(6)), "tRNS"),
        (with_chunk_again(encoded(ONE), b"tRNS", bytes(6), before=b"IEND"), "tRNS"),
        (with_chunk_again(encoded(ONE.quantize(8)), b"tRNS", b"\0", before=b"PLTE"), "PLTE"),
        (with_chunk_again(encoded(ONE), b"gAMA", b"\0\0\xb1\x8f").replace(b"gAMA\0\0\xb1", b"gAMA\0\1\xb1"), "gAMA"),
        (with_misnumbered_profile(ONE), "ICC_PROFILE"),
    ],
)
def test_what_a_file_states_twice_or_out_of_place_is_named(data: bytes, what: str) -> None:
    expected = [IN_DOUBT.format(what)] if what else []
    assert told(data)[: len(expected) or None] == expected


@pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without AVIF.")
def test_a_rectangle_to_which_an_avif_is_cut_is_named() -> None:
    data = encoded(ONE, "AVIF")
    clap = b"\0\0\0\x28clap" + bytes(32)
    assert told(data) == []
    assert told(data + clap) == [IN_DOUBT.format("clap")]


@pytest.mark.parametrize(
    "options",
    [
        {"icc_profile": rgb_profile(2.2, ADOBE_RGB)},
        {"icc_profile": rgb_profile(1.8, DISPLAY_P3, version=4)},
        {"icc_profile": b""},
    ],
)
def test_of_usual_pictures_nothing_is_told(options: dict[str, bytes]) -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        assert told(saved(ONE, kind, **options)) == []


def test_of_a_picture_for_the_press_and_of_an_emblem_nothing_is_told() -> None:
    profile = table_profile(b"CMYK", inks, 9)
    assert told(saved(ONE.convert("CMYK"), "JPEG", icc_profile=profile)) == []
    assert told(emblem()) == []
