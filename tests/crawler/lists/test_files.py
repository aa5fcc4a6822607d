"""Test that list files are found in folders, read from any line, and refused with a message if damaged."""

import gzip
import os
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from crawler.lists.files import ListFile, find_files
from crawler.lists.line import Line
from exhibit.errors import RefusedError
from tests.assets.users import ordinary_user
from tests.crawler.lists.test_archives import describe_page, wat

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

URLS = [f"http://a.example/shop/{n}.jpg" for n in range(30)]


def write_lists(folder: Path) -> list[Path]:
    """Write the same thirty URLs in each format."""
    table = ("url\n" + "\n".join(URLS)).encode()
    index = "".join(f'a 1 {{"url": "{url}", "mime": "image/jpeg"}}\n' for url in URLS).encode()
    links = [{"path": "IMG@/src", "url": url} for url in URLS]
    files = {
        "a.csv": table,
        "b.csv.gz": gzip.compress(table[:50]) + gzip.compress(table[50:]),
        "b.csv.zst": zstd.compress(table[:50]) + zstd.compress(table[50:]),
        "c.tsv": table,
        "cdx-00000.gz": gzip.compress(index),
        "d.cdxj": index,
        "e.wat.gz": wat(describe_page(*links[:20]), describe_page(*links[20:])),
        "e.wat.zst": zstd.compress(gzip.decompress(wat(describe_page(*links)))),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    parquet.write_table(pa.table({"url": URLS}), folder / "f.parquet", row_group_size=7)
    return sorted([*(folder / name for name in files), folder / "f.parquet"])


def test_reading_resumes_after_any_line_in_every_format_and_reports_progress(tmp_path: Path) -> None:
    for path in write_lists(tmp_path):
        file = ListFile(path)
        assert [line.url for line in file.read_lines()] == URLS, path
        assert file.get_read_fraction() == pytest.approx(1.0)
        for after in (1, 7, 21, 30, 99):
            assert [line.url for line in ListFile(path).read_lines(after)] == URLS[after:], path


def test_folder_is_searched_without_hidden_files_and_links(tmp_path: Path) -> None:
    inner = tmp_path / "part"
    inner.mkdir()
    files = write_lists(inner)
    (tmp_path / "note.txt").write_text("x")
    (tmp_path / ".hidden.csv").write_text("url\n")
    (tmp_path / "link.csv").symlink_to(inner / "a.csv")
    result = find_files([tmp_path, inner / "a.csv"])
    assert list(result.lists) == files
    assert result.archives == ()
    (tmp_path / "linked").symlink_to(inner)
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / ".parts").mkdir()
    assert {item.path.name: item.reason for item in find_files([tmp_path]).skipped_paths} == {
        "note.txt": "format", ".hidden.csv": "hidden", ".parts": "hidden", "link.csv": "link", "linked": "link",
        "pipe.csv": "not-a-file",
    }  # fmt: skip
    (inner / "x.warc.gz").write_bytes(b"")
    assert find_files([tmp_path]).archives == (tmp_path,)
    for path in (tmp_path / "note.txt", tmp_path.joinpath("empty")):
        if path.name == "empty":
            path.mkdir()
        with pytest.raises(RefusedError) as error:
            find_files([path])
        assert ".parquet" in error.value.hint


def test_unreadable_folder_is_reported(open_folder: Path) -> None:
    (open_folder / "list.csv").write_text("url\n")
    (open_folder / "secret").mkdir(mode=0)
    with ordinary_user():
        result = find_files([open_folder])
    assert [(item.path.name, item.reason) for item in result.skipped_paths] == [("secret", "unreadable")]


def load_refused(path: Path) -> tuple[list[Line], RefusedError]:
    got: list[Line] = []
    with pytest.raises(RefusedError) as error:
        got.extend(ListFile(path).read_lines())
    return got, error.value


def test_damaged_file_is_reported_with_a_hint_and_its_readable_rows_are_returned(tmp_path: Path) -> None:
    for path in write_lists(tmp_path):
        whole = path.read_bytes()
        path.write_bytes(b"")
        assert "empty" in load_refused(path)[1].message
        if path.suffix not in (".gz", ".parquet"):
            continue
        path.write_bytes(whole[: len(whole) * 3 // 4])
        _got, error = load_refused(path)
        assert error.hint, path
    path = tmp_path / "b.csv.gz"
    path.write_bytes(gzip.compress(("url\n" + "\n".join(URLS)).encode())[:-12])
    lines = ListFile(path).read_lines()
    assert next(lines).url == URLS[0]
    with pytest.raises(RefusedError):
        list(lines)
    path.write_bytes(b"\x1f\x8b" + b"\xff" * 90)
    assert load_refused(path)[1].message
