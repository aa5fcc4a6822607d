"""The whole way: works registered, pictures imported and matched, report; what each stage takes, on the web's mix.

Everything comes in portions, so that a run that is broken off still tells what there was until then, and goes on from
there when the same command is given again.
"""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

from bench.table import Row, keep
from bench.whole_pictures import Made, make_pictures, make_works, works_made

if TYPE_CHECKING:
    from bench.product import Product

WORKS_AT_ONCE, PICTURES_AT_ONCE = 1_000, 5_000
"""Works of one row of figures; pictures that are made, imported and matched before the next ones."""
KEPT = ("postgres", "blobs", "features", "indexes")
"""Folders in the data folder whose sizes are told."""


class Stages:
    """Times stages, and watches memory and processor time of this process and all its children.

    Args:
        out: folder where the rows are kept after each stage.
        data: the product's data folder.
        rows: of the stages that an earlier run has ended.
    """

    def __init__(self, out: Path, data: Path, rows: Sequence[Row] = ()) -> None:
        self.rows = list(rows)
        self._out, self._data = out, data

    def waits(self, name: str) -> bool:
        """Whether this stage hasn't ended yet."""
        return all(row["stage"] != name for row in self.rows)

    @contextmanager
    def stage(self, name: str, count: int) -> Iterator[None]:
        """Measure what happens inside."""
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
                **{f"{folder}, MB": megabytes(self._data / folder) for folder in KEPT},
            }
        )

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        keep(self._out, "whole", self.rows)
        print("; ".join(f"{name}: {value}" for name, value in row.items()), file=sys.stderr, flush=True)


def processor_seconds() -> float:
    """User and system time of this process, of all below it, and of those below it that have ended."""
    this = psutil.Process()
    total = 0.0
    for process in [this, *this.children(recursive=True)]:
        try:
            total += sum(process.cpu_times()[:4])  # user and system, and the same of children that were waited for
        except psutil.NoSuchProcess:
            continue
    return total


def megabytes(folder: Path) -> int:
    """What the files below a folder take, in 10⁶ bytes of disk; files that go away meanwhile don't count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_blocks * 512
            except FileNotFoundError:
                continue
    return round(total / 1e6)


class _PeakMemory:
    """Asks four times a second for the resident memory of this process and its children."""

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
    """Run the product on these photos, in a data folder of its own that is removed at the end.

    Args:
        photos: of which works and pictures are made.
        works: how many are registered.
        pictures: how many are imported and matched.
        reported: cases in the report, at most; none without any.
        out: folder where the rows are kept after each stage, and everything else until the end. A run that was broken
            off goes on; of a stage that it had begun, only what was left is measured then, and counted.
    """
    folder = out / "whole"
    rows = _begun(folder, {"works": works, "photos": len(photos)}, out / "whole.json")
    os.environ.update(EXHIBIT_DATA=str((folder / "data").absolute()), DJANGO_SETTINGS_MODULE="desk.settings")
    stages = Stages(out, folder / "data", rows)
    made = _made(stages, folder, photos, works)
    _run(stages, made, pictures, reported)
    shutil.rmtree(folder)
    return stages.rows


def _begun(folder: Path, asked: dict[str, int], kept: Path) -> list[Row]:
    """The rows of an earlier run with the same works; a run with others has to be removed by whoever began it."""
    note = folder / "asked.json"
    if not folder.exists():
        folder.mkdir(parents=True)
        note.write_text(json.dumps(asked), encoding="utf-8")
        return []
    if json.loads(note.read_text(encoding="utf-8")) != asked:
        raise SystemExit(f"{folder} holds a run with other works. Remove it, or name another folder with --out.")
    return list(json.loads(kept.read_text(encoding="utf-8"))["rows"]) if kept.exists() else []


def _made(stages: Stages, folder: Path, photos: Sequence[Path], works: int) -> Made:
    name = "make the works (not the product's)"
    if not stages.waits(name):
        return works_made(folder, photos, works)
    with stages.stage(name, works):
        return make_works(folder, photos, works)


def _run(stages: Stages, made: Made, pictures: int, reported: int) -> None:
    from bench.product import Product  # noqa: PLC0415 - needs the environment of this run

    with Product() as product:
        _register(stages, product, made.works)
        name = "keep the index of local votes up, in the background"
        if stages.waits(name):
            with stages.stage(name, len(made.works)):
                product.keep_votes_up()
        for start in range(0, pictures, PICTURES_AT_ONCE):
            _portion(stages, product, made, range(start, min(start + PICTURES_AT_ONCE, pictures)))
        if reported:
            with stages.stage("report (PDF, CSV, JSON), cases", min(reported, product.cases())):
                product.report(reported)


def _register(stages: Stages, product: "Product", works: Sequence[Path]) -> None:
    for start in range(0, len(works), WORKS_AT_ONCE):
        portion = works[start : start + WORKS_AT_ONCE]
        name = f"register works, a process a core, until {start + len(portion):,}"
        if stages.waits(name):
            left = product.unregistered(portion)
            with stages.stage(name, len(left)):
                product.register(left)


def _portion(stages: Stages, product: "Product", made: Made, numbers: range) -> None:
    """Make, import and match the pictures of these numbers."""
    upto = f"until {numbers.stop:,}"
    imported, matched = f"import pictures, {upto}", f"match pictures, a process a core, {upto}"
    if stages.waits(imported):
        with stages.stage(f"make pictures, {upto} (not the product's)", len(numbers)):
            folders = make_pictures(made, numbers)
        with stages.stage(imported, len(numbers)):
            for folder in folders:
                product.crawl(folder)
    if stages.waits(matched):
        waiting = product.waiting()
        with stages.stage(matched, len(waiting)):
            product.match(waiting)
        print(f"cases: {product.cases():,}; {product.found()}", file=sys.stderr, flush=True)
