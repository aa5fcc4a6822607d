"""Which views of a new work name its turned, mirrored and cropped copies among the pictures seen, and what they cost.

Copies of works in each of the eight orientations, edited besides, lie among other photographs. A copy counts as named
when no more than ``--before`` vectors of others are nearer to one of the work's queries than the copy's own: of a
hundred thousand pictures a search looks at two hundred. Hashes aren't asked.
"""

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.table import keep, machine, show
from exhibit.pictures.decode import Limits, decode
from indexer.layout.orientation import ORIENTATIONS
from indexer.picture.descriptor import BUILT_IN, centre, tiles
from indexer.picture.features import extract
from indexer.search.candidates import DESCRIPTOR_WITHIN
from indexer.search.past import oriented

Vectors = NDArray[np.float32]
TURNED = {"in all orientations": tuple(ORIENTATIONS)[1:], "turned to both sides": (5, 6), "upright": ()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.turned", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--works", type=int, default=40)
    parser.add_argument("--others", type=int, default=800)
    parser.add_argument("--before", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("bench-out/turned"))
    wanted = parser.parse_args()
    paths = sorted(path for path in wanted.photos.iterdir() if path.suffix in {".jpg", ".jpeg", ".png"})
    works = paths[:: max(1, len(paths) // wanted.works)][: wanted.works]
    others = np.concatenate([_upright(_pixels(path)) for path in paths if path not in works][: wanted.others])
    named: dict[tuple[str, bool], list[bool]] = {(name, quarters): [] for name in TURNED for quarters in (True, False)}
    spent: dict[tuple[str, bool], float] = dict.fromkeys(named, 0.0)
    for path in works:
        pixels = _pixels(path)
        copies = [_described(edit, pixels, orientation) for orientation in ORIENTATIONS for edit in EDITS]
        for choice in named:
            began = time.process_time()
            queries = _queries(pixels, TURNED[choice[0]], quarters=choice[1])
            spent[choice] += time.process_time() - began
            named[choice] += [_names(queries, copy, others, wanted.before) for copy in copies]
    rows = [
        {
            "whole and middle": name,
            "quarters": "too" if quarters else "–",
            "queries": 2 + 4 * quarters + 2 * len(TURNED[name]),
            "ms a work": 1000 * spent[name, quarters] / len(works),
            "copies named": f"{sum(found)} of {len(found)}",
        }
        for (name, quarters), found in named.items()
    ]
    show(f"Turned copies that a new work names ({machine()})", rows)
    keep(wanted.out, "turned", rows)


def _pixels(path: Path) -> NDArray[np.uint8]:
    return decode(path.read_bytes(), Limits(), at_least=512).pixels


def _upright(pixels: NDArray[np.uint8]) -> Vectors:
    return BUILT_IN.vectors([pixels, centre(pixels)])


def _queries(pixels: NDArray[np.uint8], turned: tuple[int, ...], *, quarters: bool) -> Vectors:
    sizes = [BUILT_IN.for_turning(part) for part in (pixels, centre(pixels))]
    views = [oriented(size, orientation) for size in sizes for orientation in turned]
    parts = [_upright(pixels)]
    parts += [tiles(pixels)] if quarters else []
    parts += [BUILT_IN.vectors(views)] if views else []
    return np.concatenate(parts)


def _described(edit: Callable[[Image.Image], Image.Image], pixels: NDArray[np.uint8], orientation: int) -> Vectors:
    """What the index of pictures has of a copy."""
    file = io.BytesIO()
    edit(Image.fromarray(oriented(pixels, orientation))).save(file, "JPEG", quality=80)
    return np.stack(list(extract(file.getvalue()).embeddings.values()))


def _names(queries: Vectors, copy: Vectors, others: Vectors, before: int) -> bool:
    nearest = (queries @ copy.T).max(axis=1)
    nearer = (queries @ others.T > nearest[:, None]).sum(axis=1)
    return bool(((nearer <= before) & (nearest >= 1 - DESCRIPTOR_WITHIN)).any())


def _cropped(share: float, across: float, down: float) -> Callable[[Image.Image], Image.Image]:
    def crop(picture: Image.Image) -> Image.Image:
        wide, high = round(picture.width * share), round(picture.height * share)
        left, top = round((picture.width - wide) * across), round((picture.height - high) * down)
        return picture.crop((left, top, left + wide, top + high))

    return crop


def _captioned(picture: Image.Image) -> Image.Image:
    page = Image.new("RGB", (picture.width, round(picture.height * 1.2)), "white")
    page.paste(picture, (0, round(picture.height * 0.2)))
    ImageDraw.Draw(page).text((10, 10), "LOOK AT THIS PICTURE", fill="black", font_size=max(12, picture.height // 14))
    return page


def _on_a_page(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    page = Image.new("RGB", (round(width * 1.5), round(height * 1.6)), (240, 240, 238))
    page.paste(picture, (round(width * 0.1), round(height * 0.3)))
    for line in range(12):
        where = (round(width * 1.15), round(height * (0.3 + line * 0.08)))
        ImageDraw.Draw(page).text(where, "words of a page", fill=(20, 20, 20), font_size=max(10, height // 30))
    return page


def _brighter(picture: Image.Image) -> Image.Image:
    return Image.eval(picture, lambda value: min(255, round(value * 1.3 + 20)))


EDITS = (_cropped(0.75, 0.3, 0.4), _cropped(0.5, 0.1, 0.9), _cropped(0.35, 0.8, 0.2), _captioned, _on_a_page, _brighter)


if __name__ == "__main__":
    main()
