"""``python -m bench.decoding helper|here``: what a picture costs to decode, in the helper or in this process.

Run both in turn to see what the helper costs; ``extracted`` measures each picture too, as crawled ones are. Processor
time is this process's and the helper's together.
"""

import sys
import time

from bench.processor import processor_seconds
from exhibit.pictures import decode, picture_file
from exhibit.pictures.decode import Limits
from indexer.picture import features
from tests.assets.badfiles import photo, saved

PICTURES = [saved(photo(width, width * 3 // 4), "JPEG", quality=88) for width in (640, 800, 1200, 1600, 2400)] * 12


def main() -> None:
    """Print milliseconds of processor time a picture, and pictures a second."""
    if sys.argv[1] == "here":
        features.decode = picture_file.decode  # type: ignore[assignment, attr-defined] # without the helper
    read = decode.decode if sys.argv[1] == "helper" else picture_file.decode
    for name, work in (("decoded", lambda data: read(data, Limits(), 512)), ("extracted", features.extract)):
        work(PICTURES[0])
        begun, spent = time.monotonic(), processor_seconds()
        for data in PICTURES:
            work(data)
        cost = (processor_seconds() - spent) / len(PICTURES)
        print(f"{name}: {cost * 1000:.1f} ms a picture, {len(PICTURES) / (time.monotonic() - begun):.1f} pictures/s")


if __name__ == "__main__":
    main()
