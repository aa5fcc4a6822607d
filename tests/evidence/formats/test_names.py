"""Test that file names in a bundle are plain, equal on every system, and cannot leave their folder."""

from pathlib import Path

import pytest

from evidence.formats.codec import FormatError
from evidence.formats.container import MAX_NAME_CHARS, check_collisions, check_names, is_system_file, is_valid_name
from tests.evidence.formats.test_container import refusal_message, write_zip
from tests.evidence.formats.test_zipread import zip_by_python


@pytest.mark.parametrize(
    "name",
    [
        "../outside.txt",
        "/etc/passwd",
        "C:/windows.txt",
        "data\\a.txt",
        "data//a.txt",
        "data/./a.txt",
        "data/e\u0301.txt",
        "data/\u00e9.txt",
        "data/nul",
        "data/.hidden",
        "data/" + "x" * 300,
        "data/a b.txt",
        "data/a\x1b[2J.txt",
        "data/a.txt\n",
    ],
)
def test_path_traversal_names_are_rejected(tmp_path: Path, name: str) -> None:
    assert "name" in refusal_message(write_zip(tmp_path, zip_by_python(("bagit.txt", b""), (name, b"x"))))


def test_name_used_as_file_and_folder_is_rejected(tmp_path: Path) -> None:
    assert "folder" in refusal_message(write_zip(tmp_path, zip_by_python(("data", b"one"), ("data/a.txt", b"two"))))


def test_valid_file_names_and_file_manager_metadata_are_recognised() -> None:
    for name in ("data/work/01.jpg", "a", "a-b_c.D", "x" * MAX_NAME_CHARS, "console/nullable.txt"):
        assert is_valid_name(name), name
    for name in ("", "a/", ".a", "a.", "-a", "x" * (MAX_NAME_CHARS + 1), "data/CON.txt", "lpt1/a", "a/../b", "ä"):
        assert not is_valid_name(name), name
    leftovers = ["._a", "data/.DS_Store", "THUMBS.DB", "a/desktop.ini", "a/._b"]
    assert [name for name in (*leftovers, "data/a.jpg", "thumbs.db/a") if is_system_file(name)] == leftovers


def test_colliding_names_are_rejected() -> None:
    check_names(["a/b", "a/c", "d"], label="The bag")
    for names, words in (
        (["a/b", "A/B"], "twice"),
        (["a", "a/b"], "as a file and as a folder"),
        (["a b"], "not allowed"),
    ):
        with pytest.raises(FormatError, match=rf"The bag contains .*{words}"):
            check_names(names, label="The bag")
    check_collisions(["a/", "a/b c"], label="The ZIP")
