"""Test which files a command processes."""

import os
from pathlib import Path

import pytest

from desk.cli.common.files import (
    create_folder,
    describe_skipped_files,
    find_pictures,
    find_skipped_files,
    read_picture,
    skipped_to_json,
    write_atomically,
    write_file,
)
from exhibit.errors import InvalidRequestError, RefusedError
from tests.assets.users import ordinary_user


def test_folders_are_searched_and_listed_files_are_used_directly(tmp_path: Path) -> None:
    (tmp_path / "a" / ".cache").mkdir(parents=True)
    for name in ("a/2.JPG", "a/1.png", "a/.cache/3.jpg", "a/notes.txt", "picture"):
        (tmp_path / name).touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    pictures = find_pictures([tmp_path / "a", tmp_path / "picture", tmp_path / "a" / "1.png"])
    assert [path.name for path in pictures] == ["1.png", "2.JPG", "picture"]


def test_skipped_files_of_a_folder_are_listed_with_reasons(open_folder: Path) -> None:
    folder = open_folder / "given"
    for name in ("secret", "other", ".trash", "odd"):
        (folder / name).mkdir(parents=True)
    expected = ["a.jpg", "odd/b\n.png", os.fsdecode(b"odd/c\xff.png")]
    formats = ["a.heic", "b.nef", "c.psd", "d.svg", "e.pdf", "noending"]
    for name in (
        *expected,
        *formats,
        ".hidden.jpg",
        "._a.jpg",
        ".DS_Store",
        "notes.txt",
        "secret/d.jpg",
        ".trash/e.jpg",
    ):
        (folder / name).touch()
    (folder / "linked").symlink_to(folder / "other")
    os.mkfifo(folder / "pipe.tga")
    for readable in (folder, folder / "odd", folder / "other"):
        readable.chmod(0o755)
    (folder / "secret").chmod(0)
    try:
        with ordinary_user():
            skipped, pictures = find_skipped_files([folder]), find_pictures([folder])
    finally:
        (folder / "secret").chmod(0o700)
    assert sorted(entry.name for entry in pictures) == sorted(expected)
    reasons = {entry.file: entry.reason for entry in skipped}
    assert reasons == {
        **dict.fromkeys([*formats, "pipe.tga"], "format"),
        ".hidden.jpg": "hidden",
        ".trash/": "hidden",
        "linked/": "linked-folder",
        "secret/": "unreadable",
    }
    assert all(entry.sentence for entry in skipped)
    assert all(name in describe_skipped_files(skipped) for name in (".hidden.jpg", "linked/", "secret/", "a.heic"))
    assert skipped_to_json(skipped)["passed_over"] == [name for name, reason in reasons.items() if reason == "format"]


def test_oversized_file_or_special_file_is_rejected_before_reading(tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(b"12345")
    os.mkfifo(pipe := tmp_path / "pipe.jpg")
    assert read_picture(large, 5) == b"12345"
    non_files = [(path, 4, "not-a-file") for path in (Path("/dev/zero"), pipe, tmp_path, tmp_path / "missing.jpg")]
    for path, limit, reason in ((large, 4, "too-many-bytes"), *non_files):
        with pytest.raises(RefusedError) as error:
            read_picture(path, limit)
        assert error.value.reason == reason


def test_file_is_replaced_only_after_it_is_written_completely(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"the earlier one")
    with pytest.raises(TypeError), write_atomically(path) as file:
        file.writelines([b"half", None])  # type: ignore[list-item]
    assert path.read_bytes() == b"the earlier one"
    with write_atomically(path) as file:
        file.write(b"the whole")
        assert path.read_bytes() == b"the earlier one"
    assert path.read_bytes() == b"the whole"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.pdf"]


def test_write_error_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert create_folder(tmp_path / "a" / "b").is_dir()
    with pytest.raises(InvalidRequestError, match="below"):
        create_folder(tmp_path / "file" / "below")
    with pytest.raises(InvalidRequestError, match="No such file"), write_atomically(tmp_path / "no" / "f"):
        pass
    with pytest.raises(InvalidRequestError, match="Is a directory"):
        write_file(tmp_path, b"")
