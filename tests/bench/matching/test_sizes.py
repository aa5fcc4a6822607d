"""Times by size: every size has pictures of it, pages have theirs in their shares, everybody is timed on the same."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from bench.matching import sizes
from bench.matching.look import Look
from bench.matching.registered import Registered
from bench.matching.retrievers import HashRetriever
from demo.pictures import textured


def pictures(folder: Path, count: int) -> list[Path]:
    files = [folder / f"{number}.jpg" for number in range(count)]
    for number, path in enumerate(files):
        textured(number, (320, 240)).save(path, quality=85)
    return files


def test_a_picture_has_the_megapixels_that_were_asked_for(tmp_path: Path) -> None:
    [path] = pictures(tmp_path, 1)
    for asked in sizes.MEGAPIXELS:
        with Image.open(io.BytesIO(sizes.sized(path, asked))) as made:
            assert abs(made.width * made.height / 1e6 - asked) < 0.01 * asked + 0.001
            assert abs(made.width / made.height - 4 / 3) < 0.02


def test_pages_have_each_size_in_its_share(tmp_path: Path) -> None:
    made = [Image.open(io.BytesIO(data)) for data in sizes._pages(pictures(tmp_path, 2), 39)]
    found = dict.fromkeys(sizes.PAGES, 0)
    for one in made:
        megapixels = one.width * one.height / 1e6
        found[min(found, key=lambda size: abs(size - megapixels))] += 1
    assert found == sizes.PAGES


def test_everybody_is_timed_at_every_size_in_one_run(tmp_path: Path) -> None:
    photos = pictures(tmp_path, 3)
    registered = Registered(photos, tmp_path / "works", lambda _: None)

    def hashed(look: Look) -> np.ndarray:
        return look.pixels[:1, :32, 0]

    peer = HashRetriever("peer", None, hashed, hashed)
    for path in photos:
        peer.register(Look(path.read_bytes()))
    theirs, ours = sizes.table(photos, 2, registered, [peer], cores=2)
    assert [row["what"] for row in (theirs, ours)] == ["peer", "Exhibit whole"]
    assert theirs.keys() == ours.keys()
    times = [[row[f"{size:g} MP, ms"] for size in sizes.MEGAPIXELS] for row in (theirs, ours)]
    assert all(float(str(value)) > 0 for row in times for value in row)
    assert float(str(times[0][-1])) > float(str(times[0][0])), "two megapixels take longer to decode than a tenth"
    assert float(str(theirs["pages, pictures/s on 2 cores"])) > 0
    assert theirs["bytes a work"] == 32
