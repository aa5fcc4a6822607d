"""Copies whose decisions must not get worse from one version to the next, and the file of these decisions.

Every primitive of :mod:`bench.primitives` is applied once to one of the works of the demonstration, and every work is
cropped to two of its corners. ``python -m tests.assets.recall_copies`` measures all copies and writes the file again;
it reports which copies were found before and are lost now. State the reason for each in the commit.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.matching.registered import RegisteredWorks
from bench.primitives import PRIMITIVES
from bench.primitives.chains import compose
from exhibit.types import Decision
from indexer.compare.decision import DetailedVerification
from indexer.compare.figures import Figures
from indexer.compare.odds_model import load_shipped_model
from indexer.picture.features import extract
from indexer.search.comparison import compare_pair
from indexer.search.search import find_works
from tests import CHECKOUT

ASSETS = CHECKOUT / "demo" / "assets"
FILE = Path(__file__).with_name("recall.json")
CORNERS = ((0.0, 0.0), (0.55, 0.55), (0.55, 0.0), (0.0, 0.55))
CORNER_SIZE = 0.45
"""Sides of a corner crop, as a fraction of those of the work."""
FIRM_MARGIN = 1.0
"""Minimum difference in log odds from the limits of a review for a copy that must be found on every machine."""


class RecordedCopy(TypedDict):
    """Recorded decisions on one copy."""

    alone: str  # decision when the copy is only compared with its work
    beside: str  # decision when the copy is searched for among all works
    firm: bool  # whether both decisions are clear enough for every machine


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy.

    Attributes:
        name: Primitive or corner, and the name of the work.
        work: Position of its work among the registered pictures.
        data: Bytes of its file.
    """

    name: str
    work: int
    data: bytes


def list_registered() -> list[Path]:
    """Return the registered pictures: the works, then other pictures."""
    return [path for folder in ("works", "lookalikes", "unrelated") for path in sorted((ASSETS / folder).glob("*.jpg"))]


def generate_copies() -> Iterator[Copy]:
    """Yield all copies, always the same."""
    works = sorted((ASSETS / "works").glob("*.jpg"))
    neighbours = [_load_pixels(path) for path in sorted((ASSETS / "unrelated").glob("*.jpg"))]
    for number, (name, primitive) in enumerate(sorted(PRIMITIVES.items())):
        work = number % len(works)
        copy = compose(_load_pixels(works[work]), neighbours, [primitive], seed=number, length=1, strength=0.5)
        if copy is not None:
            yield Copy(f"{name} {works[work].stem}", work, copy.data)
    for work, path in enumerate(works):
        pixels = _load_pixels(path)
        height, width = pixels.shape[:2]
        for corner in (work % 4, (work + 1) % 4):
            left, top = round(CORNERS[corner][0] * width), round(CORNERS[corner][1] * height)
            crop = pixels[top : top + round(CORNER_SIZE * height), left : left + round(CORNER_SIZE * width)]
            yield Copy(f"corner {corner} {path.stem}", work, _encode_jpeg(crop))


def measure_copies(folder: Path) -> dict[str, RecordedCopy]:
    """Compare every copy with its work, and search for it among all registered pictures."""
    works = RegisteredWorks(list_registered(), folder, lambda _count: None)
    records: dict[str, RecordedCopy] = {}
    for copy in generate_copies():
        features = extract(copy.data)
        alone = compare_pair(features, _Constant(copy.data), works.features(copy.work))
        beside = dict(find_works(features, _Constant(copy.data), works)).get(copy.work)
        records[copy.name] = {
            "alone": alone.decision.value,
            "beside": Decision.NONE.value if beside is None else beside.decision.value,
            "firm": _is_firm(alone) and beside is not None and beside.decision.rank >= Decision.REVIEW.rank,
        }
    return records


def load_records() -> dict[str, RecordedCopy]:
    """Return the recorded decisions by name of the copy."""
    records: dict[str, RecordedCopy] = json.loads(FILE.read_text("utf-8"))
    return records


def is_found(decision: str) -> bool:
    """Return True for a decision that a member sees: certain or review."""
    return Decision(decision).rank >= Decision.REVIEW.rank


def _is_firm(verification: DetailedVerification) -> bool:
    odds_model = load_shipped_model()
    return (
        verification.decision.rank >= Decision.REVIEW.rank
        and (verification.related or 0) >= verification.limit + FIRM_MARGIN
        and odds_model.review_question.compute_log_odds(Figures.from_dict(verification.figures))
        >= odds_model.review_limit + FIRM_MARGIN
    )


class _Constant:
    """Function that returns the same bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __call__(self) -> bytes:
        return self._data


@cache
def _load_pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _encode_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    return file.getvalue()


def main() -> None:
    """Measure all copies, report lost ones, and write the file."""
    before = load_records() if FILE.exists() else {}
    with TemporaryDirectory() as folder:
        records = measure_copies(Path(folder))
    for name, record in before.items():
        if is_found(record["beside"]) and (name not in records or not is_found(records[name]["beside"])):
            sys.stderr.write(f"Lost: {name}\n")
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(record)}" for name, record in sorted(records.items()))
    FILE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
