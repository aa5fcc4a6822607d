"""The benchmark of copies that nobody listed: every family has its row, and what was asked isn't asked again."""

from pathlib import Path

import pytest

from bench.edited import photos_in
from bench.matching import compositions
from bench.matching.questions import Folders
from bench.matching.run import Choice
from bench.primitives import FAMILIES
from tests import CHECKOUT

ASSETS = CHECKOUT / "demo" / "assets"


def test_each_kind_of_copy_has_its_row_and_answers_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strangers = tmp_path / "strangers"
    strangers.mkdir()
    for path in photos_in(ASSETS / "unrelated")[:3]:
        (strangers / path.name).write_bytes(path.read_bytes())
    folders = Folders(others=(strangers,), unrelated=(strangers,))
    choice = Choice(photos=(ASSETS / "works",), folders=folders, works=2, most_unrelated=1)
    first = {name: rows for name, _, rows in compositions.measure(choice, 2, 1, tmp_path / "out")}
    told = {str(row["what"]): row for row in first["compositions"]}
    assert set(told) <= {*FAMILIES, compositions.KNOWN, compositions.HELD_OUT}
    assert len(told) >= 3
    for row in told.values():
        assert 0 <= float(str(row["certain"])) <= float(str(row["found"])) <= 1
        assert {"pHash 64", "pHash 256", "PDQ", "Exhibit's hash", "Exhibit's descriptor", "Exhibit's votes"} <= set(row)
    capsys.readouterr()
    again = {name: rows for name, _, rows in compositions.measure(choice, 2, 1, tmp_path / "out")}
    assert again == first
    assert "compositions asked" not in capsys.readouterr().err
