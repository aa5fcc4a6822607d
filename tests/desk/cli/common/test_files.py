"""Which files a command is about."""

from pathlib import Path

import pytest

from desk.cli.common.files import pictures_in, read_picture
from exhibit.errors import RefusedError


def test_folders_give_their_pictures_and_named_files_count_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a" / ".cache").mkdir(parents=True)
    for name in ("a/2.JPG", "a/1.png", "a/.cache/3.jpg", "a/notes.txt", "picture"):
        (tmp_path / name).touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    given = pictures_in([tmp_path / "a", tmp_path / "picture", tmp_path / "a" / "1.png"])
    assert [one.name for one in given] == ["1.png", "2.JPG", "picture"]


def test_a_file_is_refused_before_it_is_read_when_it_is_too_large_or_no_file(tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(b"12345")
    assert read_picture(large, 5) == b"12345"
    for path, most, reason in ((large, 4, "too-many-bytes"), (Path("/dev/zero"), 4, "not-a-file")):
        with pytest.raises(RefusedError) as raised:
            read_picture(path, most)
        assert raised.value.reason == reason
