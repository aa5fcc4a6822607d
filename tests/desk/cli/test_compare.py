"""`exhibit compare`: two pictures, without any server."""

from pathlib import Path

import pytest

from tests.assets.command_line import Terminal
from tests.assets.redrawn import scene
from tests.assets.rows import copy_of, photograph


@pytest.mark.long
def test_compare_needs_no_server_and_draws(alone: Terminal, folder: Path) -> None:
    work, copy, other = (folder / name for name in ("work.jpg", "copy.jpg", "other.jpg"))
    work.write_bytes(photograph(1))
    copy.write_bytes(copy_of(photograph(1)))
    other.write_bytes(photograph(2))
    drawings = ("--overlay", folder / "over.png", "--difference", folder / "difference.jpg")
    answer = alone.ask("compare", work, copy, *drawings)
    assert answer["decision"] == "certain"
    assert 0.5 < answer["probability"] < 1
    assert len(answer["calibration"]) == 64
    assert (folder / "over.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "difference.jpg").read_bytes().startswith(b"\xff\xd8")
    assert "over.gif ends neither" in alone.run("compare", work, copy, "--overlay", "over.gif", code=2).err
    assert alone.ask("compare", work, other)["decision"] == "none"
    assert "none: nothing was found that they share." in alone.run("compare", work, other).out
    assert not alone.data.exists()


@pytest.mark.long
def test_what_is_drawn_anew_is_graded_with_a_map(alone: Terminal, folder: Path) -> None:
    scene(1).save(folder / "work.png")
    scene(1, drawn=True).save(folder / "drawn.png")
    answer = alone.ask("compare", folder / "work.png", folder / "drawn.png", "--map", folder / "map.png")
    assert answer["decision"] == "resembles"
    assert answer["probability"] is None
    assert [len(row) for row in answer["survival"]] == [12] * 9
    assert (folder / "map.png").read_bytes().startswith(b"\x89PNG")
    said = alone.run("compare", folder / "work.png", folder / "drawn.png").out
    assert "resembles: it has to do with the work beyond chance" in said
    assert "of 0 to 5" in said
    assert "a legal question that software doesn't answer" in said


def test_a_file_that_is_no_picture_is_named(alone: Terminal, folder: Path) -> None:
    (folder / "one.jpg").write_bytes(photograph(1))
    (folder / "notes.txt").write_text("no picture")
    (folder / "broken.jpg").write_bytes(photograph(1)[:2000])
    assert "notes.txt" in alone.run("compare", folder / "one.jpg", folder / "notes.txt", code=2).err
    assert "broken.jpg: " in alone.run("compare", folder / "broken.jpg", folder / "one.jpg", code=2).err
    assert "aren't a picture" in alone.run("compare", folder / "one.jpg", folder / "notes.txt", code=2).err
