"""Lists that are tables, as img2dataset takes and writes them: CSV and TSV, and Parquet by pyarrow."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import BinaryIO

from crawler.lists.line import IMAGE, MAX_LINE, Line
from crawler.reading.found import plain
from exhibit.errors import RefusedError
from exhibit.machine import blame_machine
from exhibit.types import Untyped

_NAMES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "url": ("url", "image_url"),
        "caption": ("caption", "text", "alt"),
        "page": ("page_url", "source", "page"),
        "width": ("width", "original_width"),
        "height": ("height", "original_height"),
    }
)
"""What columns are called, by what they say."""
_DELIMITERS = ",\t;|"
_ROWS = 10_000


def places_of(names: Sequence[str], column: str) -> dict[str, int]:
    """Where a table says what: numbers of columns, found by their names, in capitals or not.

    Raises ``RefusedError`` where none has addresses.
    """
    lower = [name.strip().lower() for name in names]
    known = {**_NAMES, **({"url": [column.lower()]} if column else {})}
    found = {what: [lower.index(name) for name in candidates if name in lower] for what, candidates in known.items()}
    if not found["url"]:
        listed = ", ".join(name[:40] for name in names[:12])
        hint = "Name the column of addresses: --column NAME"
        sentence = f"It has no column {column or 'url'}, but {listed or 'none'}."
        raise RefusedError(sentence, reason="unreadable", hint=hint)
    return {what: places[0] for what, places in found.items() if places}


def line_of(cells: Mapping[str, Untyped], kind: str) -> Line:
    """What a row says."""
    url, page, caption = cells.get("url"), cells.get("page"), cells.get("caption")
    if not isinstance(url, str) or not url.strip():
        return Line("", problem="no-address")
    return Line(
        url=url.strip(),
        kind=kind,
        page_url=page.strip() if isinstance(page, str) and kind == IMAGE else "",
        context=plain(caption) if isinstance(caption, str) else "",
        width=_pixels(cells.get("width")),
        height=_pixels(cells.get("height")),
    )


def read_csv(stream: BinaryIO, kind: str, column: str) -> Iterator[Line]:
    """The rows of a table as text (RFC 4180), in UTF-8, whose first line names the columns.

    Fields are parted by what parts the names: a comma, a tab, a semicolon or a bar. Raises ``RefusedError``.
    """
    first = stream.readline(MAX_LINE)
    if not first.strip():
        raise RefusedError("It is empty.", reason="unreadable", hint="Its first line has to name the columns.")
    try:
        head = first.decode("utf-8-sig")
    except UnicodeDecodeError:
        head = "\0"
    if "\0" in head:
        hint = "Convert it, such as by iconv -f UTF-16 -t UTF-8 FILE."
        raise RefusedError("It isn't text in UTF-8.", reason="unreadable", hint=hint)
    delimiter = max(_DELIMITERS, key=head.count)
    places = places_of(next(csv.reader([head], delimiter=delimiter)), column)
    problems: list[str] = []
    rows = csv.reader(_decoded(stream, problems), delimiter=delimiter)
    while True:
        row: list[str] | None = []
        try:
            row = next(rows, None)
        except csv.Error:
            problems.append("not-a-row")
        yield from (Line("", problem=problem) for problem in problems)
        problems.clear()
        if row is None:
            return
        if row:
            yield line_of({what: row[place] for what, place in places.items() if place < len(row)}, kind)


def text_lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """The lines of a text; ``None`` for one that is longer than :data:`MAX_LINE`."""
    while line := stream.readline(MAX_LINE):
        if len(line) < MAX_LINE or line.endswith(b"\n"):
            yield line
            continue
        while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


def _decoded(stream: BinaryIO, problems: list[str]) -> Iterator[str]:
    for line in text_lines(stream):
        try:
            if line is None:
                problems.append("line-too-long")
            else:
                yield line.decode()
        except UnicodeDecodeError:
            problems.append("encoding")


class ParquetRows:
    """The rows of a Parquet file, row group by row group; raises ``RefusedError`` for what is none."""

    def __init__(self, stream: BinaryIO, column: str) -> None:
        try:
            from pyarrow import ArrowException, parquet  # noqa: PLC0415 - an optional part
        except ImportError as error:
            hint = "Install the optional part: python3 tools/bootstrap.py runtime bulk"
            raise RefusedError("Parquet files need pyarrow.", reason="unreadable", hint=hint) from error
        try:
            self._file = parquet.ParquetFile(stream)
        except (ArrowException, OSError) as error:
            blame_machine(error)
            hint = "It may have been cut off: fetch it again."
            raise RefusedError("It isn't a whole Parquet file.", reason="unreadable", hint=hint) from error
        names: list[str] = self._file.schema_arrow.names
        self._columns = {what: names[place] for what, place in places_of(names, column).items()}
        self.count: int = self._file.metadata.num_rows

    def lines(self, after: int, kind: str) -> Iterator[Line]:
        """The lines behind the first ones, whose row groups aren't read."""
        says, names = list(self._columns), list(self._columns.values())
        for group in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            if after >= rows:
                after -= rows
                continue
            for batch in self._file.iter_batches(batch_size=_ROWS, row_groups=[group], columns=list(set(names))):
                rest = batch.slice(min(after, len(batch))).select(names).rename_columns(says)
                after = max(0, after - len(batch))
                yield from (line_of(cells, kind) for cells in rest.to_pylist())


def _pixels(value: Untyped) -> int:
    try:
        return max(0, int(float(value))) if value else 0
    except (TypeError, ValueError, OverflowError):
        return 0
