"""Questions whose answers are known: edited copies of works, edited strangers, two strangers under one overlay.

``python -m bench.edited`` writes them into a folder; ``python -m bench matching`` makes them while it asks.
"""

import argparse
import csv
import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image, ImageOps

from indexer.edits import EDITS, LONG_SIDE, OVERLAYS, PAGES, apply

ON_STRANGERS = ("jpeg70", "text", "emoji", "webpage", "meme", "watermark", "collage4", "bg40", "crop50", "chain2")
"""Edits in which unrelated photos are asked: those that bring marks, pages and neighbours with them."""
UNDER_OVERLAYS = (600, 450)
"""Size to which two photos are cut before the same overlay is laid on both."""
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A picture that is looked for among the works.

    Attributes:
        photo: path of what it was made of; pictures of one photo are not independent of one another.
        edit: how.
        work: path of the work that it shows, or empty where it shows none.
        data: bytes of the file.
        suffix: of its name, with its dot.
    """

    photo: str
    edit: str
    work: str
    data: bytes
    suffix: str

    @property
    def question(self) -> tuple[str, str]:
        """Identity."""
        return self.photo, self.edit


@dataclass(frozen=True, slots=True)
class Pair:
    """Two different photos under the same overlay.

    Attributes:
        overlay: the edit.
        photos: paths of what they were made of.
        registered: bytes of the first.
        found: bytes of the second.
    """

    overlay: str
    photos: tuple[str, str]
    registered: bytes
    found: bytes

    @property
    def files(self) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
        """Both by what they are."""
        return ("registered", self.registered), ("found", self.found)


def photos_in(*folders: Path) -> list[Path]:
    """The pictures below some folders, in the order of their names."""
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]


def opened(path: Path) -> Image.Image:
    """A photo as its copies are made of: RGB, upright, at most 1,280 pixels."""
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    return upright


def copies(works: Sequence[Path], others: Sequence[Path], edits: Sequence[str], seed: int) -> Iterator[Asked]:
    """Each work in each edit.

    Args:
        works: their files.
        others: what stands beside or behind them; none of them is registered.
        edits: names.
        seed: of everything that is left to chance.
    """
    around = [opened(path) for path in others]
    for path in works:
        picture = opened(path)
        for edit in edits:
            yield copy_of(path, picture, edit, around, seed)


def copy_of(path: Path, picture: Image.Image, edit: str, around: Sequence[Image.Image], seed: int) -> Asked:
    """One work in one edit.

    Args:
        path: of the work.
        picture: the work itself.
        edit: its name.
        around: what stands beside or behind it.
        seed: of everything that is left to chance.
    """
    made = apply(edit, picture, around, _seed(path, seed))
    return Asked(str(path), edit, str(path), made.data, made.suffix)


def strangers(photos: Sequence[Path], others: Sequence[Path], each: int, seed: int) -> Iterator[Asked]:
    """Each photo as it is, then in so many of the edits :data:`ON_STRANGERS`, in turns.

    Args:
        photos: none of them is registered.
        others: what stands beside or behind them.
        each: edits of each photo, besides the photo itself.
        seed: of everything that is left to chance.
    """
    around = [opened(path) for path in others]
    for number, path in enumerate(photos):
        yield Asked(str(path), "none", "", path.read_bytes(), path.suffix)
        picture = opened(path)
        for turn in range(each):
            edit = ON_STRANGERS[(number + turn) % len(ON_STRANGERS)]
            made = apply(edit, picture, around, _seed(path, seed))
            yield Asked(str(path), edit, "", made.data, made.suffix)


def overlay_pairs(
    photos: Sequence[Path], others: Sequence[Path], overlays: Sequence[str], count: int, seed: int
) -> Iterator[Pair]:
    """Pairs of two photos under the same overlay; no photo is used twice while there are enough.

    Args:
        photos: different from one another; at least two.
        others: neighbours, the same ones for both of a pair.
        overlays: edits, in turns.
        count: how many pairs.
        seed: of everything that is left to chance.
    """
    around = [opened(path) for path in others]
    for number, (one, other) in enumerate(islice(_twos(photos, seed), count)):
        overlay = overlays[number % len(overlays)]
        made = [
            apply(overlay, ImageOps.fit(opened(path), UNDER_OVERLAYS), around, seed * 1_000_003 + number).data
            for path in (one, other)
        ]
        yield Pair(overlay, (str(one), str(other)), made[0], made[1])


def _twos(photos: Sequence[Path], seed: int) -> Iterator[tuple[Path, Path]]:
    """Endless pairs: all photos once, then all of them once more in another order."""
    chance, waiting = random.Random(seed), list[Path]()
    while True:
        if len(waiting) < 2:
            waiting = chance.sample(photos, len(photos))
        yield waiting.pop(), waiting.pop()


def _seed(path: Path, seed: int) -> int:
    return zlib.crc32(f"{seed}:{path.name}".encode())


def main() -> None:
    """Write questions and lists of them into a folder."""
    options = _parser().parse_args()
    works, others, unrelated = (photos_in(folder) for folder in (options.photos, options.others, options.unrelated))
    out: Path = options.out
    for name in ("copies", "strangers", "overlays"):
        (out / name).mkdir(parents=True, exist_ok=True)
    with _listed(out / "pictures.csv", ("file", "photo", "edit", "work")) as write:
        for asked in copies(works, others, tuple(EDITS), options.seed):
            write(
                (_kept(out, f"copies/{Path(asked.photo).stem}-{asked.edit}{asked.suffix}", asked.data), *_names(asked))
            )
        for asked in strangers(unrelated, others, options.each, options.seed):
            name = f"strangers/{Path(asked.photo).stem}-{asked.edit}{asked.suffix}"
            write((_kept(out, name, asked.data), *_names(asked)))
    with _listed(out / "overlays.csv", ("registered", "found", "overlay", "photo_registered", "photo_found")) as write:
        for number, pair in enumerate(_both_kinds(unrelated, others, options)):
            files = [_kept(out, f"overlays/{number:04d}-{side}.jpg", data) for side, data in pair.files]
            write((*files, pair.overlay, *(Path(photo).name for photo in pair.photos)))


def _both_kinds(photos: Sequence[Path], others: Sequence[Path], options: argparse.Namespace) -> Iterator[Pair]:
    yield from overlay_pairs(photos, others, OVERLAYS, options.overlays, options.seed)
    yield from overlay_pairs(photos, others, PAGES, options.pages, options.seed + 1)


def _names(asked: Asked) -> tuple[str, str, str]:
    return Path(asked.photo).name, asked.edit, Path(asked.work).name


def _kept(out: Path, name: str, data: bytes) -> str:
    (out / name).write_bytes(data)
    return name


@contextmanager
def _listed(path: Path, columns: Sequence[str]) -> Iterator[Callable[[Sequence[str]], object]]:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        yield writer.writerow


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.edited", description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="folder of works")
    parser.add_argument("--others", type=Path, required=True, help="folder of neighbours and backgrounds")
    parser.add_argument("--unrelated", type=Path, required=True, help="folder of photos that are no works")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--each", type=int, default=10, help="edits of each unrelated photo")
    parser.add_argument("--overlays", type=int, default=300, help="pairs of photos under one overlay")
    parser.add_argument("--pages", type=int, default=60, help="pairs of photos in one page")
    parser.add_argument("--seed", type=int, default=1)
    return parser


if __name__ == "__main__":
    main()
