"""Pictures on real pages: whether their rectangles are detected, and whether works in their places are found.

``composed_pages.json`` lists screenshots of public repositories (theme previews, shops, apps, posts, mock-ups) with the
corners of every picture on them, drawn by hand. The screenshots are not included, because few of them have a licence;
``--pages-folder`` names the folder with the files, and a missing or different file is reported with its URL.
"""

import io
import json
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.common import Progress, Row, TitledTable, read_processor_seconds
from bench.matching.registered import RegisteredWorks
from exhibit.digests import Digest
from exhibit.pictures.decode import Limits
from exhibit.types import Decision
from indexer.layout.orientation import Box
from indexer.layout.single_thread import cv2
from indexer.picture.features import extract
from indexer.search.parts import find_parts
from indexer.search.search import Search

MANIFEST = Path(__file__).with_suffix(".json")
MIN_OVERLAP = 0.7
"""Intersection over union from which a detected rectangle is that of a picture."""
MAX_COVERED = 0.6
"""Maximum covered fraction of a picture in whose place a work is put."""
WORK_COUNT = 300
JPEG_QUALITY = 85

Corners = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PlacedPicture:
    """Picture on a page."""

    corners: Corners  # (4, 2) pixels of the page, clockwise from the top left corner of the picture
    kind: str  # tile, hero, tilted, wallpaper, or within another picture
    covered: float  # estimated fraction that other things cover


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Screenshot of a page."""

    name: str
    kind: str  # theme, shop, app, post, mockup, desktop, collage or slide
    data: bytes
    pictures: tuple[PlacedPicture, ...]


def read_pages(folder: Path) -> list[Page]:
    """Read the screenshots of the list from a folder; those that are missing or different are reported."""
    pages: list[Page] = []
    for entry in json.loads(MANIFEST.read_text("utf-8")):
        path = folder / entry["file"]
        data = path.read_bytes() if path.is_file() else b""
        if Digest.from_bytes(data).hex != entry["sha256"]:
            url = f"https://raw.githubusercontent.com/{entry['repository']}/{entry['commit']}/{entry['path']}"
            print(f"{path} is missing or differs from {url}.", file=sys.stderr)
            continue
        pages.append(Page(entry["name"], entry["kind"], data, tuple(map(_parse_picture, entry["pictures"]))))
    return pages


def _parse_picture(entry: dict[str, Any]) -> PlacedPicture:
    return PlacedPicture(np.array(entry["corners"], np.float32), entry["kind"], entry["covered"])


def measure(folder: Path, photos: Sequence[Path], out: Path, works: int = WORK_COUNT) -> Iterator[TitledTable]:
    """Yield the recall of rectangles and the recall of works, by kind of page."""
    pages = read_pages(folder)
    yield "composed-pages-boxes", "Pictures on pages whose rectangle is detected", _measure_boxes(pages)
    registered = RegisteredWorks(photos[:works], out / "composed-pages", lambda _count: None)
    title = f"Works among {len(registered):,} put in the place of a picture on a page"
    yield "composed-pages-works", title, _measure_works(pages, registered, photos[:works])


def _measure_boxes(pages: Sequence[Page]) -> list[Row]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    report = Progress("rectangles on pages", len(pages))
    for done, page in enumerate(pages, 1):
        report(done)
        boxes = [_list_corners(box) for box in _detect_boxes(page.data)]
        for picture in page.pictures:
            is_detected = max(_compute_overlap(box, picture.corners) for box in boxes) >= MIN_OVERLAP
            for key in (page.kind, "all"):
                counts[key][0] += 1
                counts[key][1] += is_detected
        for key in (page.kind, "all"):
            counts[key][2] += 1
    return [
        {"page": kind, "pages": page_count, "pictures": total, "detected": detected, "recall": detected / total}
        for kind, (total, detected, page_count) in counts.items()
    ]


def _detect_boxes(data: bytes) -> list[Box]:
    features = extract(data)
    whole = Box(0, 0, features.info.width, features.info.height)
    inset = [] if features.inset is None else [features.inset]
    parts = find_parts(features, lambda: data, Limits())
    return [whole, *features.panels, *inset, *(part.box for part in parts)]


def _list_corners(box: Box) -> Corners:
    return np.array(
        [[box.left, box.top], [box.right, box.top], [box.right, box.bottom], [box.left, box.bottom]], np.float32
    )


def _compute_overlap(first: Corners, second: Corners) -> float:
    """Compute the intersection over union of two convex quadrilaterals."""
    intersection, _ = cv2.intersectConvexConvex(first, second)
    return float(intersection / (cv2.contourArea(first) + cv2.contourArea(second) - intersection))


def _measure_works(pages: Sequence[Page], works: RegisteredWorks, photos: Sequence[Path]) -> list[Row]:
    counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    report = Progress("works on pages", len(pages))
    for done, page in enumerate(pages, 1):
        report(done)
        pixels = np.asarray(Image.open(io.BytesIO(page.data)).convert("RGB"))
        for number, picture in enumerate(page.pictures):
            if picture.covered > MAX_COVERED:
                continue
            work = zlib.crc32(f"{page.name} {number}".encode()) % len(works)
            data = place_work(np.asarray(Image.open(photos[work]).convert("RGB")), pixels, picture.corners)
            started = read_processor_seconds()
            search = Search(extract(data), lambda data=data: data, works, Limits())  # type: ignore[misc]
            search.run()
            seconds = read_processor_seconds() - started
            for key in (page.kind, "all"):
                row = counts[key]
                row["pictures"] += 1
                row["ms"] += 1000 * seconds
                for found_work, verification in search.verifications.items():
                    name = verification.decision.value if found_work == work else "wrong"
                    row[name] += found_work == work or verification.decision in {Decision.CERTAIN, Decision.REVIEW}
    return [
        {
            "page": kind,
            "pictures": int(row["pictures"]),
            **{name: int(row[name]) for name in ("certain", "review", "related", "wrong")},
            "found": (row["certain"] + row["review"]) / row["pictures"],
            "ms": row["ms"] / row["pictures"],
        }
        for kind, row in counts.items()
    ]


def place_work(work: NDArray[np.uint8], page: NDArray[np.uint8], corners: Corners) -> bytes:
    """Return the page as JPEG with a work in the place of a picture, cropped to its proportions."""
    width, height = (
        max(1, round(float(np.linalg.norm(corners[[end, other_end]] - corners[[start, other_start]], axis=1).mean())))
        for start, end, other_start, other_end in ((0, 1, 3, 2), (0, 3, 1, 2))
    )
    factor = max(width / work.shape[1], height / work.shape[0])
    size = (max(width, round(work.shape[1] * factor)), max(height, round(work.shape[0] * factor)))
    scaled = cv2.resize(work, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    fitted = np.ascontiguousarray(scaled[top : top + height, left : left + width])
    outline = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    transform = cv2.getPerspectiveTransform(outline, corners)
    page_size = (page.shape[1], page.shape[0])
    warped = cv2.warpPerspective(fitted, transform, page_size)
    opacity = cv2.warpPerspective(np.ones((height, width), np.float32), transform, page_size)[..., None]
    buffer = io.BytesIO()
    composed = np.asarray(warped * opacity + page * (1 - opacity), np.uint8)
    Image.fromarray(composed).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
