"""Cost of decoding a picture in the sandboxed helper process and in this process, and by colour profile.

CPU time is the sum of this process and the sandboxed helper process.
"""

from collections.abc import Callable, Iterator
from unittest.mock import patch

from bench.common import Row, TitledTable, read_processor_seconds
from exhibit.pictures import decode, picture_file
from exhibit.pictures.decode import Limits
from indexer.picture import features
from tests.assets.badfiles import encode, generate_photo
from tests.assets.profiles import DISPLAY_P3, rgb_profile, srgb_curve

WIDTHS, PICTURES_PER_WIDTH = (640, 800, 1200, 1600, 2400), 12
ROUNDS = 30


def measure() -> Iterator[TitledTable]:
    """Yield both tables."""
    pictures = [
        encode(generate_photo(width, width * 3 // 4), "JPEG", quality=88) for width in WIDTHS
    ] * PICTURES_PER_WIDTH
    in_process, helper_times = (
        _measure_milliseconds(pictures, picture_file.decode),
        _measure_milliseconds(pictures, decode.decode),
    )
    times_by_decoder: list[Row] = [
        {"what": name, "in this process, ms": in_process[name], "in the helper, ms": helper_times[name]}
        for name in in_process
    ]
    yield "decoding", "Decoding a picture", times_by_decoder
    yield (
        "profiles",
        "Decoding a picture, reduced to no less than 512 pixels, by colour profile, ms",
        _measure_by_profile(),
    )


def _measure_milliseconds(pictures: list[bytes], decoder: Callable[[bytes, Limits, int], object]) -> dict[str, float]:
    """Return CPU milliseconds for decoding only, and for decoding and measuring as for crawled pictures."""
    cpu_times = {}
    with patch.object(features, "decode", decoder):
        actions: dict[str, Callable[[bytes], object]] = {
            "decoded": lambda data: decoder(data, Limits(), 512),
            "… and measured": features.extract,
        }
        for name, work in actions.items():
            work(pictures[0])
            start_time = read_processor_seconds()
            for data in pictures:
                work(data)
            cpu_times[name] = (read_processor_seconds() - start_time) * 1000 / len(pictures)
    return cpu_times


def _measure_by_profile() -> list[Row]:
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
        seconds_by_profile = dict.fromkeys(profiles, 0.0)
        for round_number in range(ROUNDS + 1):
            for name, data in pictures.items():
                started = read_processor_seconds()
                decode.decode(data, Limits(), 512)
                # The first one builds the conversion.
                seconds_by_profile[name] += (read_processor_seconds() - started) if round_number else 0.0
        milliseconds = {name: 1000 * seconds / ROUNDS for name, seconds in seconds_by_profile.items()}
        rows.append({"megapixels": f"{width * height / 1e6:.1f}", **milliseconds})
    return rows
