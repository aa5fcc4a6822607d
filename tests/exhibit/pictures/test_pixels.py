import numpy as np
from PIL import Image

from exhibit.pictures.decode import decode
from exhibit.pictures.pixels import is_blank, rgb_pixels
from tests.assets.badfiles import (
    BAD_FILES,
    photo,
    saved,
)


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


def test_a_picture_of_which_only_dark_pages_show_anything_stands_on_black() -> None:
    grey = photo(300, 200).convert("L")
    white = Image.new("RGB", grey.size, "white")
    white.putalpha(grey)
    assert np.array_equal(decode(saved(white, "PNG")).pixels[..., 0], np.asarray(grey))
    white.putpixel((3, 3), (255, 0, 0, 255))
    assert (decode(saved(white, "PNG")).pixels[9:] == np.asarray(grey)[9:, :, None]).all(), "a speck changes nothing"
    dark = Image.new("RGB", grey.size, "black")
    dark.putalpha(grey)
    assert np.array_equal(decode(saved(dark, "PNG")).pixels[..., 0], 255 - np.asarray(grey))
    same = Image.new("RGBA", grey.size, (255, 255, 255, 0))
    assert (decode(saved(same, "PNG")).pixels == 255).all()


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


def test_a_still_picture_of_one_colour_is_a_picture() -> None:
    assert (decode(saved(Image.new("RGB", (9, 9), (1, 2, 3)), "PNG")).pixels == (1, 2, 3)).all()


def test_reducing_averages_blocks_and_keeps_the_smaller_ones_at_the_border() -> None:
    picture = Image.fromarray(np.arange(0, 250, 10, dtype=np.uint8).reshape(5, 5))
    reduced = rgb_pixels(picture, 2)
    assert reduced.shape == (3, 3, 3)
    assert reduced[..., 0].tolist() == [[30, 50, 65], [130, 150, 165], [205, 225, 240]]
    assert rgb_pixels(picture).shape == (5, 5, 3)


def test_a_blank_picture_has_one_colour_everywhere() -> None:
    pixels = np.full((40, 30, 3), 7, np.uint8)
    assert is_blank(pixels)
    pixels[39, 29, 2] = 8
    assert not is_blank(pixels)
