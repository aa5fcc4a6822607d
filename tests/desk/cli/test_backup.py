"""Test `exhibit backup`: where it writes, and what it reports."""

from pathlib import Path

from tests.assets.command_line import Terminal


def test_a_place_that_cannot_hold_a_backup_is_refused_before_anything_is_read(cli: Terminal, folder: Path) -> None:
    (folder / "notes").mkdir()
    (folder / "notes" / "letter.txt").write_text("no backup")
    for place, said in ((folder / "notes", "notes"), (cli.data / "backup", "can't lie one within the other")):
        ran = cli.run("backup", place, code=2)
        assert (ran.out, said in ran.err) == ("", True), ran
    assert [one.name for one in (folder / "notes").iterdir()] == ["letter.txt"]
