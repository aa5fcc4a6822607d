"""``python -m bench.decoding helper|here``: pictures decoded a second, in the helper or in this process.

Run both in turn to see what the helper costs; ``extract`` measures each picture too, as crawled ones are.
"""

import sys
import time

from exhibit import decode, picture_file
from exhibit.decode import Limits
from indexer import features
from tests.assets.badfiles import photo, saved

PICTURES = [saved(photo(width, width * 3 // 4), "JPEG", quality=88) for width in (640, 800, 1200, 1600, 2400)] * 12


def main() -> None:
    """Print pictures a second."""
    if sys.argv[1] == "here":
        features.decode = picture_file.decode  # type: ignore[assignment, attr-defined] # without the helper
    read = decode.decode if sys.argv[1] == "helper" else picture_file.decode
    read(PICTURES[0], Limits(), 512)
    for name, work in (("decoded", lambda data: read(data, Limits(), 512)), ("extracted", features.extract)):
        begun = time.monotonic()
        for data in PICTURES:
            work(data)
        print(f"{name}: {len(PICTURES) / (time.monotonic() - begun):.1f} pictures/s")


if __name__ == "__main__":
    main()
