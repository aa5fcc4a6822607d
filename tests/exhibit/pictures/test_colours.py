"""Colour profiles: what is seen of a picture is measured, whatever its levels are stored as."""

import random
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from demo.pictures import textured
from exhibit.errors import UnreadablePictureError
from exhibit.pictures import colours
from exhibit.pictures.colours import Conversion, conversion_of
from exhibit.pictures.decode import Limits, decode
from indexer.picture.features import extract
from tests.assets.badfiles import difference, photo, saved
from tests.assets.odd_pictures import PROFILES, shuffled
from tests.assets.profiles import DISPLAY_P3, inks, lab, rgb_profile, shuffle, srgb_curve, table_profile, undone

LARGE = textured(3, (1280, 960))
SHUFFLED = shuffle()
HIDDEN = rgb_profile(undone(SHUFFLED))


def told(profile: bytes, mode: str = "RGB") -> Conversion | None:
    data = saved(photo().convert(mode), "JPEG", icc_profile=profile)
    with Image.open(BytesIO(data)) as picture:
        return conversion_of(picture, data)


def away(one: bytes, other: bytes) -> int:
    first, second = (extract(data).hash_variants[0] for data in (one, other))
    return int(np.unpackbits(np.bitwise_xor(first, second)).sum())


def hidden(kind: str, **how: object) -> bytes:
    return saved(Image.fromarray(SHUFFLED[np.asarray(LARGE)]), kind, icc_profile=HIDDEN, **how)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "how"),
    [("JPEG", {"quality": 98, "subsampling": 0}), ("PNG", {}), ("WEBP", {"lossless": True, "method": 0}), ("TIFF", {})],
    ids=["jpeg", "png", "webp", "tiff"],
)
def test_a_copy_isnt_hidden_by_levels_that_a_profile_puts_in_order(kind: str, how: dict[str, object]) -> None:
    data = hidden(kind, **how)
    plain = saved(LARGE, "PNG")
    assert away(data, plain) <= 24
    assert difference(decode(data, Limits(profiles=False)).pixels, np.asarray(LARGE)) > 50


def test_profiles_of_srgb_cost_no_conversion() -> None:
    for version in (2, 4):
        assert told(rgb_profile(srgb_curve(), version=version)) is None


@pytest.mark.long
def test_a_usual_profile_is_applied_to_what_was_reduced_and_an_odd_one_before() -> None:
    usual, odd = told(rgb_profile(srgb_curve(), DISPLAY_P3)), told(HIDDEN)
    assert usual is not None
    assert odd is not None
    assert usual.smooth
    assert not odd.smooth
    for profile in (rgb_profile(srgb_curve(), DISPLAY_P3), HIDDEN):
        whole = Image.fromarray(decode(saved(LARGE, "PNG", icc_profile=profile)).pixels)
        half = decode(saved(LARGE, "PNG", icc_profile=profile), at_least=640).pixels
        assert difference(half, np.asarray(whole.reduce(2))) < 1


@pytest.mark.long
def test_no_more_than_some_conversions_are_remembered() -> None:
    for gamma in range(40):
        told(rgb_profile(1 + gamma / 40))
    assert len(colours._known) <= 16


def test_a_table_with_wild_curves_is_followed_exactly() -> None:
    """LittleCMS would make one coarse table of it, in which the curves get lost."""
    profile = bytearray(table_profile(b"RGB ", lab, 17))
    straight = profile.index(bytes.fromhex("0000ffff" * 3))
    curves = np.empty(256)
    curves[SHUFFLED] = np.arange(256) / 255
    values = np.round(curves * 0xFFFF).astype(">u2").tobytes()
    table = bytes(profile[straight + 12 :])
    profile[straight:] = values * 3 + table
    profile[straight - 4 : straight - 2] = (256).to_bytes(2)  # entries of the curves before the table
    grown = len(values) * 3 - 12
    entry = profile.index(b"A2B0")
    size = int.from_bytes(profile[entry + 8 : entry + 12])
    profile[entry + 8 : entry + 12] = (size + grown).to_bytes(4)
    for later in range(entry + 12, 132 + 12 * int.from_bytes(profile[128:132]), 12):
        place = int.from_bytes(profile[later + 4 : later + 8])
        profile[later + 4 : later + 8] = (place + grown).to_bytes(4)
    profile[:4] = len(profile).to_bytes(4)
    data = saved(Image.fromarray(SHUFFLED[np.asarray(photo())]), "PNG", icc_profile=bytes(profile))
    assert difference(decode(data).pixels, np.asarray(photo())) < 3


def test_grey_and_inks_are_told_by_profiles_of_theirs_alone() -> None:
    grey, of_grey = shuffled("L")
    assert told(of_grey) is None
    assert told(HIDDEN, "CMYK") is None
    assert told(table_profile(b"CMYK", inks, 5)) is None
    assert told(table_profile(b"CMYK", inks, 5), "CMYK") is not None
    data = saved(grey, "PNG", icc_profile=of_grey)
    assert difference(decode(data).pixels[..., 0], np.asarray(photo(*grey.size).convert("L"))) < 1


@pytest.mark.long
def test_no_profile_breaks_what_reads_pictures() -> None:
    chance = random.Random(4)
    profiles = [HIDDEN, *PROFILES.values()]
    for number in range(300):
        profile = bytearray(profiles[number % len(profiles)])
        for _ in range(chance.choice((1, 3, 20))):
            place = chance.randrange(min(len(profile), 400) if chance.random() < 0.7 else len(profile))
            profile[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        kept = bytes(profile[: chance.randrange(len(profile))] if chance.random() < 0.2 else profile)
        data = saved(photo(), "JPEG", icc_profile=kept)
        try:
            assert decode(data).pixels.shape == (64, 96, 3)
        except UnreadablePictureError as refused:
            pytest.fail(f"{number}: {refused.message}")
