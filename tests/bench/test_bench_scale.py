"""The benchmarks at scale make what they say that they make."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.crowd_works import changed, source_of
from bench.edited import opened
from bench.memory import drawn_codec
from bench.whole import Stages
from bench.whole_pictures import COPIES, LONG_SIDE, SMALL, make_pictures, make_works, works_made
from indexer.picture.local_features import WIDTH, units_of
from indexer.votes.codec import GRAPH_FROM
from indexer.votes.segments import nearest_lists, no_rows


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Eight photographs of one colour each, light above and dark below."""
    folder = tmp_path / "photos"
    folder.mkdir()
    paths = [folder / f"{number}.png" for number in range(8)]
    for number, path in enumerate(paths):
        rows = np.linspace(255, 60, 60)[:, None, None] * np.array([number & 1, number >> 1 & 1, number >> 2 & 1])
        Image.fromarray(np.broadcast_to(rows, (60, 80, 3)).astype(np.uint8)).save(path)
    return paths


def colours(paths: Sequence[Path]) -> set[tuple[bool, ...]]:
    """Which of red, green and blue each picture has."""
    return {tuple((np.asarray(opened(path)).mean((0, 1)) > 25).tolist()) for path in paths}


def test_no_photograph_is_a_work_and_something_else(photos: list[Path], tmp_path: Path) -> None:
    made = make_works(tmp_path, photos, 12)
    assert len(made.works) == 12
    assert not colours(made.works) & colours(made.others)
    assert len(colours(made.works)) == 3


def test_works_are_whole_photographs_while_there_are_enough(photos: list[Path], tmp_path: Path) -> None:
    made = make_works(tmp_path, photos, 4)
    assert len(colours(made.works)) == 4
    assert opened(made.works[0]).size == (LONG_SIDE, LONG_SIDE * 3 // 4)


def test_pictures_differ_from_one_another_whatever_they_are_made_of(photos: list[Path], tmp_path: Path) -> None:
    made = make_works(tmp_path, photos, 4)
    files = [path for folder in make_pictures(made, range(90, 190)) for path in folder.iterdir()]
    assert len({path.read_bytes() for path in files if path.suffix != ".png"}) > 0.95 * 85
    assert sum(path.name.startswith("copy") for path in files) == 100 // COPIES
    small = [path for path in files if max(opened(path).size) < LONG_SIDE / 2]
    assert len(small) == pytest.approx(100 / SMALL, abs=3)


def test_pictures_of_the_same_numbers_are_the_same(photos: list[Path], tmp_path: Path) -> None:
    made = make_works(tmp_path, photos, 4)
    first = [path.read_bytes() for folder in make_pictures(made, range(30)) for path in sorted(folder.iterdir())]
    again = [path.read_bytes() for folder in make_pictures(made, range(30)) for path in sorted(folder.iterdir())]
    assert first == again


def test_a_run_that_was_broken_off_finds_the_works_that_it_made(photos: list[Path], tmp_path: Path) -> None:
    for count in (4, 12):
        folder = tmp_path / str(count)
        folder.mkdir()
        assert make_works(folder, photos, count) == works_made(folder, photos, count)


def test_stages_that_have_ended_are_not_measured_again(tmp_path: Path) -> None:
    stages = Stages(tmp_path, tmp_path, [{"stage": "first"}])
    assert not stages.waits("first")
    assert stages.waits("second")
    with stages.stage("second", 3):
        pass
    assert not stages.waits("second")
    assert [row["stage"] for row in stages.rows] == ["first", "second"]


def test_changed_codes_stay_in_their_lists_and_take_their_bytes_from_there() -> None:
    chance = np.random.default_rng(1)
    lists = chance.integers(0, 5, 2_000)
    codes = (lists[:, None] * 50 + chance.integers(0, 50, (2_000, 16))).astype(np.uint8)
    others = changed(lists, codes, chance)
    assert (others // 50 == lists[:, None]).all()
    assert 0.4 < (others == codes).mean() < 0.9


def test_the_crowd_is_made_of_no_photograph_that_is_asked_for() -> None:
    assert {source_of(work, real=10, asked=4) for work in range(10, 100)} == set(range(4, 10))


def test_lists_that_are_drawn_find_what_lies_in_them() -> None:
    descriptors = np.random.default_rng(1).integers(0, 256, (GRAPH_FROM + 500, WIDTH), np.uint8)
    rows = no_rows(drawn_codec(GRAPH_FROM, descriptors))
    assert rows.index.nlist == GRAPH_FROM
    rows.add([(number, descriptors[number * 10 : number * 10 + 10]) for number in range(20)])
    queries = units_of(descriptors[50:60])
    assert rows.search(queries, nearest_lists(rows.index, queries), 1)[1].ravel().tolist() == [5] * 10
