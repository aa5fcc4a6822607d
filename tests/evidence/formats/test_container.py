"""Test that hostile ZIPs and folders are refused with a message, within limits of memory and time."""

import os
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from evidence.formats.codec import FormatError
from evidence.formats.container import FolderContents, NoBundleError, create_member, iterate_zip_chunks, read_all
from evidence.formats.zipread import ZipContents
from evidence.verdict.trust import load_trust
from evidence.verify.verifier import Verifier
from exhibit.errors import ExitCode
from tests.assets.hostile_zips import hostile_zips

FILES = {"bagit.txt": b"BagIt-Version: 1.0\n", "data/a.txt": b"a" * 5000, "data/b/c.txt": b""}


def zip_by_exhibit(files: dict[str, bytes]) -> bytes:
    return b"".join(iterate_zip_chunks(create_member(name, data) for name, data in files.items()))


def write_zip(folder: Path, data: bytes) -> Path:
    path = folder / "bundle.zip"
    path.write_bytes(data)
    return path


def refusal_message(path: Path) -> str:
    """Return the message with which the reader and the whole verifier refuse a hostile ZIP."""
    verdict = Verifier(load_trust()).verify(path)
    assert verdict.outcome is ExitCode.CHECK_FAILED
    assert verdict.checks[0].name == "container"
    return verdict.checks[0].sentence


def test_zip_round_trips_with_standard_library(tmp_path: Path) -> None:
    path = write_zip(tmp_path, zip_by_exhibit(FILES))
    contents = ZipContents(path)
    assert {name: read_all(contents, name, 1 << 20) for name in contents.names} == FILES
    assert contents.has_same_bytes(iter([zip_by_exhibit(FILES)]))
    contents.close()
    with zipfile.ZipFile(path) as standard:
        assert standard.testzip() is None
        assert {name: standard.read(name) for name in standard.namelist()} == FILES
        assert {info.date_time for info in standard.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.create_system for info in standard.infolist()} == {3}


def test_member_order_does_not_matter() -> None:
    assert zip_by_exhibit(FILES) == zip_by_exhibit(dict(reversed(FILES.items())))


@given(st.binary(max_size=400), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06"]), st.sampled_from([b"", bytes(18)]))
def test_random_bytes_are_rejected(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, mark: bytes, rest: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.zip"
    path.write_bytes(data + mark + rest if rest else mark + data)
    try:
        assert Verifier(load_trust()).verify(path).outcome is ExitCode.CHECK_FAILED
    except NoBundleError as error:
        assert error.message  # noqa: PT017 - either answer is right


@given(st.data())
def test_damaged_zip_never_crashes_verifier(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    raw = bytearray(zip_by_exhibit(FILES))
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=8)):
        raw[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    path.write_bytes(raw[: data.draw(st.integers(1, len(raw)))])
    try:
        assert Verifier(load_trust()).verify(path).outcome is ExitCode.CHECK_FAILED
    except NoBundleError as error:
        assert error.message  # noqa: PT017 - either answer is right


class TestFolders:
    def folder(self, root: Path) -> Path:
        (root / "data").mkdir(parents=True)
        (root / "bagit.txt").write_text("BagIt-Version: 1.0\n")
        return root

    def test_link_out_of_folder_is_rejected(self, tmp_path: Path) -> None:
        root = self.folder(tmp_path / "bag")
        (root / "data/a.txt").symlink_to("/etc/passwd")
        assert "link" in refusal_message(root)

    def test_linked_folder_is_rejected(self, tmp_path: Path) -> None:
        root = self.folder(tmp_path / "bag")
        (root / "data/loop").symlink_to(root)
        assert "link" in refusal_message(root)

    def test_pipe_is_rejected(self, tmp_path: Path) -> None:
        root = self.folder(tmp_path / "bag")
        os.mkfifo(root / "data/pipe")
        assert "device" in refusal_message(root)

    def test_metadata_files_of_file_managers_are_ignored(self, tmp_path: Path) -> None:
        root = self.folder(tmp_path / "bag")
        (root / "data/.DS_Store").write_bytes(b"x")
        contents = FolderContents(root)
        assert contents.names == ("bagit.txt",)
        assert contents.leftover_files == ("data/.DS_Store",)


def test_bundle_over_4_gib_is_rejected_before_writing() -> None:
    large = create_member("data/a.bin", b"")
    members = [type(large)(f"data/{number}.bin", 1 << 30, 0, large.chunks) for number in range(4)]
    with pytest.raises(FormatError, match="4 GiB"):
        next(iterate_zip_chunks(members))


def test_checksum_is_crc32_of_bytes() -> None:
    assert create_member("a", b"abc").crc == zlib.crc32(b"abc")


@pytest.mark.parametrize("what", hostile_zips())
def test_hostile_zip_is_rejected(tmp_path: Path, what: str) -> None:
    path = tmp_path / "hostile.zip"
    path.write_bytes(hostile_zips()[what])
    if what in {"text", "nothing"}:
        with pytest.raises(NoBundleError):
            Verifier(load_trust()).verify(path)
    else:
        assert Verifier(load_trust()).verify(path).outcome is ExitCode.CHECK_FAILED
