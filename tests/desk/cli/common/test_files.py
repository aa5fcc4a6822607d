"""Test which files a command processes."""

import os
from pathlib import Path

import pytest

from desk.cli.common.files import (
    left_out_as_json,
    left_out_in_words,
    left_out_of,
    made_folder,
    pictures_in,
    read_picture,
    write_file,
    written_whole,
)
from exhibit.errors import RefusedError, WrongUseError
from tests.assets.users import ordinary_user


def test_folders_give_their_pictures_and_named_files_count_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a" / ".cache").mkdir(parents=True)
    for name in ("a/2.JPG", "a/1.png", "a/.cache/3.jpg", "a/notes.txt", "picture"):
        (tmp_path / name).touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    given = pictures_in([tmp_path / "a", tmp_path / "picture", tmp_path / "a" / "1.png"])
    assert [one.name for one in given] == ["1.png", "2.JPG", "picture"]


def test_everything_in_a_folder_that_is_not_read_is_named_with_its_reason(open_folder: Path) -> None:
    folder = open_folder / "given"
    for name in ("secret", "other", ".trash", "odd"):
        (folder / name).mkdir(parents=True)
    kept = ["a.jpg", "odd/b\n.png", os.fsdecode(b"odd/c\xff.png")]
    formats = ["a.heic", "b.nef", "c.psd", "d.svg", "e.pdf", "noending"]
    for name in (*kept, *formats, ".hidden.jpg", "._a.jpg", ".DS_Store", "notes.txt", "secret/d.jpg", ".trash/e.jpg"):
        (folder / name).touch()
    (folder / "linked").symlink_to(folder / "other")
    os.mkfifo(folder / "pipe.tga")
    for readable in (folder, folder / "odd", folder / "other"):
        readable.chmod(0o755)
    (folder / "secret").chmod(0)
    try:
        with ordinary_user():
            left, pictures = left_out_of([folder]), pictures_in([folder])
    finally:
        (folder / "secret").chmod(0o700)
    assert sorted(one.name for one in pictures) == sorted(kept)
    reasons = {one.file: one.reason for one in left}
    assert reasons == {
        **dict.fromkeys([*formats, "pipe.tga"], "format"),
        ".hidden.jpg": "hidden",
        ".trash/": "hidden",
        "linked/": "linked-folder",
        "secret/": "unreadable",
    }
    assert all(one.sentence for one in left)
    assert all(name in left_out_in_words(left) for name in (".hidden.jpg", "linked/", "secret/", "a.heic"))
    assert left_out_as_json(left)["passed_over"] == [name for name, reason in reasons.items() if reason == "format"]


def test_a_file_is_refused_before_it_is_read_when_it_is_too_large_or_no_file(tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(b"12345")
    os.mkfifo(pipe := tmp_path / "pipe.jpg")
    assert read_picture(large, 5) == b"12345"
    others = [(path, 4, "not-a-file") for path in (Path("/dev/zero"), pipe, tmp_path, tmp_path / "missing.jpg")]
    for path, most, reason in ((large, 4, "too-many-bytes"), *others):
        with pytest.raises(RefusedError) as raised:
            read_picture(path, most)
        assert raised.value.reason == reason


def test_a_file_has_its_name_only_when_everything_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"the earlier one")
    with pytest.raises(TypeError), written_whole(path) as file:
        file.writelines([b"half", None])  # type: ignore[list-item]
    assert path.read_bytes() == b"the earlier one"
    with written_whole(path) as file:
        file.write(b"the whole")
        assert path.read_bytes() == b"the earlier one"
    assert path.read_bytes() == b"the whole"
    assert [one.name for one in tmp_path.iterdir()] == ["report.pdf"]


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert made_folder(tmp_path / "a" / "b").is_dir()
    with pytest.raises(WrongUseError, match="below"):
        made_folder(tmp_path / "file" / "below")
    with pytest.raises(WrongUseError, match="No such file"), written_whole(tmp_path / "no" / "f"):
        pass
    with pytest.raises(WrongUseError, match="Is a directory"):
        write_file(tmp_path, b"")
