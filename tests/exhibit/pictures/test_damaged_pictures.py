"""Test that truncated files and files with a wrong checksum are decoded as far as possible."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo

from exhibit.errors import UnreadablePictureError
from exhibit.pictures import picture_file
from exhibit.pictures.decode import Limits, decode, inspect
from exhibit.pictures.metadata import read_metadata
from tests.assets.badfiles import difference, encode, generate_photo
from tests.assets.profiles import DISPLAY_P3, rgb_profile, srgb_curve

PICTURE = generate_photo(240, 160)
PIXELS = np.asarray(PICTURE)


def _png_with_metadata() -> bytes:
    texts = PngInfo()
    texts.add_text("Author", "Ann Example")
    texts.add_itxt("Title", "Waves")
    texts.add_text("Comment", "compressed", zip=True)
    exif = Image.Exif()
    exif[0x013B] = "Ann Example"
    profile = rgb_profile(srgb_curve(), DISPLAY_P3)
    return encode(PICTURE, "PNG", pnginfo=texts, exif=exif, icc_profile=profile, dpi=(72, 72))


def _chunks(data: bytes) -> list[tuple[str, int]]:
    """Return the name of each chunk of a PNG, and the offset of its checksum."""
    chunks, place = [], 8
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        chunks.append((str(data[place + 4 : place + 8], "ascii"), place + 8 + size))
        place += 12 + size
    return chunks


SOUND = _png_with_metadata()
CHECKSUMS = [(name, place) for name, place in _chunks(SOUND) if name != "IHDR"]


@pytest.mark.parametrize(("name", "place"), CHECKSUMS, ids=[name for name, _place in CHECKSUMS])
def test_png_with_wrong_checksum_is_read(name: str, place: int) -> None:
    damaged = SOUND[:place] + bytes([SOUND[place] ^ 0xFF]) + SOUND[place + 1 :]
    decoded = decode(damaged)
    assert np.array_equal(decoded.pixels, decode(SOUND).pixels)
    assert decoded.info.incomplete == (name not in {"IDAT", "IEND"})
    assert (inspect(damaged).width, inspect(damaged).height) == PICTURE.size
    assert read_metadata(damaged, Limits()).author == "Ann Example"


def test_png_fixture_has_a_chunk_of_each_common_kind() -> None:
    assert {name for name, _place in CHECKSUMS} >= {"iCCP", "tEXt", "iTXt", "zTXt", "pHYs", "eXIf", "IDAT", "IEND"}


@pytest.mark.parametrize("share", [0.95, 0.6, 0.3])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 90}),
        ("JPEG", {"quality": 90, "progressive": True}),
        ("PNG", {}),
        ("GIF", {"interlace": 0}),
        ("BMP", {}),
        ("TIFF", {}),
    ],
    ids=["JPEG", "progressive", "PNG", "GIF", "BMP", "TIFF"],
)
def test_truncated_file_is_read_as_far_as_possible(kind: str, options: dict[str, object], share: float) -> None:
    whole = encode(PICTURE, kind, **options)
    cut = whole[: int(len(whole) * share)]
    decoded = decode(cut)
    top = decode(whole).pixels[:30]
    assert decoded.pixels.shape == PIXELS.shape
    if kind != "BMP":  # BMP starts at the bottom
        assert difference(decoded.pixels[:30], top) < 16  # the first scans of a progressive JPEG are coarse
    assert decoded.info.incomplete


@pytest.mark.parametrize(("kind", "size"), [("JPEG", 600), ("PNG", 60)])
def test_truncated_file_without_visible_content_is_refused(kind: str, size: int) -> None:
    with pytest.raises(UnreadablePictureError) as refused:
        decode(encode(PICTURE, kind)[:size])
    assert refused.value.reason == "truncated"


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_undecodable_truncated_file_is_refused(kind: str) -> None:
    whole = encode(PICTURE, kind)
    with pytest.raises(UnreadablePictureError) as refused:
        decode(whole[: len(whole) * 9 // 10])
    assert refused.value.reason in {"broken", "truncated"}


def test_damaged_file_of_one_colour_is_read() -> None:
    texts = PngInfo()
    texts.add_text("Comment", "x")
    data = encode(Image.new("RGB", (9, 9), (200, 30, 30)), "PNG", pnginfo=texts)
    place = dict(_chunks(data))["tEXt"]
    decoded = decode(data[:place] + b"\0\0\0\0" + data[place + 4 :])
    assert decoded.info.incomplete
    assert (decoded.pixels == (200, 30, 30)).all()


def test_tolerant_decoding_applies_to_one_file_only() -> None:
    whole = encode(PICTURE, "JPEG")
    picture_file.decode(whole[: len(whole) // 2], Limits())
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
