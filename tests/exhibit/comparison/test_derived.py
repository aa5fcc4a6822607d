"""Test what survives of a work, cell by cell."""

import numpy as np
import pytest
from PIL import Image

from exhibit.comparison.derived import grade, survival
from exhibit.comparison.similarity import laid_on
from tests.assets.redrawn import scene
from tests.assets.textured import textured

WORK = scene(1)
STILL = np.eye(3)


def _map(found: Image.Image, work: Image.Image = WORK) -> tuple[str, ...]:
    return survival(*laid_on(np.asarray(found.convert("RGB")), np.asarray(work), STILL))


def test_a_work_survives_in_itself_in_all_its_pixels() -> None:
    survives = _map(WORK)
    assert [len(row) for row in survives] == [12] * 9
    assert set("".join(survives)) <= set("2-")
    assert grade(survives) == 5


def test_what_is_drawn_anew_keeps_its_structure_and_not_its_pixels() -> None:
    survives = "".join(_map(scene(1, drawn=True)))
    assert survives.count("1") > 0.6 * len(survives)
    assert grade([survives]) in (2, 3)


def test_of_another_picture_hardly_anything_survives() -> None:
    assert max(grade(_map(other(seed))) for seed in range(2, 6) for other in (scene, textured)) == 0


def test_the_map_says_where_something_was_filled_in() -> None:
    filled = WORK.copy()
    filled.paste(textured(9, (240, 360)), (240, 0))
    rows = _map(filled)
    left, right = ("".join(row[side] for row in rows) for side in (slice(0, 5), slice(7, 12)))
    assert left.count("2") > 0.9 * len(left)
    assert right.count("2") < 0.1 * len(right)
    assert grade(rows) < 5


def test_a_plain_part_of_the_work_tells_nothing() -> None:
    sky = WORK.copy()
    sky.paste((120, 150, 200), (0, 0, 480, 180))
    rows = _map(sky, sky)
    assert set("".join(rows[:4])) == {"-"}
    assert grade(rows) == 5


@pytest.mark.parametrize("height", [200, 60, 40, 10, 1])
def test_a_strip_that_is_lower_than_a_window_tells_nothing(height: int) -> None:
    strip = WORK.resize((960, height))
    rows = _map(strip, strip)
    assert [len(row) for row in rows] == [12] * max(1, height // 80)
    assert (set("".join(rows)) == {"-"}) == (height < 200)


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ("2" * 90 + "0" * 10, 5),
        ("2" * 60 + "0" * 40, 4),
        ("1" * 75 + "0" * 25, 3),
        ("1" * 60 + "0" * 40 + "-" * 90, 2),
        ("2" * 25 + "0" * 75, 1),
        ("1" * 24 + "0" * 76, 0),
        ("2" * 19 + "-" * 80, 0),
        ("", 0),
    ],
)
def test_the_grade_goes_by_the_shares_of_cells_that_tell_something(signs: str, expected: int) -> None:
    assert grade([signs]) == expected
