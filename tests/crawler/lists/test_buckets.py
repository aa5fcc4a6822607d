"""Test where the files of a bucket are stored."""

from pathlib import Path

from crawler.lists.files import get_download_folder


def test_url_cannot_escape_the_folder(tmp_path: Path) -> None:
    assert get_download_folder("s3://lists/2026/may", tmp_path) == tmp_path / "lists/2026/may"
    assert get_download_folder("s3://lists/../../../etc/./x/", tmp_path) == tmp_path / "lists/etc/x"
    assert get_download_folder("file:///srv/lists", tmp_path) == tmp_path / "files/srv/lists"
