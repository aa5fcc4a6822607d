"""The complete process: works registered, pictures imported and matched, report; cost of each stage on web data.

Everything is processed in portions, so that an interrupted run still has results, and continues from there when the
same command is run again.
"""

import io
import json
import os
import random
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import psutil
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from bench.common import Row, save_rows
from bench.queries import open_photo
from demo.edits import EDITS, edited

if TYPE_CHECKING:
    from bench.product import Product

SEED = 20
LONG_SIDE = 800
"""Long side of works and unrelated pictures in pixels. Smaller photographs are enlarged, with sensor grain."""
GRAIN = 0.06
COPIES = 20
"""Every twentieth picture is an edited copy of a work."""
SMALL = 3
"""Every third one is a thumbnail or an icon."""
ICONS = 0.4
"""Share of icons among the small ones."""
THUMBNAILS = (64, 100, 120, 150, 160, 200, 240)
PICTURES_PER_FOLDER = 2_000
"""Pictures in one folder. Each folder is one crawl."""


@dataclass(frozen=True, slots=True)
class SourcePictures:
    """Paths of the works, and sources of other pictures.

    Attributes:
        folder: Folder for the pictures.
        works: Files of the works.
        others: Photographs that are not used for works.
    """

    folder: Path
    works: Sequence[Path]
    other_photos: Sequence[Path]


def make_works(folder: Path, photos: Sequence[Path], count: int) -> SourcePictures:
    """Create works from at most half of the photographs. The output is deterministic."""
    shuffled = _shuffle(photos)
    quarters, needed = _needed(len(shuffled), count)
    if needed >= len(shuffled):
        raise SystemExit(
            f"{count:,} works are made of {needed:,} photos, and {len(shuffled):,} are there: --photos DIR"
        )
    sources = existing_works(folder, photos, count)
    (folder / "works").mkdir(exist_ok=True)
    grain = _grain()

    def make(number: int) -> None:
        picture = open_photo(shuffled[number % needed])
        part = _quarter(picture, number // needed) if quarters else picture
        _write(sources.works[number], _large(part, grain, number))

    _for_each(make, range(count))
    return sources


def existing_works(folder: Path, photos: Sequence[Path], count: int) -> SourcePictures:
    """Return the works created there by an earlier call of :func:`make_works`."""
    shuffled = _shuffle(photos)
    _, needed = _needed(len(shuffled), count)
    works = [folder / "works" / f"{number:06d}.jpg" for number in range(count)]
    return SourcePictures(folder / "pictures", works, shuffled[needed:])


def _shuffle(photos: Sequence[Path]) -> list[Path]:
    return random.Random(SEED).sample(list(photos), len(photos))


def _needed(photos: int, count: int) -> tuple[bool, int]:
    """Return whether works are quarters of photographs, and how many photographs they need."""
    quarters = count > photos // 2
    return quarters, -(-count // 4) if quarters else count


def make_pictures(sources: SourcePictures, numbers: range) -> list[Path]:
    """Create the pictures of these numbers in folders. Earlier pictures are removed."""
    shutil.rmtree(sources.folder, ignore_errors=True)
    grain = _grain()
    folders = {
        number: sources.folder / f"{max(numbers.start, number // PICTURES_PER_FOLDER * PICTURES_PER_FOLDER):06d}"
        for number in numbers
    }
    for folder in set(folders.values()):
        folder.mkdir(parents=True)
    _for_each(lambda number: _make_picture(folders[number], number, sources, grain), numbers)
    return sorted(set(folders.values()))


def _for_each(make: Callable[[int], None], numbers: range) -> None:
    """Run a function with one thread for each core: Pillow releases Python's lock."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        for _ in threads.map(make, numbers):
            pass


def _make_picture(folder: Path, number: int, sources: SourcePictures, grain: Image.Image) -> None:
    chance = random.Random(SEED * 1_000_003 + number)
    if number % COPIES == COPIES - 1:
        work = open_photo(chance.choice(sources.works))
        beside = [open_photo(chance.choice(sources.other_photos)) for _ in range(3)]
        copy = edited(chance.choice(EDITS), work, beside, number)
        (folder / f"copy-{number:06d}{copy.suffix}").write_bytes(copy.data)
    elif number % SMALL == 0 and chance.random() < ICONS:
        (folder / f"other-{number:06d}.png").write_bytes(icon(chance))
    else:
        picture = _vary(open_photo(sources.other_photos[number % len(sources.other_photos)]), chance)
        if number % SMALL == 0:
            side = chance.choice(THUMBNAILS)
            picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        else:
            picture = _large(picture, grain, number)
        _write(folder / f"other-{number:06d}.jpg", picture)


def _vary(picture: Image.Image, chance: random.Random) -> Image.Image:
    """Create a different picture: cropped to three quarters or more of each side, maybe mirrored or relit."""
    width, height = (round(side * chance.uniform(0.75, 1)) for side in picture.size)
    x, y = chance.randint(0, picture.width - width), chance.randint(0, picture.height - height)
    part = picture.crop((x, y, x + width, y + height))
    part = ImageOps.mirror(part) if chance.random() < 0.5 else part
    return ImageEnhance.Brightness(part).enhance(chance.uniform(0.8, 1.2))


def _quarter(picture: Image.Image, place: int) -> Image.Image:
    width, height = picture.width // 2, picture.height // 2
    x, y = place % 2 * width, place // 2 * height
    return picture.crop((x, y, x + width, y + height))


def _grain() -> Image.Image:
    values = np.random.default_rng(SEED).normal(128, 6, (2 * LONG_SIDE, 2 * LONG_SIDE))
    return Image.fromarray(values.astype(np.uint8)).convert("RGB")


def _large(picture: Image.Image, grain: Image.Image, number: int) -> Image.Image:
    """Enlarge smaller pictures, and add another piece of the grain for each number."""
    scale = LONG_SIDE / max(picture.size)
    large = ImageOps.scale(picture, scale, Image.Resampling.BICUBIC) if scale > 1 else picture
    x, y = random.Random(number).sample(range(2 * LONG_SIDE - max(large.size) + 1), 2)
    return Image.blend(large, grain.crop((x, y, x + large.width, y + large.height)), GRAIN)


def _write(path: Path, picture: Image.Image) -> None:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    path.write_bytes(out.getvalue())


WORKS_AT_ONCE, PICTURES_AT_ONCE = 1_000, 5_000
"""Works of one table row; pictures that are created, imported and matched before the next ones."""
MEASURED_FOLDERS = ("postgres", "blobs", "features", "indexes")
"""Folders in the data folder whose sizes are measured."""


class Stages:
    """Times stages, and measures memory and CPU time of this process and all its children.

    Args:
        out: Folder where the rows are saved after each stage.
        data: Data folder of the product.
        rows: Rows of the stages that an earlier run has completed.
    """

    def __init__(self, out: Path, data: Path, rows: Sequence[Row] = ()) -> None:
        self.rows = list(rows)
        self._out, self._data = out, data

    def is_pending(self, name: str) -> bool:
        """Return True if this stage has not been completed yet."""
        return all(row["stage"] != name for row in self.rows)

    @contextmanager
    def stage(self, name: str, count: int) -> Iterator[None]:
        """Measure the block."""
        watcher = _PeakMemory()
        started, began = time.monotonic(), processor_seconds()
        with watcher:
            yield
        seconds, spent = time.monotonic() - started, processor_seconds() - began
        self._add(
            {
                "stage": name,
                "items": count,
                "seconds": seconds,
                "processor seconds": spent,
                "processor ms an item": spent / max(1, count) * 1000,
                "peak MiB of all processes": watcher.mebibytes,
                **{f"{folder}, MB": megabytes(self._data / folder) for folder in MEASURED_FOLDERS},
            }
        )

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        save_rows(self._out, "whole", self.rows)
        print("; ".join(f"{name}: {value}" for name, value in row.items()), file=sys.stderr, flush=True)


def processor_seconds() -> float:
    """Return user and system time of this process and its descendants, including finished ones."""
    this = psutil.Process()
    total = 0.0
    for process in [this, *this.children(recursive=True)]:
        try:
            total += sum(process.cpu_times()[:4])  # user and system, and the same for awaited children
        except psutil.NoSuchProcess:
            continue
    return total


def megabytes(folder: Path) -> int:
    """Return the disk usage of a folder in 10⁶ bytes. Files that disappear meanwhile are not counted."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_blocks * 512
            except FileNotFoundError:
                continue
    return round(total / 1e6)


class _PeakMemory:
    """Samples the resident memory of this process and its children four times a second."""

    def __init__(self) -> None:
        self.mebibytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        this = psutil.Process()
        while True:
            total = 0
            for process in [this, *this.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.mebibytes = max(self.mebibytes, total >> 20)
            if self._stop.wait(0.25):
                return


def measure(photos: Sequence[Path], works: int, pictures: int, reported: int, out: Path) -> list[Row]:
    """Run the product on these photos, in its own data folder, which is removed at the end.

    Args:
        photos: Photographs from which works and pictures are made.
        works: Number of registered works.
        pictures: Number of imported and matched pictures.
        reported: Maximum cases in the report; 0 for no report.
        out: Folder where the rows are saved after each stage, and everything else until the end. An interrupted run is
            continued; of a stage that it had started, only the rest is measured and counted.
    """
    folder = out / "whole"
    rows = _load_rows(folder, {"works": works, "photos": len(photos)}, out / "whole.json")
    os.environ.update(EXHIBIT_DATA=str((folder / "data").absolute()), DJANGO_SETTINGS_MODULE="desk.settings")
    stages = Stages(out, folder / "data", rows)
    sources = _prepare_works(stages, folder, photos, works)
    _run(stages, sources, pictures, reported)
    shutil.rmtree(folder)
    return stages.rows


def _load_rows(folder: Path, options: dict[str, int], rows_path: Path) -> list[Row]:
    """Return the rows of an earlier run with the same works. The user must remove a run with other works."""
    note = folder / "asked.json"
    if not folder.exists():
        folder.mkdir(parents=True)
        note.write_text(json.dumps(options), encoding="utf-8")
        return []
    if json.loads(note.read_text(encoding="utf-8")) != options:
        raise SystemExit(f"{folder} holds a run with other works. Remove it, or name another folder with --out.")
    return list(json.loads(rows_path.read_text(encoding="utf-8"))["rows"]) if rows_path.exists() else []


def _prepare_works(stages: Stages, folder: Path, photos: Sequence[Path], works: int) -> SourcePictures:
    name = "make the works (not the product's)"
    if not stages.is_pending(name):
        return existing_works(folder, photos, works)
    with stages.stage(name, works):
        return make_works(folder, photos, works)


def _run(stages: Stages, sources: SourcePictures, pictures: int, reported: int) -> None:
    from bench.product import Product  # noqa: PLC0415 - needs the environment of this run

    with Product() as product:
        _register(stages, product, sources.works)
        name = "keep the index of local votes up, in the background"
        if stages.is_pending(name):
            with stages.stage(name, len(sources.works)):
                product.rebuild_votes()
        for start in range(0, pictures, PICTURES_AT_ONCE):
            _portion(stages, product, sources, range(start, min(start + PICTURES_AT_ONCE, pictures)))
        if reported:
            with stages.stage("report (PDF, CSV, JSON), cases", min(reported, product.cases())):
                product.report(reported)


def _register(stages: Stages, product: "Product", works: Sequence[Path]) -> None:
    for start in range(0, len(works), WORKS_AT_ONCE):
        portion = works[start : start + WORKS_AT_ONCE]
        name = f"register works, a process a core, until {start + len(portion):,}"
        if stages.is_pending(name):
            remaining = product.list_unregistered(portion)
            with stages.stage(name, len(remaining)):
                product.register(remaining)


def _portion(stages: Stages, product: "Product", sources: SourcePictures, numbers: range) -> None:
    """Create, import and match the pictures of these numbers."""
    upto = f"until {numbers.stop:,}"
    imported, matched = f"import pictures, {upto}", f"match pictures, a process a core, {upto}"
    if stages.is_pending(imported):
        with stages.stage(f"make pictures, {upto} (not the product's)", len(numbers)):
            folders = make_pictures(sources, numbers)
        with stages.stage(imported, len(numbers)):
            for folder in folders:
                product.crawl(folder)
    if stages.is_pending(matched):
        picture_ids = product.pending_pictures()
        with stages.stage(matched, len(picture_ids)):
            product.match(picture_ids)
        print(f"cases: {product.cases():,}; {product.count_matches()}", file=sys.stderr, flush=True)


def icon(chance: random.Random) -> bytes:
    """Create a PNG of 16 to 96 pixels with one shape on one colour."""
    side = chance.choice([16, 24, 32, 48, 64, 96])
    icon = Image.new("RGB", (side * 4, side * 4), chance.choice(["white", "#f4f4f4", "#20242c"]))
    draw = ImageDraw.Draw(icon)
    colour = tuple(chance.randrange(256) for _ in range(3))
    shape = chance.choice([draw.ellipse, draw.rectangle])
    shape((side * 0.6, side * 0.6, side * 3.4, side * 3.4), fill=colour)
    draw.line((side, side * 2, side * 3, side * 2), fill="white", width=max(2, side // 3))
    out = io.BytesIO()
    icon.resize((side, side), Image.Resampling.LANCZOS).save(out, "PNG")
    return out.getvalue()
