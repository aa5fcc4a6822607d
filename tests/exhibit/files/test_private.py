"""Test that only its user can access the data folder."""

import os
from pathlib import Path

from exhibit.files.private import restrict_permissions, set_private_umask


def test_data_folder_permissions_are_restricted_once(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        folder = tmp_path / "data"
        for name in ("log", "secrets", "blobs/aa"):
            (folder / name).mkdir(parents=True)
        for name in ("log/web.log", "exhibit.toml", "blobs/aa/1", "secrets/secret_key"):
            (folder / name).write_text("x")
        outside = tmp_path / "outside"
        outside.write_text("x")
        (folder / "link").symlink_to(outside)
    finally:
        os.umask(before)
    (folder / "secrets").chmod(0o700)
    assert restrict_permissions(folder) == 7  # files below the closed folder secrets/ are not examined
    assert restrict_permissions(folder) == 0
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir()} == {0o700}
    assert (folder / "log" / "web.log").stat().st_mode & 0o777 == 0o600
    assert outside.stat().st_mode & 0o777 == 0o644
    folder.chmod(0o710)  # like root's, whose servers have their own group
    assert restrict_permissions(folder) == 0
    assert restrict_permissions(tmp_path / "absent") == 0


def test_new_files_are_private_to_their_user(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        set_private_umask()
        (tmp_path / "a").write_text("x")
        (tmp_path / "b").mkdir()
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600, 0o700}
    finally:
        os.umask(before)
