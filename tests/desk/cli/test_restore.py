"""Test that `exhibit restore` refuses files that are not backups."""

from pathlib import Path

from tests.assets.command_line import Terminal


def test_invalid_backup_is_reported_and_nothing_is_restored(cli: Terminal, folder: Path) -> None:
    for name in ("photos", "begun/blobs/ab"):
        (folder / name).mkdir(parents=True)
    (folder / "photos" / "a.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "begun" / "database-0123456789abcdef.dump.partial").touch()
    (folder / "text.tar").write_text("no archive")
    for name in ("photos", "begun", "text.tar"):
        result = cli.run("restore", folder / name, code=None)
        assert result.code in (1, 2), result
        assert name in result.err, result
    cli.run("restore", folder / "missing", code=2)
    assert {path.name for path in cli.data.iterdir()} <= {"locks"}
