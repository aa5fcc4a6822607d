"""Test where the files of a bucket are stored."""

from pathlib import Path

from crawler.lists.files import folder_for


def test_url_cannot_escape_the_folder(tmp_path: Path) -> None:
    assert folder_for("s3://lists/2026/may", tmp_path) == tmp_path / "lists/2026/may"
    assert folder_for("s3://lists/../../../etc/./x/", tmp_path) == tmp_path / "lists/etc/x"
    assert folder_for("file:///srv/lists", tmp_path) == tmp_path / "files/srv/lists"
