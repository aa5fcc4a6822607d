"""Tables of addresses, as text and as Parquet, and what is wrong with some."""

import io
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from crawler.lists.line import MAX_LINE, Line
from crawler.lists.tables import ParquetRows, read_csv
from exhibit.errors import RefusedError

URL = "http://a.example/1.jpg"


def read(text: str | bytes, column: str = "") -> list[Line]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(read_csv(io.BytesIO(data), "image", column))


def problems(lines: list[Line]) -> list[str]:
    return [line.problem for line in lines]


def test_the_columns_of_img2dataset_are_known_by_name() -> None:
    [line] = read(f'key,URL,TEXT,page_url,WIDTH,HEIGHT\n1,{URL},"The wave,\nagain",http://a.example/,640.0,480\n')
    assert line == Line(URL, "image", "http://a.example/", "The wave, again", 640, 480)
    for mark in "\t;|":
        assert read(f"url{mark}caption\n{URL}{mark}x\n") == [Line(URL, context="x")]
    assert read(f"\ufeffurl\r\n{URL}\r\n\r\n") == [Line(URL)]


def test_another_column_is_named_and_else_the_names_there_are_told() -> None:
    assert read(f"link,x\n{URL},1\n", "Link") == [Line(URL)]
    with pytest.raises(RefusedError) as told:
        read(f"link,x\n{URL},1\n")
    assert "no column url, but link, x" in told.value.message
    assert "--column" in told.value.hint
    with pytest.raises(RefusedError, match="no column image"):
        read("url\n", "image")


def test_a_line_that_cannot_be_read_is_left_out_and_the_rest_goes_on() -> None:
    bad = [f"{URL}?café".encode("latin1"), b"x" * (2 * MAX_LINE), b"", b'"' + b"y" * 200_000 + b'"', b" ,2"]
    found = read(b"url,width\n" + b"\n".join([*bad, URL.encode() + b",many"]) + b"\n")
    assert problems(found) == ["encoding", "line-too-long", "not-a-row", "no-address", ""]
    assert found[-1] == Line(URL)


def test_a_quote_that_is_not_closed_costs_a_part_and_not_the_rest() -> None:
    found = read("url\n" + f'"{URL}\n' + f"{URL}\n" * 20_000)
    assert "not-a-row" in problems(found)
    assert sum(not line.problem for line in found) > 10_000


@pytest.mark.parametrize("data", [b"", b"\n\n", f"url\n{URL}\n".encode("utf-16"), b"url\x00\n", b"\xff\xd8\xff\xe0"])
def test_what_is_no_text_in_utf_8_or_empty_is_refused_with_what_to_do(data: bytes) -> None:
    with pytest.raises(RefusedError) as told:
        read(data)
    assert told.value.hint


def rows(path: Path, after: int = 0, column: str = "") -> list[Line]:
    with path.open("rb") as file:
        return list(ParquetRows(file, column).lines(after, "image"))


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """Twenty-five addresses in row groups of ten."""
    path = tmp_path / "list.parquet"
    urls = [f"http://a.example/{n}.jpg" for n in range(25)]
    columns = {"text": [None, *"abc" * 8], "url": urls, "width": [float(n) for n in range(25)]}
    parquet.write_table(pa.table(columns), path, row_group_size=10)
    return path


def test_parquet_is_read_row_group_by_row_group_from_any_line_on(listed: Path) -> None:
    every = rows(listed)
    assert every[0] == Line("http://a.example/0.jpg")
    assert every[24] == Line("http://a.example/24.jpg", context="c", width=24)
    for after in (0, 1, 9, 10, 11, 24, 25, 30):
        assert rows(listed, after) == every[after:]


def test_a_parquet_file_that_is_cut_off_or_damaged_or_names_no_addresses_is_refused(listed: Path) -> None:
    whole = listed.read_bytes()
    for data in (whole[:-20], whole[:100], b"PAR1", whole[:-60] + b"\xff" * 40 + whole[-20:]):
        listed.write_bytes(data)
        with pytest.raises(RefusedError) as told:
            rows(listed)
        assert "fetch it again" in told.value.hint
    listed.write_bytes(whole)
    with pytest.raises(RefusedError, match="no column link, but text, url, width"):
        rows(listed, column="link")


def test_cells_that_are_no_text_are_lines_without_an_address(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    parquet.write_table(pa.table({"url": [1, None]}), path)
    assert problems(rows(path)) == ["no-address"] * 2


def test_without_the_optional_part_it_is_said_how_to_get_it(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RefusedError) as told:
        rows(listed)
    assert told.value.hint.endswith("python3 tools/bootstrap.py runtime bulk")
