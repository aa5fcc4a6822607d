"""``python -m bench.decoding helper|here|profiles``: what a picture costs to decode, in the helper or in this process.

Run both in turn to see what the helper costs; ``extracted`` measures each picture too, as crawled ones are. Processor
time is this process's and the helper's together. ``profiles`` decodes pictures of several sizes in the helper, without
a profile and with such of several kinds.
"""

import sys
import time

from bench.processor import processor_seconds
from exhibit.pictures import decode, picture_file
from exhibit.pictures.decode import Limits
from indexer.picture import features
from tests.assets.badfiles import photo, saved
from tests.assets.profiles import DISPLAY_P3, lab, rgb_profile, shuffle, srgb_curve, table_profile, undone

PICTURES = [saved(photo(width, width * 3 // 4), "JPEG", quality=88) for width in (640, 800, 1200, 1600, 2400)] * 12
TURNS = 30


def main() -> None:
    """Print milliseconds of processor time a picture, and pictures a second."""
    if sys.argv[1] == "here":
        features.decode = picture_file.decode  # type: ignore[assignment, attr-defined] # without the helper
    if sys.argv[1] == "profiles":
        by_profile()
        return
    read = decode.decode if sys.argv[1] == "helper" else picture_file.decode
    for name, work in (("decoded", lambda data: read(data, Limits(), 512)), ("extracted", features.extract)):
        work(PICTURES[0])
        begun, spent = time.monotonic(), processor_seconds()
        for data in PICTURES:
            work(data)
        cost = (processor_seconds() - spent) / len(PICTURES)
        print(f"{name}: {cost * 1000:.1f} ms a picture, {len(PICTURES) / (time.monotonic() - begun):.1f} pictures/s")


def by_profile() -> None:
    """Print milliseconds of processor time a picture, reduced to no less than 512 pixels, by size and profile."""
    profiles = {
        "none": b"",
        "sRGB": rgb_profile(srgb_curve()),
        "Display P3": rgb_profile(srgb_curve(), DISPLAY_P3),
        "shuffled levels": rgb_profile(undone(shuffle())),
        "a table": table_profile(b"RGB ", lab, 33),
    }
    for width, height in ((640, 480), (1152, 864), (1632, 1224)):
        pictures = {
            name: saved(photo(width, height), "JPEG", quality=88, icc_profile=one) for name, one in profiles.items()
        }
        spent = dict.fromkeys(profiles, 0.0)
        for turn in range(TURNS + 1):
            for name, data in pictures.items():
                began = processor_seconds()
                decode.decode(data, Limits(), 512)
                spent[name] += (processor_seconds() - began) if turn else 0.0  # the first one builds the conversion
        told = ", ".join(f"{name} {1000 * seconds / TURNS:.1f}" for name, seconds in spent.items())
        print(f"{width * height / 1e6:.1f} MP: {told} ms a picture")


if __name__ == "__main__":
    main()
