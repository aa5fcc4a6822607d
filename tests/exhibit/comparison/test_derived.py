"""Test what survives of a work, cell by cell."""

import numpy as np
import pytest
from PIL import Image

from exhibit.comparison.derived import compute_survival_map, grade_survival_map
from exhibit.comparison.similarity import align_pair
from tests.assets.line_drawings import draw_scene
from tests.assets.textured import textured

WORK = draw_scene(1)
STILL = np.eye(3)


def _map(picture: Image.Image, work: Image.Image = WORK) -> tuple[str, ...]:
    return compute_survival_map(*align_pair(np.asarray(picture.convert("RGB")), np.asarray(work), STILL))


def test_work_compared_with_itself_survives_in_all_cells() -> None:
    survives = _map(WORK)
    assert [len(row) for row in survives] == [12] * 9
    assert set("".join(survives)) <= set("2-")
    assert grade_survival_map(survives) == 5


def test_redrawn_picture_preserves_structure_but_not_pixels() -> None:
    survives = "".join(_map(draw_scene(1, as_outline=True)))
    assert survives.count("1") > 0.6 * len(survives)
    assert grade_survival_map([survives]) in (2, 3)


def test_almost_no_cells_survive_in_an_unrelated_picture() -> None:
    assert max(grade_survival_map(_map(other(seed))) for seed in range(2, 6) for other in (draw_scene, textured)) == 0


def test_map_of_surviving_cells_shows_filled_in_regions() -> None:
    filled = WORK.copy()
    filled.paste(textured(9, (240, 360)), (240, 0))
    rows = _map(filled)
    left_side, right = ("".join(row[side] for row in rows) for side in (slice(0, 5), slice(7, 12)))
    assert left_side.count("2") > 0.9 * len(left_side)
    assert right.count("2") < 0.1 * len(right)
    assert grade_survival_map(rows) < 5


def test_plain_areas_of_a_work_are_uninformative_cells() -> None:
    sky = WORK.copy()
    sky.paste((120, 150, 200), (0, 0, 480, 180))
    rows = _map(sky, sky)
    assert set("".join(rows[:4])) == {"-"}
    assert grade_survival_map(rows) == 5


@pytest.mark.parametrize("height", [200, 60, 40, 10, 1])
def test_strip_lower_than_the_comparison_window_has_only_uninformative_cells(height: int) -> None:
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
def test_grade_depends_on_the_share_of_surviving_informative_cells(signs: str, expected: int) -> None:
    assert grade_survival_map([signs]) == expected
