"""Test tables of URLs as text and as Parquet, and the errors in some."""

import io
import re
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from crawler.lists.line import MAX_LINE_BYTES, Line
from crawler.lists.tables import ParquetRows, read_csv
from exhibit.errors import RefusedError

URL = "http://a.example/1.jpg"


def read_table(text: str | bytes, column: str = "") -> list[Line]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(read_csv(io.BytesIO(data), "image", column))


def problems(lines: list[Line]) -> list[str]:
    return [line.problem for line in lines]


def test_img2dataset_columns_are_recognised_by_name() -> None:
    [line] = read_table(f'key,URL,TEXT,page_url,WIDTH,HEIGHT\n1,{URL},"The wave,\nagain",http://a.example/,640.0,480\n')
    assert line == Line(URL, "image", "http://a.example/", "The wave, again", 640, 480)
    for mark in "\t;|":
        assert read_table(f"url{mark}caption\n{URL}{mark}x\n") == [Line(URL, context="x")]
    assert read_table(f"\ufeffurl\r\n{URL}\r\n\r\n") == [Line(URL)]


def test_custom_column_can_be_set_and_error_lists_available_columns() -> None:
    assert read_table(f"link,x\n{URL},1\n", "Link") == [Line(URL)]
    with pytest.raises(RefusedError) as error:
        read_table(f"link,x\n{URL},1\n")
    assert re.search(r"\burl\b.*link, x", error.value.message)
    assert "--column" in error.value.hint
    with pytest.raises(RefusedError, match="image"):
        read_table("url\n", "image")


def test_url_column_of_a_list_without_header_is_found_from_the_first_row() -> None:
    assert read_table(f"{URL}\n{URL}?2\n") == [Line(URL), Line(f"{URL}?2")]
    assert read_table(f"a wave\t{URL}\nboats\t{URL}?2\n") == [Line(URL), Line(f"{URL}?2")]
    with pytest.raises(RefusedError, match="image"):
        read_table(f"{URL}\n", "image")


def test_unreadable_row_is_skipped() -> None:
    bad = [f"{URL}?café,1".encode("latin1"), b"x" * (2 * MAX_LINE_BYTES), b"", b'"' + b"y" * 200_000 + b'"', b" ,2"]
    bad += [URL.encode(), URL.encode() + b",1,2", URL.encode() + b"\0,1"]
    good = f"{URL}?Größe,".encode()
    lines = read_table(b"url,width\n" + b"\n".join([good, *bad, URL.encode() + b",many"]) + b"\n")
    expected = ["encoding", "line-too-long", "not-a-row", "no-address", "fields", "fields", "not-text"]
    assert problems(lines) == ["", *expected, ""]
    assert lines[-1] == Line(URL)
    assert lines[1].url.startswith(f"line 3: {URL}?caf")
    assert [line.url.partition(":")[0] for line in lines[5:8]] == ["line 8", "line 9", "line 10"]


def test_unclosed_quote_loses_only_its_row_and_is_reported() -> None:
    lines = read_table("url\n" + f'"{URL}\n' + f"{URL}\n" * 20_000)
    assert [line for line in lines if line.problem] == [Line(f'line 2: "{URL}', problem="not-a-row")]
    assert len(lines) == 20_001


@pytest.mark.parametrize(
    "later",
    ['{0},15"\n', '"{0}","x"\n', '{0},"x"\n', '{0},"open, too\n{0},x\n', '{0},"a\nb"\n', '"{0}",x\n{0},"x ""y"""\n'],
)
def test_urls_after_an_unclosed_quote_are_still_read(later: str) -> None:
    text = f'url,caption\n{URL},x\n{URL}?2,"open\n{URL}?3,x\n' + later.format(f"{URL}?4") + f"{URL}?5,x\n"
    lines = read_table(text)
    lost = [line.url.partition(":")[0] for line in lines if line.problem]
    assert lost == ["line 3", *(["line 5"] if "too" in later else [])]
    assert {line.url for line in lines} >= {URL, f"{URL}?3", f"{URL}?4", f"{URL}?5"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_spreadsheet_exports_are_read(encoding: str, end: str) -> None:
    text = f'url;caption{end}{URL};"Größe{end}im Café"{end}{URL};x{end}'
    assert read_table(text.encode(encoding)) == [Line(URL, context="Größe im Café"), Line(URL, context="x")]


def test_encoding_is_detected_from_late_text() -> None:
    text = "url,caption\n" + f"{URL},x\n" * 40_000 + f"{URL},Café\n"
    assert read_table(text.encode("cp1252"))[-1] == Line(URL, context="Café")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"url\x00\n", b"\xff\xd8\xff\xe0"])
def test_binary_or_empty_list_is_refused_with_a_hint(data: bytes) -> None:
    with pytest.raises(RefusedError) as error:
        read_table(data)
    assert error.value.hint


def rows(path: Path, after: int = 0, column: str = "") -> list[Line]:
    with path.open("rb") as file:
        return list(ParquetRows(file, column).read_lines(after, "image"))


@pytest.fixture
def parquet_list(tmp_path: Path) -> Path:
    """Write 25 URLs in row groups of ten."""
    path = tmp_path / "list.parquet"
    urls = [f"http://a.example/{n}.jpg" for n in range(25)]
    columns = {"text": [None, *"abc" * 8], "url": urls, "width": [float(n) for n in range(25)]}
    parquet.write_table(pa.table(columns), path, row_group_size=10)
    return path


def test_parquet_is_read_by_row_group_from_any_row(parquet_list: Path) -> None:
    every = rows(parquet_list)
    assert every[0] == Line("http://a.example/0.jpg")
    assert every[24] == Line("http://a.example/24.jpg", context="c", width=24)
    for after in (0, 1, 9, 10, 11, 24, 25, 30):
        assert rows(parquet_list, after) == every[after:]


def test_truncated_or_damaged_parquet_or_missing_url_column_is_refused(parquet_list: Path) -> None:
    whole = parquet_list.read_bytes()
    for data in (whole[:-20], whole[:100], b"PAR1", b"P", whole[:-60] + b"\xff" * 40 + whole[-20:]):
        parquet_list.write_bytes(data)
        with pytest.raises(RefusedError) as error:
            rows(parquet_list)
        assert error.value.hint
    parquet_list.write_bytes(whole)
    with pytest.raises(RefusedError, match=r"\blink\b.*text, url, width"):
        rows(parquet_list, column="link")


@pytest.mark.parametrize(
    "kind",
    [pa.binary(), pa.large_binary(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.string()],
    ids=str,
)
def test_urls_are_read_from_any_column_type(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "list.parquet"
    texts = pa.array([URL, "Größe", None]).cast(kind) if not pa.types.is_dictionary(kind) else None
    texts = pa.array([URL, "Größe", None]).dictionary_encode() if texts is None else texts
    parquet.write_table(pa.table({"url": texts.take([0, 0]), "caption": texts.take([1, 2])}), path)
    assert rows(path) == [Line(URL, context="Größe"), Line(URL)]


def test_rows_with_non_text_cells_have_no_url(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    parquet.write_table(pa.table({"url": [1, None]}), path)
    assert problems(rows(path)) == ["no-address"] * 2


def test_urls_next_to_an_unreadable_cell_are_still_read(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    broken = pa.array([b"Caf\xe9", b"\xff"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, broken.buffers())
    padded = pa.array([URL.encode().ljust(40, b"\0")] * 2, pa.binary(40))
    never = pa.array([2**62] * 2, pa.timestamp("us"))
    tables = [
        pa.table({"url": [URL, URL], "caption": text}),
        pa.table({"url": padded, "width": never}),
        pa.table({"url": [URL, URL], "caption": [["a"], []]}),
        pa.Table.from_arrays([pa.array([URL, URL])] * 2, ["url", "url"]),
    ]
    for table in tables:
        parquet.write_table(table, path)
        assert [(line.url, line.problem) for line in rows(path)] == [(URL, "")] * 2


def test_missing_optional_dependency_is_reported_with_its_install_command(
    parquet_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RefusedError) as error:
        rows(parquet_list)
    assert error.value.hint.endswith("python3 tools/bootstrap.py runtime bulk")
