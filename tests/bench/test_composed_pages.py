"""Test the benchmark of pictures on pages: works are put into their places, and missing screenshots are reported."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import composed_pages
from exhibit.digests import Digest
from tests.assets.textured import encoded, textured


@pytest.fixture
def screenshots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with one page on which two pictures lie; the list names another one that is missing."""
    page = Image.new("RGB", (1200, 900), "white")
    boxes = [(100, 100, 500, 400), (640, 100, 1040, 400)]
    for number, box in enumerate(boxes):
        page.paste(textured(number).resize((400, 300)), box[:2])
    data = encoded(page)
    (tmp_path / "page.png").write_bytes(data)
    pictures = [
        {"corners": [[left, top], [right, top], [right, bottom], [left, bottom]], "kind": "tile", "covered": 0}
        for left, top, right, bottom in boxes
    ]
    entry = {"name": "page", "kind": "shop", "repository": "o/r", "commit": "c", "path": "p.png", "pictures": pictures}
    entries = [
        {**entry, "file": "page.png", "sha256": Digest.from_bytes(data).hex},
        {**entry, "file": "gone.png", "sha256": "0" * 64},
    ]
    manifest = tmp_path / "pages.json"
    manifest.write_text(json.dumps(entries))
    monkeypatch.setattr(composed_pages, "MANIFEST", manifest)
    return tmp_path


def test_rectangles_and_works_of_a_page_are_found(
    screenshots: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = []
    for number in range(10, 14):
        photos.append(tmp_path / f"{number}.jpg")
        photos[-1].write_bytes(encoded(textured(number), "JPEG", 90))
    tables = {name: rows for name, _, rows in composed_pages.measure(screenshots, photos, tmp_path / "out")}
    assert [(row["page"], row["detected"], row["pictures"]) for row in tables["composed-pages-boxes"]] == [
        ("shop", 2, 2),
        ("all", 2, 2),
    ]
    assert [(row["page"], row["found"], row["wrong"]) for row in tables["composed-pages-works"]] == [
        ("shop", 1, 0),
        ("all", 1, 0),
    ]
    assert "https://raw.githubusercontent.com/o/r/c/p.png" in capsys.readouterr().err


def test_work_is_placed_in_a_tilted_picture() -> None:
    corners = np.array([[50, 40], [170, 20], [180, 120], [60, 140]], np.float32)
    page = np.zeros((200, 240, 3), np.uint8)
    data = composed_pages.place_work(np.full((90, 120, 3), 255, np.uint8), page, corners)
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    assert pixels[80, 115] > 250
    assert pixels[25, 60] < 5
    assert pixels[10:, :40].max() < 5


def test_included_list_names_sources_and_places_pictures_on_their_pages() -> None:
    entries = json.loads(composed_pages.MANIFEST.read_text("utf-8"))
    assert len(entries) >= 60
    for entry in entries:
        assert len(entry["commit"]) == 40
        corners = np.array([picture["corners"] for picture in entry["pictures"]])
        margin = 0.01 * entry["width"]  # a tilted picture may leave the page a little
        assert (corners >= -margin).all()
        assert (corners <= (entry["width"] + margin, entry["height"] + margin)).all()
