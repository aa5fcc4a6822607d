"""Leave-one-family-out on a few small pictures: pairs of every kind are measured, once."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.families import run
from bench.matching.questions import Folders
from bench.matching.run import Choice
from tests.assets.textured import textured

SMALL = (256, 192)


def photographs(folder: Path, seeds: Sequence[int]) -> Path:
    folder.mkdir()
    for seed in seeds:
        textured(seed, SMALL).save(folder / f"{seed}.jpg", quality=92)
    return folder


def test_all_kinds_of_pairs_are_measured_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    works, unrelated = photographs(tmp_path / "works", range(6)), photographs(tmp_path / "unrelated", range(10, 16))
    alike = photographs(tmp_path / "alike", range(20, 28))
    lines = [
        f"{seed}.jpg,scene {seed // 2},same_scene,{'ambiguous' if seed > 25 else 'not_copy'}" for seed in range(20, 28)
    ]
    (alike / "groups.csv").write_text("\n".join(["file,group,kind,expected", *lines]) + "\n", "utf-8")
    folders = Folders(others=(unrelated,), unrelated=(unrelated,))
    choice = Choice((works,), folders, works=6, most_unrelated=2, overlays=2, lookalikes=alike)
    first = {name: rows for name, _, rows in run.measure(choice, 1, tmp_path / "out")}
    assert list(first) == [f"families{of}{table}" for of in ("", "-plain") for table in ("", "-others", "-limits")]
    *families, mean, worst = first["families"]
    copies = [int(str(row["copies"])) for row in (*families, mean, worst)]
    assert 8 <= sum(copies[:-2]) == copies[-2] == copies[-1] <= 12
    counted = {str(row["other pictures"]): row["pairs"] for row in first["families-others"]}
    assert int(str(counted["look-alikes"])) >= 3  # less the pair that the list calls contested
    assert counted["under one overlay"] == 2
    capsys.readouterr()
    assert {name: rows for name, _, rows in run.measure(choice, 1, tmp_path / "out")} == first
    assert " pairs:" not in capsys.readouterr().err
