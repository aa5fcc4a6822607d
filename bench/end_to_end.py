"""Cost of each stage of the complete process: registration of works, import and matching of pictures, report.

Works and pictures are processed in portions, so that an interrupted run has results. Running the same command again
continues it.
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
from demo.edits import EDIT_NAMES, edit_picture

if TYPE_CHECKING:
    from bench.product import Product

SEED = 20
LONG_SIDE = 800
"""Long side of works and unrelated pictures in pixels. Smaller photographs are enlarged, with sensor grain."""
GRAIN_OPACITY = 0.06
COPY_INTERVAL = 20
"""Every twentieth picture is an edited copy of a work."""
SMALL_INTERVAL = 3
"""Every third picture is a thumbnail or an icon."""
ICON_FRACTION = 0.4
"""Fraction of icons among the small pictures."""
THUMBNAIL_SIDES = (64, 100, 120, 150, 160, 200, 240)
PICTURES_PER_FOLDER = 2_000
"""Number of pictures per folder. Each folder is imported by one crawl."""


@dataclass(frozen=True, slots=True)
class SourcePictures:
    """Paths of the works, and sources of other pictures.

    Attributes:
        folder: Folder for the pictures.
        works: Files of the works.
        other_photos: Photographs that are not used for works.
    """

    folder: Path
    works: Sequence[Path]
    other_photos: Sequence[Path]


def make_works(folder: Path, photos: Sequence[Path], count: int) -> SourcePictures:
    """Create works from at most half of the photographs. The output is deterministic."""
    shuffled = _shuffle(photos)
    uses_quarters, needed_photos = _count_needed_photos(len(shuffled), count)
    if needed_photos >= len(shuffled):
        raise SystemExit(
            f"{count:,} works are made of {needed_photos:,} photos, and {len(shuffled):,} are there: --photos DIR"
        )
    sources = list_existing_works(folder, photos, count)
    (folder / "works").mkdir(exist_ok=True)
    grain = _make_grain()

    def make_work(number: int) -> None:
        picture = open_photo(shuffled[number % needed_photos])
        part = _crop_quarter(picture, number // needed_photos) if uses_quarters else picture
        _write_jpeg(sources.works[number], _enlarge(part, grain, number))

    _run_in_threads(make_work, range(count))
    return sources


def list_existing_works(folder: Path, photos: Sequence[Path], count: int) -> SourcePictures:
    """Return the works created there by an earlier call of :func:`make_works`."""
    shuffled = _shuffle(photos)
    _, needed_photos = _count_needed_photos(len(shuffled), count)
    works = [folder / "works" / f"{number:06d}.jpg" for number in range(count)]
    return SourcePictures(folder / "pictures", works, shuffled[needed_photos:])


def _shuffle(photos: Sequence[Path]) -> list[Path]:
    return random.Random(SEED).sample(list(photos), len(photos))


def _count_needed_photos(photos: int, count: int) -> tuple[bool, int]:
    """Return True if works are quarters of photographs, and the number of photographs that they need."""
    uses_quarters = count > photos // 2
    return uses_quarters, -(-count // 4) if uses_quarters else count


def make_pictures(sources: SourcePictures, numbers: range) -> list[Path]:
    """Create the pictures of these numbers in folders. Earlier pictures are removed."""
    shutil.rmtree(sources.folder, ignore_errors=True)
    grain = _make_grain()
    folders = {
        number: sources.folder / f"{max(numbers.start, number // PICTURES_PER_FOLDER * PICTURES_PER_FOLDER):06d}"
        for number in numbers
    }
    for folder in set(folders.values()):
        folder.mkdir(parents=True)
    _run_in_threads(lambda number: _make_picture(folders[number], number, sources, grain), numbers)
    return sorted(set(folders.values()))


def _run_in_threads(make: Callable[[int], None], numbers: range) -> None:
    """Run a function with one thread for each core: Pillow releases Python's lock."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        for _ in threads.map(make, numbers):
            pass


def _make_picture(folder: Path, number: int, sources: SourcePictures, grain: Image.Image) -> None:
    rng = random.Random(SEED * 1_000_003 + number)
    if number % COPY_INTERVAL == COPY_INTERVAL - 1:
        work = open_photo(rng.choice(sources.works))
        neighbours = [open_photo(rng.choice(sources.other_photos)) for _ in range(3)]
        copy = edit_picture(rng.choice(EDIT_NAMES), work, neighbours, number)
        (folder / f"copy-{number:06d}{copy.suffix}").write_bytes(copy.data)
    elif number % SMALL_INTERVAL == 0 and rng.random() < ICON_FRACTION:
        (folder / f"other-{number:06d}.png").write_bytes(make_icon(rng))
    else:
        picture = _make_variant(open_photo(sources.other_photos[number % len(sources.other_photos)]), rng)
        if number % SMALL_INTERVAL == 0:
            side = rng.choice(THUMBNAIL_SIDES)
            picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        else:
            picture = _enlarge(picture, grain, number)
        _write_jpeg(folder / f"other-{number:06d}.jpg", picture)


def _make_variant(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Create a variant of a picture: cropped to at least three quarters of each side, maybe mirrored or relit."""
    width, height = (round(side * rng.uniform(0.75, 1)) for side in picture.size)
    x, y = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
    part = picture.crop((x, y, x + width, y + height))
    part = ImageOps.mirror(part) if rng.random() < 0.5 else part
    return ImageEnhance.Brightness(part).enhance(rng.uniform(0.8, 1.2))


def _crop_quarter(picture: Image.Image, position: int) -> Image.Image:
    width, height = picture.width // 2, picture.height // 2
    x, y = position % 2 * width, position // 2 * height
    return picture.crop((x, y, x + width, y + height))


def _make_grain() -> Image.Image:
    values = np.random.default_rng(SEED).normal(128, 6, (2 * LONG_SIDE, 2 * LONG_SIDE))
    return Image.fromarray(values.astype(np.uint8)).convert("RGB")


def _enlarge(picture: Image.Image, grain: Image.Image, number: int) -> Image.Image:
    """Enlarge small pictures, and add a different section of the grain for each number."""
    scale = LONG_SIDE / max(picture.size)
    enlarged = ImageOps.scale(picture, scale, Image.Resampling.BICUBIC) if scale > 1 else picture
    x, y = random.Random(number).sample(range(2 * LONG_SIDE - max(enlarged.size) + 1), 2)
    return Image.blend(enlarged, grain.crop((x, y, x + enlarged.width, y + enlarged.height)), GRAIN_OPACITY)


def _write_jpeg(path: Path, picture: Image.Image) -> None:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    path.write_bytes(out.getvalue())


WORKS_PER_STAGE, PICTURES_PER_STAGE = 1_000, 5_000
"""Works per stage, and pictures that are created, imported and matched per stage."""
MEASURED_FOLDERS = ("postgres", "blobs", "features", "indexes")
"""Folders in the data folder whose sizes are measured."""


class StageRecorder:
    """Measures duration, memory and CPU time of stages, for this process and all its children.

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
    def measure_stage(self, name: str, count: int) -> Iterator[None]:
        """Measure a stage, which is the block."""
        watcher = _MemorySampler()
        started, cpu_start = time.monotonic(), read_processor_seconds()
        with watcher:
            yield
        seconds, cpu_seconds = time.monotonic() - started, read_processor_seconds() - cpu_start
        self._add_row(
            {
                "stage": name,
                "items": count,
                "seconds": seconds,
                "processor seconds": cpu_seconds,
                "processor ms an item": cpu_seconds / max(1, count) * 1000,
                "peak MiB of all processes": watcher.peak_mebibytes,
                **{f"{folder}, MB": measure_megabytes(self._data / folder) for folder in MEASURED_FOLDERS},
            }
        )

    def _add_row(self, row: Row) -> None:
        self.rows.append(row)
        save_rows(self._out, "whole", self.rows)
        print("; ".join(f"{name}: {value}" for name, value in row.items()), file=sys.stderr, flush=True)


def read_processor_seconds() -> float:
    """Return user and system time of this process and its descendants, including finished ones."""
    own_process = psutil.Process()
    total = 0.0
    for process in [own_process, *own_process.children(recursive=True)]:
        try:
            total += sum(process.cpu_times()[:4])  # User and system time, and those of awaited children.
        except psutil.NoSuchProcess:
            continue
    return total


def measure_megabytes(folder: Path) -> int:
    """Return the disk usage of a folder in 10⁶ bytes. Files that disappear in the meantime are skipped."""
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(directory) / name).lstat().st_blocks * 512
            except FileNotFoundError:
                continue
    return round(total / 1e6)


class _MemorySampler:
    """Samples the resident memory of this process and its children four times a second."""

    def __init__(self) -> None:
        self.peak_mebibytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        own_process = psutil.Process()
        while True:
            total = 0
            for process in [own_process, *own_process.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak_mebibytes = max(self.peak_mebibytes, total >> 20)
            if self._stop.wait(0.25):
                return


def measure(photos: Sequence[Path], works: int, pictures: int, max_report_cases: int, out: Path) -> list[Row]:
    """Run the product on these photos, in a separate data folder, which is removed at the end.

    Args:
        photos: Photographs from which works and pictures are made.
        works: Number of registered works.
        pictures: Number of imported and matched pictures.
        max_report_cases: Maximum number of cases in the report; 0 for no report.
        out: Folder for the rows, which are saved after each stage, and for all data until the end. An interrupted run
            is continued; of an interrupted stage, only the rest is measured.
    """
    folder = out / "whole"
    rows = _load_rows(folder, {"works": works, "photos": len(photos)}, out / "whole.json")
    os.environ.update(EXHIBIT_DATA=str((folder / "data").absolute()), DJANGO_SETTINGS_MODULE="desk.settings")
    stages = StageRecorder(out, folder / "data", rows)
    sources = _prepare_works(stages, folder, photos, works)
    _run_stages(stages, sources, pictures, max_report_cases)
    shutil.rmtree(folder)
    return stages.rows


def _load_rows(folder: Path, options: dict[str, int], rows_path: Path) -> list[Row]:
    """Return the rows of an earlier run with the same works. Exits if there is a run with other works."""
    options_file = folder / "options.json"
    if not folder.exists():
        folder.mkdir(parents=True)
        options_file.write_text(json.dumps(options), encoding="utf-8")
        return []
    if json.loads(options_file.read_text(encoding="utf-8")) != options:
        raise SystemExit(f"{folder} holds a run with other works. Remove it, or name another folder with --out.")
    return list(json.loads(rows_path.read_text(encoding="utf-8"))["rows"]) if rows_path.exists() else []


def _prepare_works(stages: StageRecorder, folder: Path, photos: Sequence[Path], works: int) -> SourcePictures:
    name = "make the works (not the product's)"
    if not stages.is_pending(name):
        return list_existing_works(folder, photos, works)
    with stages.measure_stage(name, works):
        return make_works(folder, photos, works)


def _run_stages(stages: StageRecorder, sources: SourcePictures, pictures: int, max_report_cases: int) -> None:
    from bench.product import Product  # noqa: PLC0415 - needs the environment of this run

    with Product() as product:
        _register_works(stages, product, sources.works)
        name = "keep the index of local votes up, in the background"
        if stages.is_pending(name):
            with stages.measure_stage(name, len(sources.works)):
                product.rebuild_votes()
        for start in range(0, pictures, PICTURES_PER_STAGE):
            _process_pictures(stages, product, sources, range(start, min(start + PICTURES_PER_STAGE, pictures)))
        if max_report_cases:
            with stages.measure_stage("report (PDF, CSV, JSON), cases", min(max_report_cases, product.count_cases())):
                product.create_report(max_report_cases)


def _register_works(stages: StageRecorder, product: "Product", works: Sequence[Path]) -> None:
    for start in range(0, len(works), WORKS_PER_STAGE):
        portion = works[start : start + WORKS_PER_STAGE]
        name = f"register works, a process a core, until {start + len(portion):,}"
        if stages.is_pending(name):
            remaining = product.list_unregistered(portion)
            with stages.measure_stage(name, len(remaining)):
                product.register_works(remaining)


def _process_pictures(stages: StageRecorder, product: "Product", sources: SourcePictures, numbers: range) -> None:
    """Create, import and match the pictures of these numbers."""
    suffix = f"until {numbers.stop:,}"
    import_stage, match_stage = f"import pictures, {suffix}", f"match pictures, a process a core, {suffix}"
    if stages.is_pending(import_stage):
        with stages.measure_stage(f"make pictures, {suffix} (not the product's)", len(numbers)):
            folders = make_pictures(sources, numbers)
        with stages.measure_stage(import_stage, len(numbers)):
            for folder in folders:
                product.import_folder(folder)
    if stages.is_pending(match_stage):
        picture_ids = product.list_pending_pictures()
        with stages.measure_stage(match_stage, len(picture_ids)):
            product.match_pictures(picture_ids)
        print(f"cases: {product.count_cases():,}; {product.count_matches()}", file=sys.stderr, flush=True)


def make_icon(rng: random.Random) -> bytes:
    """Create a PNG of 16 to 96 pixels with one shape on one colour."""
    side = rng.choice([16, 24, 32, 48, 64, 96])
    icon = Image.new("RGB", (side * 4, side * 4), rng.choice(["white", "#f4f4f4", "#20242c"]))
    draw = ImageDraw.Draw(icon)
    colour = tuple(rng.randrange(256) for _ in range(3))
    shape = rng.choice([draw.ellipse, draw.rectangle])
    shape((side * 0.6, side * 0.6, side * 3.4, side * 3.4), fill=colour)
    draw.line((side, side * 2, side * 3, side * 2), fill="white", width=max(2, side // 3))
    out = io.BytesIO()
    icon.resize((side, side), Image.Resampling.LANCZOS).save(out, "PNG")
    return out.getvalue()
