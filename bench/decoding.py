"""Cost of decoding a picture, in the helper and in this process, and by its colour profile.

CPU time is that of this process and the helper together.
"""

from collections.abc import Callable, Iterator
from unittest.mock import patch

from bench.common import Row, TitledTable, processor_seconds
from exhibit.pictures import decode, picture_file
from exhibit.pictures.decode import Limits
from indexer.picture import features
from tests.assets.badfiles import encode, generate_photo
from tests.assets.profiles import DISPLAY_P3, rgb_profile, srgb_curve

SIZES, EACH = (640, 800, 1200, 1600, 2400), 12
TURNS = 30


def measure() -> Iterator[TitledTable]:
    """Yield both tables."""
    pictures = [encode(generate_photo(width, width * 3 // 4), "JPEG", quality=88) for width in SIZES] * EACH
    in_process, helper = _milliseconds(pictures, picture_file.decode), _milliseconds(pictures, decode.decode)
    both: list[Row] = [
        {"what": name, "in this process, ms": in_process[name], "in the helper, ms": helper[name]}
        for name in in_process
    ]
    yield "decoding", "Decoding a picture", both
    yield "profiles", "Decoding a picture, reduced to no less than 512 pixels, by colour profile, ms", _by_profile()


def _milliseconds(pictures: list[bytes], decoder: Callable[[bytes, Limits, int], object]) -> dict[str, float]:
    """Return times of pictures that are only decoded, and of pictures that are also measured, as crawled ones are."""
    spent = {}
    with patch.object(features, "decode", decoder):
        ways: dict[str, Callable[[bytes], object]] = {
            "decoded": lambda data: decoder(data, Limits(), 512),
            "… and measured": features.extract,
        }
        for name, work in ways.items():
            work(pictures[0])
            start_time = processor_seconds()
            for data in pictures:
                work(data)
            spent[name] = (processor_seconds() - start_time) * 1000 / len(pictures)
    return spent


def _by_profile() -> list[Row]:
    profiles = {
        "none": b"",
        "sRGB": rgb_profile(srgb_curve()),
        "Display P3": rgb_profile(srgb_curve(), DISPLAY_P3),
    }
    rows: list[Row] = []
    for width, height in ((640, 480), (1152, 864), (1632, 1224)):
        pictures = {
            name: encode(generate_photo(width, height), "JPEG", quality=88, icc_profile=profile)
            for name, profile in profiles.items()
        }
        spent = dict.fromkeys(profiles, 0.0)
        for turn in range(TURNS + 1):
            for name, data in pictures.items():
                began = processor_seconds()
                decode.decode(data, Limits(), 512)
                spent[name] += (processor_seconds() - began) if turn else 0.0  # the first one builds the conversion
        each = {name: 1000 * seconds / TURNS for name, seconds in spent.items()}
        rows.append({"megapixels": f"{width * height / 1e6:.1f}", **each})
    return rows
