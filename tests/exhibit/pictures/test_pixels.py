import struct
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import decode, inspect
from exhibit.pictures.pixels import is_blank, render_rgb
from tests.assets.badfiles import (
    BAD_FILES,
    difference,
    encode,
    generate_photo,
)
from tests.assets.tiffs import RAW_PHOTOGRAPHS, tiff, tiff_in_tiff, tiff_pages


def test_transparent_pictures_have_white_background() -> None:
    clear = Image.new("RGBA", (4, 4), (200, 0, 0, 0))
    assert (decode(encode(clear, "PNG")).pixels == 255).all()
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    assert (np.abs(decode(encode(half, "PNG")).pixels.astype(int) - 127) <= 1).all()
    palette = generate_photo().quantize(16)
    pixels = decode(encode(palette, "PNG", transparency=int(np.asarray(palette)[0, 0]))).pixels
    assert (pixels[0, 0] == 255).all()
    grey = encode(Image.new("L", (4, 4), 77), "PNG", transparency=77)
    assert (decode(grey).pixels == 255).all()


def test_picture_visible_only_on_dark_pages_has_black_background() -> None:
    grey = generate_photo(300, 200).convert("L")
    white = Image.new("RGB", grey.size, "white")
    white.putalpha(grey)
    assert np.array_equal(decode(encode(white, "PNG")).pixels[..., 0], np.asarray(grey))
    white.putpixel((3, 3), (255, 0, 0, 255))
    assert (decode(encode(white, "PNG")).pixels[9:] == np.asarray(grey)[9:, :, None]).all(), "a speck changes nothing"
    dark = Image.new("RGB", grey.size, "black")
    dark.putalpha(grey)
    assert np.array_equal(decode(encode(dark, "PNG")).pixels[..., 0], 255 - np.asarray(grey))
    same = Image.new("RGBA", grey.size, (255, 255, 255, 0))
    assert (decode(encode(same, "PNG")).pixels == 255).all()


@pytest.mark.long
def test_large_transparent_pictures_match_when_processed_in_strips() -> None:
    picture = generate_photo(1500, 1400).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    expected = np.asarray(Image.alpha_composite(white, picture).convert("RGB"))
    assert np.array_equal(decode(encode(picture, "PNG", compress_level=1)).pixels, expected)


def test_16_bit_grey_keeps_its_upper_bits() -> None:
    data = next(bad for bad in BAD_FILES if bad.name == "grey_16_bit.png").make()
    grey = np.asarray(generate_photo().convert("L"))
    assert np.array_equal(decode(data).pixels, np.repeat(grey[..., None], 3, axis=2))


GREY = np.asarray(generate_photo().convert("L"))


@pytest.mark.parametrize(
    "values",
    [
        GREY.astype(np.float32), GREY.astype(np.float32) / 255, GREY.astype(np.float32) - 128,
        GREY.astype(np.uint16), GREY.astype(np.uint16) * 16, GREY.astype(np.uint16) * 257,
        GREY.astype(np.int32) * 8_000_000,
    ],
    ids=["0-255", "0-1", "signed", "8 of 16", "12 of 16", "16 of 16", "32"],
)  # fmt: skip
def test_high_bit_depth_tiff_shows_the_picture(values: NDArray[np.generic]) -> None:
    pixels = decode(tiff(values)).pixels[..., 0].astype(float)
    assert np.corrcoef(pixels.ravel(), GREY.ravel())[0, 1] > 0.995
    assert np.ptp(pixels) > 0.85 * np.ptp(GREY)


def test_nan_values_do_not_break_tiff() -> None:
    values = GREY.astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    assert decode(tiff(values)).pixels.shape[:2] == GREY.shape


def test_lab_or_cmyk_tiff_shows_its_colours() -> None:
    rgb = ImageCms.createProfile("sRGB")
    lab = ImageCms.profileToProfile(generate_photo(), rgb, ImageCms.createProfile("LAB"), outputMode="LAB")
    assert lab is not None
    assert difference(decode(encode(lab, "TIFF")).pixels, np.asarray(generate_photo())) < 4
    assert difference(decode(encode(generate_photo().convert("CMYK"), "TIFF")).pixels, np.asarray(generate_photo())) < 4


def test_tiff_thumbnail_or_mask_page_is_skipped() -> None:
    small = np.ascontiguousarray(255 - GREY[::4, ::4])
    for marked in ({"subfile": 1}, {"subfile": 4}, {"old_subfile": 2}, {}):
        data = tiff_pages((small, marked), (GREY, {}), (small, {}))
        decoded = decode(data)
        assert np.array_equal(decoded.pixels[..., 0], GREY)
        assert (
            (inspect(data).width, inspect(data).height)
            == (decoded.info.width, decoded.info.height)
            == generate_photo().size
        )
        assert decoded.info.frames == 3
    assert decode(tiff_pages((small, {"subfile": 1}))).pixels.shape[:2] == small.shape
    assert np.array_equal(decode(tiff_pages((small, {}), (GREY, {"subfile": 4}))).pixels[..., 0], small)


def test_first_of_equal_pages_and_larger_of_nested_pages_is_used() -> None:
    small, other = np.ascontiguousarray(255 - GREY[::4, ::4]), np.ascontiguousarray(GREY[::-1])
    assert np.array_equal(decode(tiff_pages((GREY, {}), (other, {}))).pixels[..., 0], GREY)
    for outer, inner in ((small, GREY), (GREY, small)):
        for data in (tiff_in_tiff(outer, inner), tiff_in_tiff(outer, inner, subfile=1)):
            assert np.array_equal(decode(data).pixels[..., 0], GREY)
            assert (inspect(data).width, inspect(data).height) == generate_photo().size


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "jpeg"])
def test_largest_page_is_used_in_files_written_by_pillow(compression: str) -> None:
    pages = [generate_photo(24, 16), generate_photo(240, 160), generate_photo(120, 80)]
    for how in ({}, {"big_tiff": True}):
        out = BytesIO()
        pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:], compression=compression, **how)
        decoded = decode(out.getvalue())
        assert (decoded.info.width, decoded.info.height, decoded.info.frames) == (240, 160, 3)
        assert difference(decoded.pixels, np.asarray(pages[1])) < 4


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "jpeg"])
def test_largest_page_part_is_used_in_any_compression(compression: str) -> None:
    pages, out = [generate_photo(24, 16), generate_photo(240, 160)], BytesIO()
    pages[0].save(
        out, "TIFF", save_all=True, append_images=pages[1:], compression=compression, tiffinfo={270: "the next page"}
    )
    data = bytearray(out.getvalue())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    end = first + 2 + 12 * count
    (second,) = struct.unpack_from("<I", data, end)
    entry = next(place for place in range(first + 2, end, 12) if data[place : place + 2] == struct.pack("<H", 270))
    data[entry : entry + 12] = struct.pack("<HHII", 330, 4, 1, second)  # its description becomes a part
    data[end : end + 4] = bytes(4)
    decoded = decode(bytes(data))
    assert (decoded.info.width, decoded.info.height, decoded.info.frames) == (240, 160, 1)
    assert difference(decoded.pixels, np.asarray(pages[1])) < 4


@pytest.mark.parametrize("name", sorted(RAW_PHOTOGRAPHS))
def test_raw_photograph_is_refused_despite_preview(name: str) -> None:
    for operation in (decode, inspect):
        with pytest.raises(UnreadablePictureError) as refused:
            operation(RAW_PHOTOGRAPHS[name]())
        assert refused.value.reason == "raw-photograph"
        assert refused.value.hint


def test_single_coloured_still_picture_is_accepted() -> None:
    assert (decode(encode(Image.new("RGB", (9, 9), (1, 2, 3)), "PNG")).pixels == (1, 2, 3)).all()


def test_reduction_averages_blocks_and_keeps_smaller_edge_blocks() -> None:
    picture = Image.fromarray(np.arange(0, 250, 10, dtype=np.uint8).reshape(5, 5))
    reduced = render_rgb(picture, 2)
    assert reduced.shape == (3, 3, 3)
    assert reduced[..., 0].tolist() == [[30, 50, 65], [130, 150, 165], [205, 225, 240]]
    assert render_rgb(picture).shape == (5, 5, 3)


def test_picture_is_blank_only_if_it_has_one_colour_everywhere() -> None:
    pixels = np.full((40, 30, 3), 7, np.uint8)
    assert is_blank(pixels)
    pixels[39, 29, 2] = 8
    assert not is_blank(pixels)
