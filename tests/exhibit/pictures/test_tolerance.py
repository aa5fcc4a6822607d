"""What is damaged beside the pixels hides no picture: it is measured as browsers show it, and said to be damaged."""

import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exhibit.pictures.decode import Limits, decode
from exhibit.pictures.metadata import DAMAGED, read_metadata
from tests.assets.badfiles import photo, saved
from tests.assets.browser import CHROMIUM, running_tab
from tests.assets.damaged_pictures import damaged_pictures
from tests.exhibit.pictures.test_as_browsers_show import SHOW
from tests.fuzz.against_chromium import difference_of

ARTIST = 0x013B
KNOWN = {
    "png-rgb-iCCP-one-short": "another picture",  # the profile is whole but for its checksum
    "ico-png-cut-1934": "refused: truncated",
    "ico-dib-header-14-1": "another picture",
    "ico-dib-header-14-2": "refused: broken",
    "webp-moving-ANMF-3-last": "another picture",  # the browser begins with the first frame, the second stands longest
}
"""Differences of formats that have few of them."""


@cache
def _files() -> dict[str, bytes]:
    return dict(damaged_pictures())


@pytest.mark.parametrize("kind", ["rgb", "palette", "grey"])
@pytest.mark.parametrize("damage", ["crc", "crc-behind-pixels", "crc-and-junk", "twice-crc"])
def test_a_wrong_checksum_of_no_ancillary_chunk_hides_a_png(kind: str, damage: str) -> None:
    files, tried = _files(), 0
    whole = decode(files[f"png-{kind}-prVt-sound"]).pixels
    for name, data in files.items():
        chunk = name.removeprefix(f"png-{kind}-").partition("-")[0]
        if name == f"png-{kind}-{chunk}-{damage}" and chunk[0].islower() and chunk != "fdAT":
            shown = decode(data)
            expected = decode(files[f"png-{kind}-{chunk}-sound"]).pixels if damage == "twice-crc" else whole
            assert np.array_equal(shown.pixels, expected), name
            assert shown.info.incomplete or damage == "crc-behind-pixels", name
            tried += 1
    assert tried > 20


@pytest.mark.parametrize(
    "name",
    [
        "png-rgb-gAMA-half", "png-rgb-pHYs-one-byte", "png-rgb-cHRM-one-short", "png-rgb-iCCP-junk",
        "png-grey-tRNS-empty", "png-rgb-acTL-half", "jpeg-plain-Adobe-half", "jpeg-plain-Photoshop-half",
        "ico-png-text-crc", "ico-dib-cut-20",
    ],
)  # fmt: skip
def test_a_short_or_odd_part_is_passed_over_with_a_remark(name: str) -> None:
    data = _files()[name]
    shown = decode(data)
    assert shown.info.incomplete
    assert shown.pixels.std() > 20
    read_metadata(data, Limits())


@pytest.mark.parametrize(
    "name",
    [
        "jpeg-plain-TEM-sound", "gif-still-unknown-first-empty", "gif-moving-loop-first-of-12",
        "avif-still-ftyp-0-byte-8-0", "ico-dib-2-2",
    ],
)  # fmt: skip
def test_what_only_pillow_minds_is_no_damage(name: str) -> None:
    shown = decode(_files()[name])
    assert not shown.info.incomplete
    assert shown.pixels.std() > 20


def test_a_profile_counts_wherever_it_stands_before_the_scan_and_once() -> None:
    files = _files()
    first = decode(files["jpeg-plain-ICC-sound"]).pixels
    assert not np.array_equal(first, decode(files["jpeg-plain-COM-sound"]).pixels)
    for name in ("jpeg-plain-ICC-last", "jpeg-plain-ICC-twice"):
        assert np.array_equal(decode(files[name]).pixels, first), name


def test_a_profile_of_an_animated_webp_is_passed_over_as_browsers_do() -> None:
    files = _files()
    with_profile, without = (decode(files[f"webp-moving-ICCP-1-{name}"]).pixels for name in ("sound", "missing"))
    assert np.array_equal(with_profile, without)


@pytest.mark.parametrize("size", [12, 13])
def test_a_profile_segment_without_its_numbers_is_passed_over(size: int) -> None:
    whole = saved(photo(120, 80), "JPEG")
    segment = b"ICC_PROFILE\0\1"[:size]
    shown = decode(whole[:2] + struct.pack(">2sH", b"\xff\xe2", 2 + size) + segment + whole[2:])
    assert np.array_equal(shown.pixels, decode(whole).pixels)
    assert shown.info.incomplete


def test_more_levels_of_transparency_than_colours_are_passed_over() -> None:
    whole = saved(photo(120, 80).quantize(64), "PNG")
    chunk = b"tRNS" + b"\xff" * 300
    place = whole.index(b"IDAT") - 4
    checksum = struct.pack(">I", zlib.crc32(chunk))
    shown = decode(whole[:place] + struct.pack(">I", 300) + chunk + checksum + whole[place:])
    assert np.array_equal(shown.pixels, decode(whole).pixels)
    assert shown.info.incomplete


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("head", [b"XX*\0", bytes(4), b"\xff\xff\xff\xff"])
def test_an_exif_block_that_cannot_be_read_hides_no_avif(head: bytes, frames: int) -> None:
    exif = Image.Exif()
    exif[ARTIST] = "Ann Example"
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    more = [photo(120, 80).rotate(180)] * (frames - 1)
    whole = saved(photo(120, 80), "AVIF", exif=exif, save_all=frames > 1, append_images=more)
    damaged = whole.replace(block, head + block[4:])
    shown = decode(damaged)
    assert np.array_equal(shown.pixels, decode(whole).pixels)
    assert shown.info.incomplete
    assert [(one.block, one.reason) for one in read_metadata(damaged, Limits()).problems] == [("EXIF", DAMAGED)]


@pytest.mark.parametrize("block", ["EXIF", "XMP"])
def test_a_place_of_metadata_beyond_the_end_hides_no_avif(block: str) -> None:
    exif = Image.Exif()
    exif[ARTIST] = "Ann Example"
    whole = saved(photo(120, 80), "AVIF", exif=exif, xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    entry = struct.pack(">3H", {"EXIF": 2, "XMP": 3}[block], 0, 1)  # number, source, extents (8.11.3)
    place = whole.index(entry, whole.index(b"iloc")) + len(entry)
    damaged = whole[:place] + b"\x7f" + whole[place + 1 :]
    shown = decode(damaged)
    assert np.array_equal(shown.pixels, decode(whole).pixels)
    assert shown.info.incomplete
    told = read_metadata(damaged, Limits())
    assert (block, DAMAGED) in [(one.block, one.reason) for one in told.problems]
    assert told.author == ("Ann Example" if block == "XMP" else "")


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_no_damage_that_chromium_passes_over_hides_a_picture(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><script>{SHOW}</script>", encoding="utf-8")
    told: dict[str, str] = {}
    with running_tab(tmp_path / "profile") as tab:
        tab.open(page.as_uri())
        for name, data in damaged_pictures():
            if name.startswith(("png-", "jpeg-", "ico-", "webp-moving-ANMF", "webp-moving-ICCP")):
                told[name] = difference_of(tab, name, data)
    assert {name: what for name, what in told.items() if what not in ("", "only measured")} == KNOWN
    assert len(told) > 4_000
