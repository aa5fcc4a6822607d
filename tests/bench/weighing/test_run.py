"""A weighing is fitted to a few small pictures: pairs of every kind are measured, once."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.matching.questions import Folders
from bench.matching.run import Choice
from bench.weighing import run
from bench.weighing.measuring import LINES, Plan, kept
from bench.weighing.pairs import Kind
from exhibit.errors import WrongUseError
from indexer.compare.weighing import read
from indexer.picture.spaces import PIPELINE
from tests.assets.textured import textured

SMALL = (256, 192)


def photographs(folder: Path, seeds: Sequence[int]) -> Path:
    folder.mkdir()
    for seed in seeds:
        textured(seed, SMALL).save(folder / f"{seed}.jpg", quality=92)
    return folder


def look_alikes(folder: Path) -> Path:
    """Four scenes of two pictures each, the second one turned and enlarged a little; the last scene is contested."""
    folder.mkdir()
    lines = ["file,group,kind,expected"]
    for scene in range(4):
        picture = textured(20 + scene, SMALL)
        for number in range(2):
            name = f"{scene}-{number}.jpg"
            picture.rotate(3 * number).crop((8, 8, 240, 176)).save(folder / name, quality=92)
            lines.append(f"{name},scene {scene},same_scene,{'ambiguous' if scene == 3 else 'not_copy'}")
    (folder / "groups.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    works, unrelated = photographs(tmp_path / "works", range(6)), photographs(tmp_path / "unrelated", range(10, 14))
    choice = Choice(
        (works,), Folders(others=(unrelated,), unrelated=(unrelated,)), works=6, overlays=2, pages=1,
        lookalikes=look_alikes(tmp_path / "alike"),
    )  # fmt: skip
    return Plan(choice, singles=1, chains=1, data="made pictures")


def test_pairs_of_all_kinds_are_measured_once_and_a_run_that_was_stopped_goes_on(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    first = {name: rows for name, _, rows in run.measure(plan, out)}
    assert list(first) == ["weighing-kinds", "weighing-kinds-apart", "weighing-families"]
    about, pairs = kept(out / run.FOLDER)
    assert {pair.kind for pair in pairs} == set(Kind)
    assert {pair.family for pair in pairs if pair.kind is Kind.COPY} >= {"edits", "chains"}
    assert not any(pair.kind is Kind.EXPOSURE and pair.scene == "scene 3" for pair in pairs)  # it is contested
    assert not any(pair.family for pair in pairs if pair.kind is not Kind.COPY)
    written = (out / run.FOLDER / run.FILE).read_text("utf-8")
    weighing = read(written)
    assert weighing.provenance is not None
    assert weighing.provenance.pipeline == about.pipeline == PIPELINE
    assert weighing.provenance.data == "made pictures: 6 works, 4 strangers, 8 look-alikes"
    assert sum(weighing.provenance.pairs.values()) == len(pairs)
    assert str(tmp_path) not in written
    assert "--photos works --others unrelated --unrelated unrelated --lookalikes alike --works 6" in about.command

    (file,) = out.rglob(LINES)
    lines = [line for line in file.read_text("utf-8").splitlines() if line]
    file.write_text("\n".join(lines[:-3]) + "\n" + lines[-3][:40], "utf-8")  # killed while it wrote
    capsys.readouterr()
    assert {name: rows for name, _, rows in run.measure(plan, out)} == first
    again = [line for line in file.read_text("utf-8").splitlines() if line]
    assert again[: len(lines) - 3] == lines[:-3]
    assert [json.loads(line) for line in again[-3:]] == [json.loads(line) for line in lines[-3:]]
    assert {name: rows for name, _, rows in run.fit(out)} == first


def test_nothing_is_fitted_where_nothing_was_measured(tmp_path: Path) -> None:
    with pytest.raises(WrongUseError) as told:
        list(run.fit(tmp_path))
    assert told.value.hint
