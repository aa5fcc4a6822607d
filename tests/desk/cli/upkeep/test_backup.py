"""`exhibit backup`: where it is written, and what is said of it."""

from pathlib import Path

from tests.assets.command_line import Terminal


def test_a_place_that_cannot_hold_a_backup_is_refused_before_anything_is_read(cli: Terminal, folder: Path) -> None:
    (folder / "notes").mkdir()
    (folder / "notes" / "letter.txt").write_text("no backup")
    for place, said in ((folder / "notes", "notes"), (cli.data / "backup", "can't lie one within the other")):
        ran = cli.run("backup", place, code=2)
        assert (ran.out, said in ran.err) == ("", True), ran
    assert [one.name for one in (folder / "notes").iterdir()] == ["letter.txt"]


def test_what_is_no_backup_is_named_and_nothing_is_made(cli: Terminal, folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "text.tar").write_text("no archive")
    for place in (folder / "empty", folder / "text.tar"):
        ran = cli.run("restore", place, code=None)
        assert ran.code in (1, 2), ran
        assert place.name in ran.err, ran
    assert "does not exist" in cli.run("restore", folder / "missing", code=2).err
    assert {one.name for one in cli.data.iterdir()} <= {"locks"}
