"""The whole way: works registered, pictures imported and matched, cases, report; seconds and memory by stage."""

import io
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psutil
from PIL import Image

from bench.table import Row
from demo.edits import EDITS, edited

SEED = 20
COPIES = 0.2
"""Share of the pictures that are edited copies of works; the rest are other photos and their variants."""


class Stages:
    """Times stages and watches the memory of this process and all its children."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    @contextmanager
    def stage(self, name: str, count: int) -> Iterator[None]:
        """Measure what happens inside."""
        watcher = _PeakMemory()
        started = time.monotonic()
        with watcher:
            yield
        seconds = time.monotonic() - started
        row = {"stage": name, "items": count, "seconds": seconds, "ms an item": seconds / max(1, count) * 1000}
        self.rows.append({**row, "peak MiB of all processes": watcher.mebibytes})


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
        while not self._stop.wait(0.25):
            total = 0
            for process in [this, *this.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.mebibytes = max(self.mebibytes, total >> 20)


def measure(photos: Sequence[Path], works: int, pictures: int) -> list[Row]:
    """Run the product on these photos, in a data folder of its own that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="exhibit-bench-") as name:
        Path(name).chmod(0o755)
        os.environ.update(EXHIBIT_DATA=f"{name}/data", DJANGO_SETTINGS_MODULE="desk.settings")
        stages = Stages()
        with stages.stage("make the folders (not the product's)", works + pictures):
            folders = make_folders(Path(name), photos, works, pictures)
        _run(stages, *folders)
        return stages.rows


def make_folders(folder: Path, photos: Sequence[Path], works: int, pictures: int) -> tuple[Path, Path]:
    """The works' folder and the pictures' folder; the same photos and numbers give the same files."""
    chosen = random.Random(SEED).sample(list(photos), min(len(photos), works))
    others = [path for path in photos if path not in set(chosen)] or chosen
    in_works, in_pictures = folder / "works", folder / "pictures"
    in_works.mkdir()
    in_pictures.mkdir()
    for path in chosen:
        (in_works / path.name).write_bytes(path.read_bytes())
    copies = round(pictures * COPIES)
    for number in range(pictures):
        source = chosen[number % len(chosen)] if number < copies else others[number % len(others)]
        _write_edit(in_pictures, number, source, others)
    return in_works, in_pictures


def _write_edit(folder: Path, number: int, source: Path, others: Sequence[Path]) -> None:
    picture = Image.open(io.BytesIO(source.read_bytes())).convert("RGB")
    beside = [Image.open(others[(number + step) % len(others)]).convert("RGB") for step in (1, 2, 3)]
    made = edited(EDITS[number % len(EDITS)], picture, beside, number)
    (folder / f"{number:06d}{made.suffix}").write_bytes(made.data)


def _run(stages: Stages, works: Path, pictures: Path) -> None:
    from bench.product import Product  # noqa: PLC0415 - needs the environment of this run

    with Product() as product:
        with stages.stage("register works", len(list(works.iterdir()))):
            product.register(works)
        with stages.stage("import pictures", len(list(pictures.iterdir()))):
            product.crawl(pictures)
        with stages.stage("match pictures, open cases", len(list(pictures.iterdir()))):
            product.match()
        cases = product.cases()
        with stages.stage("report (PDF, CSV, JSON)", cases):
            product.report()
