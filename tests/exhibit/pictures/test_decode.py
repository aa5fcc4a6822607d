import csv
import subprocess
import sys
import threading
import time
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
from exhibit.pictures.picture_file import FORMATS
from exhibit.types import PictureInfo
from tests import CHECKOUT
from tests.assets.badfiles import (
    BAD_FILES,
    BadFile,
    blank_then_photo,
    photo,
    png,
    png_header,
    saved,
    with_orientation,
)
from tests.assets.shared import shared_data

PHOTO = np.asarray(photo())


def _difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    assert first.shape == second.shape
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_each_bad_file_is_decoded_or_refused_with_its_reason(bad: BadFile) -> None:
    data = bad.make()
    if bad.reason is None:
        picture = decode(data)
        assert picture.pixels.shape == (picture.info.height, picture.info.width, 3)
        assert picture.pixels.dtype == np.uint8
        assert inspect(data) == picture.info
        return
    with pytest.raises(UnreadablePictureError) as refused:
        decode(data)
    assert refused.value.reason == bad.reason
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize(
    ("name", "word"),
    [("error_page.jpg", "HTML"), ("drawing.svg", "SVG"), ("document.jpg", "PDF"), ("video.jpg", "video"),
     ("answer.jpg", "JSON")],
)  # fmt: skip
def test_a_refusal_says_what_the_bytes_are(name: str, word: str) -> None:
    data = next(bad for bad in BAD_FILES if bad.name == name).make()
    with pytest.raises(UnreadablePictureError, match=word):
        inspect(data)


def test_an_icon_is_refused_before_any_of_its_pixels_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    for name in ("pixel_bomb.ico", "large_pixel_bomb.ico", "bitmap_bomb.ico"):
        with pytest.raises(UnreadablePictureError, match=r"pixels|side"):
            picture_file.decode(next(bad for bad in BAD_FILES if bad.name == name).make(), Limits())


@pytest.mark.parametrize("kind", FORMATS)
def test_every_allowed_format_is_decoded(kind: str) -> None:
    data = saved(photo(), kind, quality=95, sizes=[(96, 64)])
    picture = decode(data)
    assert picture.info == PictureInfo(96, 64, kind)
    assert picture.scale == 1
    assert _difference(picture.pixels, PHOTO) < 8


@pytest.mark.parametrize("kind", ["TGA", "PPM", "JPEG2000"])
def test_other_formats_are_refused_although_pillow_reads_them(kind: str) -> None:
    with pytest.raises(UnreadablePictureError) as refused:
        decode(saved(photo(), kind))
    assert refused.value.reason == "not-a-picture"


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, PHOTO), (2, PHOTO[:, ::-1]), (3, PHOTO[::-1, ::-1]), (4, PHOTO[::-1]),
        (5, PHOTO.transpose(1, 0, 2)), (6, np.rot90(PHOTO, -1)), (7, PHOTO.transpose(1, 0, 2)[::-1, ::-1]),
        (8, np.rot90(PHOTO, 1)),
    ],
)  # fmt: skip
def test_the_orientation_is_applied(orientation: int, turned: NDArray[np.uint8]) -> None:
    picture = decode(with_orientation(photo(), orientation))
    assert (picture.info.height, picture.info.width) == turned.shape[:2]
    assert _difference(picture.pixels, turned) < 6


def test_the_orientation_agrees_with_pillow() -> None:
    from PIL import ImageOps

    for orientation in range(1, 9):
        data = with_orientation(photo(), orientation)
        with Image.open(BytesIO(data)) as opened:
            expected = np.asarray(ImageOps.exif_transpose(opened))
        assert np.array_equal(decode(data).pixels, expected)


def test_a_reduced_decoding_keeps_the_asked_for_side_and_says_its_scale() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        picture = decode(saved(photo(1000, 600), kind), at_least=200)
        assert picture.pixels.shape[:2] == (150, 250)
        assert picture.scale == pytest.approx(0.25)
        assert (picture.info.width, picture.info.height) == (1000, 600)
        reference = np.asarray(photo(1000, 600).reduce(4))
        assert _difference(picture.pixels, reference) < 6
    assert decode(saved(photo(1000, 600), "JPEG"), at_least=600).scale == 1
    assert decode(saved(photo(96, 64), "PNG"), at_least=5000).scale == 1


def test_a_reduced_decoding_of_a_turned_picture_is_turned() -> None:
    picture = decode(with_orientation(photo(1000, 600), 6), at_least=200)
    assert picture.pixels.shape[:2] == (250, 150)
    assert picture.scale == pytest.approx(0.25)


def test_a_very_flat_picture_can_be_reduced() -> None:
    assert decode(saved(Image.new("RGB", (2000, 1), "blue"), "JPEG"), at_least=100).pixels.shape[1] >= 100


def test_transparent_pictures_stand_on_white() -> None:
    clear = Image.new("RGBA", (4, 4), (200, 0, 0, 0))
    assert (decode(saved(clear, "PNG")).pixels == 255).all()
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    assert (np.abs(decode(saved(half, "PNG")).pixels.astype(int) - 127) <= 1).all()
    palette = photo().quantize(16)
    seen = decode(saved(palette, "PNG", transparency=int(np.asarray(palette)[0, 0]))).pixels
    assert (seen[0, 0] == 255).all()
    grey = saved(Image.new("L", (4, 4), 77), "PNG", transparency=77)
    assert (decode(grey).pixels == 255).all()


def test_large_transparent_pictures_are_the_same_strip_by_strip() -> None:
    picture = photo(1500, 1400).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    expected = np.asarray(Image.alpha_composite(white, picture).convert("RGB"))
    assert np.array_equal(decode(saved(picture, "PNG", compress_level=1)).pixels, expected)


def test_16_bit_grey_keeps_its_upper_bits() -> None:
    data = next(bad for bad in BAD_FILES if bad.name == "grey_16_bit.png").make()
    grey = np.asarray(photo().convert("L"))
    assert np.array_equal(decode(data).pixels, np.repeat(grey[..., None], 3, axis=2))


def test_floats_are_taken_as_they_are_from_0_to_255() -> None:
    values = np.array([[-5.0, 0.0, 99.6], [255.0, 1e9, np.nan]], np.float32)
    assert decode(saved(Image.fromarray(values), "TIFF")).pixels[..., 0].tolist() == [[0, 0, 99], [255, 255, 0]]


def test_the_first_frame_with_content_is_taken() -> None:
    picture = decode(blank_then_photo())
    assert picture.info.frames == 2
    assert _difference(picture.pixels, PHOTO) < 20
    assert len(np.unique(decode(blank_then_photo(), Limits(max_frames=1)).pixels)) == 1


def test_damage_behind_a_good_frame_takes_nothing_from_it() -> None:
    data = blank_then_photo()
    assert decode(data[: len(data) // 2]).pixels.shape == (64, 96, 3)


def test_a_still_picture_of_one_colour_is_a_picture() -> None:
    assert (decode(saved(Image.new("RGB", (9, 9), (1, 2, 3)), "PNG")).pixels == (1, 2, 3)).all()


def test_bytes_beyond_the_limit_are_refused_unread() -> None:
    with pytest.raises(UnreadablePictureError) as refused:
        decode(saved(photo(), "PNG"), Limits(max_bytes=100))
    assert refused.value.reason == "too-many-bytes"


def test_formats_that_need_more_memory_may_have_fewer_pixels() -> None:
    limits = Limits(max_pixels=10_000)
    assert decode(saved(photo(100, 100), "JPEG"), limits).info.width == 100
    for kind in ("WEBP", "GIF", "TIFF", "JPEG"):
        with pytest.raises(UnreadablePictureError) as refused:
            inspect(saved(photo(100, 100), kind, progressive=True), limits)
        assert refused.value.reason == "too-many-pixels"


def test_a_decoder_that_reads_on_and_on_is_ended() -> None:
    whole = saved(Image.new("L", (6000, 6000), 90), "JPEG", progressive=True)
    last_scan = whole[whole.rindex(b"\xff\xda") : -2]
    begun = time.monotonic()
    with pytest.raises(UnreadablePictureError) as refused:
        decode(whole[:-2] + last_scan * (2_000_000 // len(last_scan)) + b"\xff\xd9", Limits(seconds=0.5))
    assert refused.value.reason == "too-slow"
    assert time.monotonic() - begun < 5


def test_a_png_that_breaks_off_late_is_a_picture_and_early_is_none() -> None:
    whole = saved(photo(), "PNG")
    assert decode(whole[:-12]).pixels.shape == (64, 96, 3)
    assert decode(whole[: len(whole) * 9 // 10]).pixels[:48].any()
    with pytest.raises(UnreadablePictureError) as refused:
        decode(whole[: len(whole) // 2])
    assert refused.value.reason == "truncated"


def test_decoding_leaves_no_warning_and_no_filter_behind() -> None:
    pages = saved(photo(), "TIFF").replace(b"\x00\x01\x03\x00", b"\x00\x01\x0c\x00", 1)
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


def test_many_threads_decode_the_same() -> None:
    data = saved(photo(), "PNG")
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda: results.append(np.array_equal(decode(data).pixels, PHOTO))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8


_MEASURE = """
import resource, sys, time
from pathlib import Path
from exhibit.pictures.decode import decode, helper, inspect
from exhibit.errors import UnreadablePictureError
for line in sys.stdin:
    data, begun = Path(line.rstrip("\\n")).read_bytes(), time.monotonic()
    try:
        inspect(data)
        outcome = str(decode(data).pixels.shape)
    except UnreadablePictureError as refused:
        outcome = refused.reason
    helper.close()
    peak = max(resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(outcome, round(time.monotonic() - begun, 2), peak, sep="\\t")
"""


@pytest.mark.shared_data
def test_every_shared_bad_file_ends_within_time_and_memory() -> None:
    folder = shared_data("badfiles")
    with (folder / "badfiles.csv").open(encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _MEASURE],
        input="".join(f"{folder / name}\n" for name in names),
        capture_output=True,
        text=True,
        check=True,
        cwd=CHECKOUT,
    )
    results = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(results) == len(names) > 300
    slow_or_large = [(name, *row) for name, row in zip(names, results, strict=True) if float(row[1]) > 10]
    assert slow_or_large == []
    assert max(int(row[2]) for row in results) < 1024
    assert sum(row[0].startswith("(") for row in results) > 150
