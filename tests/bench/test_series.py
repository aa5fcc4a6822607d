"""The measure of series: scenes are made alike each time, and what is known as a series is told apart."""

from pathlib import Path

import pytest

from bench.series import Answer, as_series, asked, beside, by_kind, listed, made, named
from tests import CHECKOUT

PHOTOGRAPH = CHECKOUT / "demo" / "assets" / "works" / "regatta.jpg"
STILL = "made: nearly still camera"


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    (scene,) = (scene for scene in made([PHOTOGRAPH], 1, seed=1) if scene.kind == STILL)
    return asked(scene)


def test_exposures_are_made_alike_each_time_and_no_two_are_the_same() -> None:
    for once, again in zip(made([PHOTOGRAPH], 1, seed=1), made([PHOTOGRAPH], 1, seed=1), strict=True):
        files = [data() for _, data in once.exposures]
        assert files == [data() for _, data in again.exposures]
        assert len(set(files)) == 3


def test_exposures_that_alone_pass_for_copies_are_told_apart_as_a_series(answers: list[Answer]) -> None:
    row = as_series(answers)[0]
    assert row["kind"] == STILL
    assert (
        row["others certain: each alone"]
        == by_kind(answers)[0]["certain"]
        == sum(len(str(pair["edits"]).split(", ")) for pair in named(answers))
    )
    assert row["others certain: each alone"] > 0
    assert row["others certain: as a series"] == 0
    assert row["copies certain: as a series"] == row["copies"]


def test_peers_are_held_to_no_false_alarm(answers: list[Answer]) -> None:
    rows = beside(answers)
    assert [row["copies"] for row in rows] == [9] * len(rows)
    assert rows[0] == {"who": "Exhibit, certain", "copies": 9, "found": "1.000"}


def test_a_list_names_scenes_less_logos_and_patterns(tmp_path: Path) -> None:
    lines = ["file,group,kind", "a.jpg,shelf,same_product", "b.jpg,shelf,same_product", "c.jpg,logo,logo_look_alike"]
    (tmp_path / "groups.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (scene,) = listed(tmp_path)
    assert (scene.kind, [name for name, _ in scene.exposures]) == ("listed: same_product", ["a.jpg", "b.jpg"])
