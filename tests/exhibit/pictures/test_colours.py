"""Test that images with embedded colour profiles are decoded to sRGB, whatever the stored levels."""

import random
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from exhibit.pictures import colours
from exhibit.pictures.colours import Conversion, load_conversion
from exhibit.pictures.decode import Limits, decode
from tests.assets.badfiles import difference, encode, generate_photo
from tests.assets.profiles import ADOBE_RGB, DISPLAY_P3, grey_profile, inks, rgb_profile, srgb_curve, table_profile

PICTURE = generate_photo(240, 160)
PROFILES = {
    "Display P3": rgb_profile(srgb_curve(), DISPLAY_P3),
    "Display P3, version 4": rgb_profile(srgb_curve(), DISPLAY_P3, 4),
    "Adobe RGB": rgb_profile(563 / 256, ADOBE_RGB),
}


def _conversion(profile: bytes, mode: str = "RGB") -> Conversion | None:
    with Image.open(BytesIO(encode(PICTURE.convert(mode), "JPEG", icc_profile=profile))) as picture:
        return load_conversion(picture)


def _convert_to_profile(profile: bytes) -> Image.Image:
    """Return the image in the levels of a profile, as photo software stores it."""
    target = ImageCms.ImageCmsProfile(BytesIO(profile))
    stored = ImageCms.profileToProfile(PICTURE, ImageCms.createProfile("sRGB"), target, outputMode="RGB")
    assert stored is not None
    return stored


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("name", PROFILES)
def test_wide_profile_levels_are_converted_to_srgb(kind: str, name: str) -> None:
    stored = _convert_to_profile(PROFILES[name])
    subsampling = 0 if kind == "JPEG" else "4:4:4"
    options = {} if kind == "TIFF" else {"lossless": True, "quality": 98, "subsampling": subsampling}
    data = encode(stored, kind, icc_profile=PROFILES[name], **options)
    assert difference(decode(data).pixels, np.asarray(PICTURE)) < 2.5
    assert difference(decode(data, Limits(profiles=False)).pixels, np.asarray(stored)) < 2.5
    assert difference(np.asarray(stored), np.asarray(PICTURE)) > 5


def test_reduced_picture_is_converted() -> None:
    profile = PROFILES["Adobe RGB"]
    data = encode(generate_photo(1280, 960), "PNG", icc_profile=profile)
    whole = Image.fromarray(decode(data).pixels)
    assert difference(decode(data, at_least=640).pixels, np.asarray(whole.reduce(2))) < 1


def test_translucent_picture_is_converted() -> None:
    profile = PROFILES["Adobe RGB"]
    clear = PICTURE.copy()
    clear.putalpha(255)
    clear.putpixel((0, 0), (0, 0, 0, 0))
    pixels = decode(encode(clear, "PNG", icc_profile=profile)).pixels
    assert (pixels[0, 0] == 255).all()
    assert difference(pixels[1:], decode(encode(PICTURE, "PNG", icc_profile=profile)).pixels[1:]) < 0.1


def test_srgb_profiles_skip_conversion() -> None:
    for version in (2, 4):
        assert _conversion(rgb_profile(srgb_curve(), version=version)) is None


def test_grey_and_cmyk_are_converted_only_by_their_own_profiles() -> None:
    assert _conversion(grey_profile(1.0)) is None
    assert _conversion(PROFILES["Adobe RGB"], "CMYK") is None
    press = table_profile(b"CMYK", inks, 5)
    assert _conversion(press) is None
    assert _conversion(press, "CMYK") is not None
    grey = PICTURE.convert("L")
    for picture in (grey, Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)):
        pixels = decode(encode(picture, "PNG", icc_profile=grey_profile(1.0))).pixels
        light = (np.asarray(grey) / 255.0)[..., None]
        expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
        assert np.abs(pixels - expected).mean() < 2


def test_few_conversions_are_cached_and_large_profiles_are_not() -> None:
    assert colours._build_conversion.cache_info().maxsize == 8
    assert _conversion(PROFILES["Adobe RGB"] + bytes(colours.MAX_PROFILE_BYTES)) is None


@pytest.mark.long
def test_damaged_profile_does_not_break_picture() -> None:
    chance = random.Random(4)
    profiles = [*PROFILES.values(), table_profile(b"RGB ", lambda levels: inks(np.pad(levels, ((0, 0), (0, 1)))), 5)]
    for number in range(200):
        profile = bytearray(profiles[number % len(profiles)])
        for _ in range(chance.choice((1, 3, 20))):
            place = chance.randrange(min(len(profile), 400) if chance.random() < 0.7 else len(profile))
            profile[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        damaged = bytes(profile[: chance.randrange(len(profile))] if chance.random() < 0.2 else profile)
        assert decode(encode(generate_photo(), "JPEG", icc_profile=damaged)).pixels.shape == (64, 96, 3)
