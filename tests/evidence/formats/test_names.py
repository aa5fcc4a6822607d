"""Test that file names in a bundle are plain, equal on every system, and cannot leave their folder."""

from pathlib import Path

import pytest

from evidence.formats.codec import FormatError
from evidence.formats.container import MAX_NAME, check_collisions, check_names, is_system_file, is_valid_name
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
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    assert "name" in refusal_message(write_zip(tmp_path, zip_by_python(("bagit.txt", b""), (name, b"x"))))


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    assert "folder" in refusal_message(write_zip(tmp_path, zip_by_python(("data", b"one"), ("data/a.txt", b"two"))))


def test_bundle_files_are_distinguished_from_those_that_file_managers_leave() -> None:
    for name in ("data/work/01.jpg", "a", "a-b_c.D", "x" * MAX_NAME, "console/nullable.txt"):
        assert is_valid_name(name), name
    for name in ("", "a/", ".a", "a.", "-a", "x" * (MAX_NAME + 1), "data/CON.txt", "lpt1/a", "a/../b", "ä"):
        assert not is_valid_name(name), name
    leftovers = ["._a", "data/.DS_Store", "THUMBS.DB", "a/desktop.ini", "a/._b"]
    assert [name for name in (*leftovers, "data/a.jpg", "thumbs.db/a") if is_system_file(name)] == leftovers


def test_names_that_are_one_place_on_some_systems_cannot_lie_side_by_side() -> None:
    check_names(["a/b", "a/c", "d"], what="The bag")
    for names, words in (
        (["a/b", "A/B"], "twice"),
        (["a", "a/b"], "as a file and as a folder"),
        (["a b"], "not allowed"),
    ):
        with pytest.raises(FormatError, match=rf"The bag contains .*{words}"):
            check_names(names, what="The bag")
    check_collisions(["a/", "a/b c"], what="The ZIP")
