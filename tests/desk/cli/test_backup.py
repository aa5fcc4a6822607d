"""Test `exhibit backup`: where it writes, and what it reports."""

from pathlib import Path

from tests.assets.command_line import Terminal


def test_invalid_backup_target_is_rejected_before_reading(cli: Terminal, folder: Path) -> None:
    (folder / "notes").mkdir()
    (folder / "notes" / "letter.txt").write_text("no backup")
    for target, message in ((folder / "notes", "notes"), (cli.data / "backup", "cannot contain each other")):
        result = cli.run("backup", target, code=2)
        assert (result.out, message in result.err) == ("", True), result
    assert [path.name for path in (folder / "notes").iterdir()] == ["letter.txt"]
