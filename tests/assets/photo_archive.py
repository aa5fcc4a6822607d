"""A folder with the smallest number of photographs that suffices for a calibration."""

from pathlib import Path

from demo.pictures import generate_textured
from indexer.calibration.measure import Plan
from indexer.calibration.probability import MIN_PHOTOGRAPHS
from tests.assets.rows import encode_jpeg

COUNT = MIN_PHOTOGRAPHS + 1
PLAN = Plan(edited=5, edits_each=2)


def ignore_progress(stage: str, done: int, total: int) -> None:
    """Ignore progress."""


def fill_archive(folder: Path) -> Path:
    """Fill a folder with different photographs, an exact copy of one, a recompressed one, and a text file."""
    folder.mkdir(exist_ok=True)
    for seed in range(COUNT):
        (folder / f"{seed:02}.jpg").write_bytes(encode_jpeg(generate_textured(seed, (160, 120))))
    (folder / "again.jpg").write_bytes((folder / "00.jpg").read_bytes())
    (folder / "other.jpg").write_bytes(encode_jpeg(generate_textured(3, (160, 120)), quality=60))
    (folder / "notes.txt").write_text("no picture")
    return folder
