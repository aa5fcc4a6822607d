"""Test that hostile ZIPs are refused with a message, within limits of memory and time."""

import io
import os
import struct
import tracemalloc
import zipfile
from functools import cache
from pathlib import Path

import pytest

from evidence.formats.container import ContainerError, read_all
from evidence.formats.zipread import ZipContents
from tests.assets.tampering import pack_otherwise
from tests.evidence.formats.test_container import FILES, refusal_message, write_zip, zip_by_exhibit


def zip_by_python(*entries: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as target:
        for name, data in entries:
            target.writestr(name, data)
    return out.getvalue()


def test_zip64_is_rejected_with_hint(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, data in FILES.items():
            with target.open(name, "w", force_zip64=True) as file:
                file.write(data)
    assert "verify the folder" in refusal_message(write_zip(tmp_path, out.getvalue()))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twin", ["data/a.txt", "DATA/A.TXT"])
def test_duplicate_names_are_rejected(tmp_path: Path, twin: str) -> None:
    assert "twice" in refusal_message(write_zip(tmp_path, zip_by_python(("data/a.txt", b"one"), (twin, b"two"))))


def test_zip_with_symbolic_link_is_rejected(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("data/a.txt")
    link.create_system = 3
    link.external_attr = 0o120777 << 16
    assert "link" in refusal_message(write_zip(tmp_path, zip_by_python((link, b"/etc/passwd"))))


def test_encrypted_file_is_rejected(tmp_path: Path) -> None:
    data = bytearray(zip_by_exhibit(FILES))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal_message(write_zip(tmp_path, bytes(data)))


def test_unknown_compression_method_is_rejected(tmp_path: Path) -> None:
    packed = zip_by_python(("data/a.txt", b"x" * 100), compression=zipfile.ZIP_BZIP2)
    assert "method 12" in refusal_message(write_zip(tmp_path, packed))


def test_overlapping_files_are_rejected(tmp_path: Path) -> None:
    data = bytearray(zip_by_exhibit({"a.txt": b"x" * 100, "b.txt": b"x" * 100}))
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    struct.pack_into("<I", data, second + 42, 0)
    assert "overlap" in refusal_message(write_zip(tmp_path, bytes(data)))


@cache
def create_zip_bomb() -> bytes:
    return zip_by_python(("data/a.txt", bytes(100 << 20)), compression=zipfile.ZIP_DEFLATED)


@pytest.mark.long
def test_zip_bomb_is_rejected_by_declared_size(tmp_path: Path) -> None:
    assert "when unpacked" in refusal_message(write_zip(tmp_path, create_zip_bomb()))


def test_zip_bomb_with_false_size_is_not_unpacked(tmp_path: Path) -> None:
    data = bytearray(create_zip_bomb())
    for place in (22, data.index(b"PK\x01\x02") + 24):
        struct.pack_into("<I", data, place, 1000)
    path = write_zip(tmp_path, bytes(data))
    del data
    tracemalloc.start()
    contents = ZipContents(path)
    with pytest.raises(ContainerError, match="1000 bytes"):
        read_all(contents, "data/a.txt", 1 << 30)
    contents.close()
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_oversized_directory_is_rejected_before_reading(tmp_path: Path) -> None:
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *(0,) * 6, *(0,) * 3, 1, *(0,) * 4, 0, 0) + b"a"
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0, 0, len(entry) * 400_000, 0, 0)
    assert "The directory of the ZIP is larger than that of any bundle" in refusal_message(
        write_zip(tmp_path, entry * 400_000 + end)
    )


def test_file_over_read_limit_is_not_read(tmp_path: Path) -> None:
    contents = ZipContents(write_zip(tmp_path, zip_by_exhibit(FILES)))
    with pytest.raises(ContainerError, match="more than the 10"):
        read_all(contents, "data/a.txt", 10)
    contents.close()


def test_broken_deflate_data_is_reported(tmp_path: Path) -> None:
    data = bytearray(zip_by_python(("data/a.txt", os.urandom(1000) * 3), compression=zipfile.ZIP_DEFLATED))
    data[60:90] = b"\xff" * 30
    contents = ZipContents(write_zip(tmp_path, bytes(data)))
    with pytest.raises(ContainerError, match=r"data/a\.txt"):
        read_all(contents, "data/a.txt", 1 << 20)
    contents.close()


@pytest.mark.parametrize("folder", ["bundle (2)/", "案件/", "Ann's case/", "C-7 - Copy/"])
def test_enclosing_folder_is_ignored(tmp_path: Path, folder: str) -> None:
    path = tmp_path / "around.zip"
    path.write_bytes(pack_otherwise({"bagit.txt": b"x", "data/a.txt": b"y"}, folder=folder))
    contents = ZipContents(path)
    assert contents.names == ("bagit.txt", "data/a.txt")
    contents.close()
