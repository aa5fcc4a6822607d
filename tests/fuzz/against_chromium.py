"""``python -m tests.fuzz.against_chromium [PREFIX …]``: which damaged files does Chromium show otherwise than Exhibit?

Every segment, chunk, block and box of each format is damaged in turn (``tests.assets.damaged_pictures``). Prints each
file with another result, and how many there are of each kind of difference; ends with 1 when Chromium shows a file that
is refused, or that is measured as another picture.
"""

import base64
import sys
import tempfile
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import decode
from tests.assets.badfiles import difference
from tests.assets.browser import Tab, running_tab
from tests.assets.damaged_pictures import MEDIA_TYPES, damaged_pictures
from tests.exhibit.pictures.test_as_browsers_show import SHOW

TOLERANCE = 6.0
"""Mean levels: colours of an AVIF differ by 5.4 between versions of Chromium."""


def difference_of(tab: Tab, name: str, data: bytes) -> str:
    """How the two differ, as a kind; empty where they don't."""
    theirs = _shown(tab, data, MEDIA_TYPES[name.partition("-")[0]])
    try:
        ours = decode(data).pixels
    except UnreadablePictureError as refused:
        return "" if theirs is None else f"refused: {refused.reason}"
    if theirs is None:
        return "only measured"
    if ours.shape != theirs.shape:
        return "of another size"
    return "another picture" if difference(ours, theirs) > TOLERANCE else ""


def _shown(tab: Tab, data: bytes, kind: str) -> NDArray[np.uint8] | None:
    png = tab.ask(f"still('{base64.b64encode(data).decode()}', '{kind}')")
    if not png:
        return None
    pixels = np.asarray(Image.open(BytesIO(base64.b64decode(png))).convert("RGB"))
    return None if (pixels == 255).all() else pixels


def main() -> int:
    """Compare all files whose name begins with one of the arguments."""
    prefixes = tuple(sys.argv[1:]) or ("",)
    kinds, files = Counter[tuple[str, str]](), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(f"<!doctype html><script>{SHOW}</script>", encoding="utf-8")
        with running_tab(Path(folder, "profile")) as tab:
            tab.open(page.as_uri())
            for name, data in damaged_pictures():
                if not name.startswith(prefixes):
                    continue
                files[name.partition("-")[0]] += 1
                if what := difference_of(tab, name, data):
                    print(f"{name}: {what}", flush=True)
                    kinds[name.partition("-")[0], what] += 1
    for (format_name, what), number in sorted(kinds.items()):
        print(f"{format_name}: {number} of {files[format_name]} {what}")
    print(f"{sum(files.values())} files")
    return int(any(what != "only measured" for _, what in kinds))


if __name__ == "__main__":
    sys.exit(main())
