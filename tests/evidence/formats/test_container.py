"""ZIPs and folders made to trick whoever opens them: each is refused in words, within bounds of memory and time."""

import io
import os
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.formats.codec import FormatError
from evidence.formats.container import ContainerError, FolderContents, NoBundleError, member_of, read_all, zip_chunks
from evidence.formats.zipread import ZipContents
from evidence.verdict.trust import load_trust
from evidence.verify.verifier import Verifier
from exhibit.errors import ExitCode
from tests.assets.hostile_zips import hostile_zips
from tests.assets.tampering import zipped

FILES = {"bagit.txt": b"BagIt-Version: 1.0\n", "data/a.txt": b"a" * 5000, "data/b/c.txt": b""}


def our_zip(files: dict[str, bytes]) -> bytes:
    return b"".join(zip_chunks(member_of(name, data) for name, data in files.items()))


def their_zip(*entries: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as target:
        for name, data in entries:
            target.writestr(name, data)
    return out.getvalue()


def written(folder: Path, data: bytes) -> Path:
    path = folder / "bundle.zip"
    path.write_bytes(data)
    return path


def refused(path: Path) -> str:
    """The sentence with which a hostile ZIP is refused, by the reader and by the whole verifier."""
    verdict = Verifier(load_trust()).verify(path)
    assert verdict.outcome is ExitCode.CHECK_FAILED
    assert verdict.checks[0].name == "container"
    return verdict.checks[0].sentence


def test_what_is_written_is_read_back_by_us_and_by_the_standard_library(tmp_path: Path) -> None:
    path = written(tmp_path, our_zip(FILES))
    contents = ZipContents(path)
    assert {name: read_all(contents, name, 1 << 20) for name in contents.names} == FILES
    assert contents.same_bytes_as(iter([our_zip(FILES)]))
    contents.close()
    with zipfile.ZipFile(path) as standard:
        assert standard.testzip() is None
        assert {name: standard.read(name) for name in standard.namelist()} == FILES
        assert {info.date_time for info in standard.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.create_system for info in standard.infolist()} == {3}


def test_the_order_in_which_members_come_does_not_matter() -> None:
    assert our_zip(FILES) == our_zip(dict(reversed(FILES.items())))


def test_zip64_is_refused_with_a_way_out(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, data in FILES.items():
            with target.open(name, "w", force_zip64=True) as file:
                file.write(data)
    assert "unpack it and check the folder" in refused(written(tmp_path, out.getvalue()))


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
    assert "name" in refused(written(tmp_path, their_zip(("bagit.txt", b""), (name, b"x"))))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twin", ["data/a.txt", "DATA/A.TXT"])
def test_two_files_of_one_name_are_refused(tmp_path: Path, twin: str) -> None:
    assert "twice" in refused(written(tmp_path, their_zip(("data/a.txt", b"one"), (twin, b"two"))))


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    assert "folder" in refused(written(tmp_path, their_zip(("data", b"one"), ("data/a.txt", b"two"))))


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("data/a.txt")
    link.create_system = 3
    link.external_attr = 0o120777 << 16
    assert "link" in refused(written(tmp_path, their_zip((link, b"/etc/passwd"))))


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    data = bytearray(our_zip(FILES))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refused(written(tmp_path, bytes(data)))


def test_a_packing_method_that_is_not_known_is_refused(tmp_path: Path) -> None:
    packed = their_zip(("data/a.txt", b"x" * 100), compression=zipfile.ZIP_BZIP2)
    assert "method 12" in refused(written(tmp_path, packed))


def test_overlapping_files_are_refused(tmp_path: Path) -> None:
    data = bytearray(our_zip({"a.txt": b"x" * 100, "b.txt": b"x" * 100}))
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    struct.pack_into("<I", data, second + 42, 0)
    assert "overlap" in refused(written(tmp_path, bytes(data)))


def test_a_bomb_is_refused_by_its_declared_size(tmp_path: Path) -> None:
    packed = their_zip(("data/a.txt", bytes(200 << 20)), compression=zipfile.ZIP_DEFLATED)
    assert "would unpack" in refused(written(tmp_path, packed))


def test_a_bomb_that_lies_about_its_size_is_not_unpacked_beyond_it(tmp_path: Path) -> None:
    data = bytearray(their_zip(("data/a.txt", bytes(200 << 20)), compression=zipfile.ZIP_DEFLATED))
    for place in (22, data.index(b"PK\x01\x02") + 24):
        struct.pack_into("<I", data, place, 1000)
    path = written(tmp_path, bytes(data))
    del data
    tracemalloc.start()
    contents = ZipContents(path)
    with pytest.raises(ContainerError, match="1000 bytes"):
        read_all(contents, "data/a.txt", 1 << 30)
    contents.close()
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_a_directory_of_too_many_files_is_refused_before_it_is_read_in(tmp_path: Path) -> None:
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *(0,) * 6, *(0,) * 3, 1, *(0,) * 4, 0, 0) + b"a"
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0, 0, len(entry) * 400_000, 0, 0)
    assert "larger than any" in refused(written(tmp_path, entry * 400_000 + end))


def test_a_file_longer_than_the_reader_wants_is_not_read(tmp_path: Path) -> None:
    contents = ZipContents(written(tmp_path, our_zip(FILES)))
    with pytest.raises(ContainerError, match="more than the 10"):
        read_all(contents, "data/a.txt", 10)
    contents.close()


def test_broken_deflate_data_is_named(tmp_path: Path) -> None:
    data = bytearray(their_zip(("data/a.txt", os.urandom(1000) * 3), compression=zipfile.ZIP_DEFLATED))
    data[60:90] = b"\xff" * 30
    contents = ZipContents(written(tmp_path, bytes(data)))
    with pytest.raises(ContainerError, match=r"data/a\.txt"):
        read_all(contents, "data/a.txt", 1 << 20)
    contents.close()


@given(st.binary(max_size=400), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06"]), st.sampled_from([b"", bytes(18)]))
def test_random_bytes_are_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, mark: bytes, rest: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.zip"
    path.write_bytes(data + mark + rest if rest else mark + data)
    try:
        assert Verifier(load_trust()).verify(path).outcome is ExitCode.CHECK_FAILED
    except NoBundleError as error:
        assert error.message  # noqa: PT017 - either answer is right


@given(st.data())
def test_any_damage_to_a_zip_is_survived(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    raw = bytearray(our_zip(FILES))
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

    def test_a_link_out_of_the_folder_is_refused(self, tmp_path: Path) -> None:
        root = self.folder(tmp_path / "bag")
        (root / "data/a.txt").symlink_to("/etc/passwd")
        assert "link" in refused(root)

    def test_a_linked_folder_is_refused(self, tmp_path: Path) -> None:
        root = self.folder(tmp_path / "bag")
        (root / "data/loop").symlink_to(root)
        assert "link" in refused(root)

    def test_a_pipe_is_refused(self, tmp_path: Path) -> None:
        root = self.folder(tmp_path / "bag")
        os.mkfifo(root / "data/pipe")
        assert "device" in refused(root)

    def test_what_a_file_manager_left_is_passed_over(self, tmp_path: Path) -> None:
        root = self.folder(tmp_path / "bag")
        (root / "data/.DS_Store").write_bytes(b"x")
        contents = FolderContents(root)
        assert contents.names == ("bagit.txt",)
        assert contents.left_over == ("data/.DS_Store",)


def test_a_bundle_beyond_what_a_plain_zip_holds_is_not_begun() -> None:
    large = member_of("data/a.bin", b"")
    members = [type(large)(f"data/{number}.bin", 1 << 30, 0, large.chunks) for number in range(4)]
    with pytest.raises(FormatError, match="4 GiB"):
        next(zip_chunks(members))


def test_checksums_are_those_of_the_bytes() -> None:
    assert member_of("a", b"abc").crc == zlib.crc32(b"abc")


@pytest.mark.parametrize("what", hostile_zips())
def test_a_hostile_zip_is_refused_in_words(tmp_path: Path, what: str) -> None:
    path = tmp_path / "hostile.zip"
    path.write_bytes(hostile_zips()[what])
    if what in {"text", "nothing"}:
        with pytest.raises(NoBundleError):
            Verifier(load_trust()).verify(path)
    else:
        assert Verifier(load_trust()).verify(path).outcome is ExitCode.CHECK_FAILED


@pytest.mark.parametrize("folder", ["bundle (2)/", "案件/", "Ann's case/", "C-7 - Copy/"])
def test_a_folder_of_any_plain_name_may_lie_around_everything(tmp_path: Path, folder: str) -> None:
    path = tmp_path / "around.zip"
    path.write_bytes(zipped({"bagit.txt": b"x", "data/a.txt": b"y"}, folder=folder))
    contents = ZipContents(path)
    assert contents.names == ("bagit.txt", "data/a.txt")
    contents.close()
