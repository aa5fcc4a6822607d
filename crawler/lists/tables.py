"""Readers for tables as img2dataset reads and writes them (CSV, TSV, Parquet), and for lists that web archives publish.

WAT files list the links of pages; CDX files list captures.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import BinaryIO, TypeVar, cast

from crawler.archives.cdx import fields_of
from crawler.lists.line import IMAGE, MAX_LINE, PAGE, Line
from crawler.reading.archives import Damage, records
from crawler.reading.bodies import status_problem
from crawler.reading.found import absolute, plain
from crawler.reading.sniff import has_image_suffix
from exhibit.errors import RefusedError
from exhibit.files.delimited import Delimited
from exhibit.machine import blame_machine
from exhibit.reasons import Reason
from exhibit.types import Json, Untyped

_NAMES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "url": ("url", "image_url"),
        "caption": ("caption", "text", "alt"),
        "page": ("page_url", "source", "page"),
        "width": ("width", "original_width"),
        "height": ("height", "original_height"),
    }
)
"""Recognised column names, by meaning."""
_ADDRESS = re.compile(r"\s*https?://", re.IGNORECASE)
_ROWS = 10_000
_MIN_PARQUET = 12  # bytes: magic number, metadata, size of the metadata, and magic number
MAX_RECORD = 32 << 20
"""Maximum bytes of a WAT record; longer ones are skipped."""

T = TypeVar("T")
_LEGEND = "N b a m s k r M S V g"
_PAGES = ("text/html", "application/xhtml+xml")
_LEGEND_BEGINS = re.compile(r"CDX[ \t]")
_UNSTATED = ("-", "unk", "warc/revisit")
"""Values for an unknown media type; the URL then decides whether it is an image."""


def places_of(names: Sequence[str], column: str) -> dict[str, int]:
    """Return the positions of columns by meaning, found by their names, regardless of case.

    Raises:
        RefusedError: No column contains URLs.
    """
    lower = [name.strip().lower() for name in names]
    columns = {**_NAMES, **({"url": [column.lower()]} if column else {})}
    columns_found = {
        what: [lower.index(name) for name in candidates if name in lower] for what, candidates in columns.items()
    }
    if not columns_found["url"]:
        listed = ", ".join(name[:40] for name in names[:12])
        hint = "Name the column of addresses: --column NAME"
        sentence = f"It has no column {column or 'url'}, but {listed or 'none'}."
        raise RefusedError(sentence, reason=Reason.UNREADABLE, hint=hint)
    return {what: places[0] for what, places in columns_found.items() if places}


def line_of(cells: Mapping[str, Untyped], kind: str) -> Line:
    """Convert a row to a line."""
    url, page, caption = (_text(cells.get(what)) for what in ("url", "page", "caption"))
    if not url:
        return Line("", problem="no-address")
    return Line(
        url=url,
        kind=kind,
        page_url=page if kind == IMAGE else "",
        context=plain(caption),
        width=_pixels(cells.get("width")),
        height=_pixels(cells.get("height")),
    )


def read_csv(stream: BinaryIO, kind: str, column: str) -> Iterator[Line]:
    """Read a table in text form (RFC 4180); its first line names the columns, or is a row if it contains a URL.

    :class:`exhibit.files.delimited.Delimited` parses the file. A line that is not a valid row states its number.

    Raises:
        RefusedError: The first line is not text or names no column of URLs.
    """
    names = {name for candidates in _NAMES.values() for name in candidates} | {column.lower()}
    table = Delimited(stream, is_heading=lambda head: head.lower() in names, begins=_begins)
    if not table.heads:
        raise RefusedError("It is empty.", reason=Reason.UNREADABLE, hint="Its first line has to name the columns.")
    if not column and not names.intersection(map(str.lower, table.heads)) and _begins((), table.heads):
        places = {"url": next(place for place, cell in enumerate(table.heads) if _ADDRESS.match(cell))}
        yield line_of({"url": table.heads[places["url"]]}, kind)
    else:
        places = places_of(table.heads, column)
    for row in table:
        if row.problem is None:
            yield line_of({what: row.cells[place] for what, place in places.items()}, kind)
        else:
            yield Line(f"line {row.line}: {row.text}", problem=row.problem)


def _begins(_heads: Sequence[str], cells: Sequence[str]) -> bool:
    """Return True if fields start a new row: one of them is a URL."""
    return any(_ADDRESS.match(cell) for cell in cells)


def text_lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Yield the lines of a text; ``None`` for a line longer than :data:`MAX_LINE`."""
    while line := stream.readline(MAX_LINE):
        if len(line) < MAX_LINE or line.endswith(b"\n"):
            yield line
            continue
        while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


class ParquetRows:
    """Rows of a Parquet file, row group by row group; raises ``RefusedError`` for any other file."""

    def __init__(self, stream: BinaryIO, column: str) -> None:
        try:
            from pyarrow import ArrowException, parquet  # noqa: PLC0415 - an optional part
        except ImportError as error:
            hint = "Install the optional part: python3 tools/bootstrap.py runtime bulk"
            raise RefusedError("Parquet files need pyarrow.", reason=Reason.UNREADABLE, hint=hint) from error
        try:
            self._file = parquet.ParquetFile(stream)
        except (ArrowException, OSError) as error:
            blame_machine(error)
            if is_whole(stream):
                sentence, hint = (
                    f"pyarrow can't read it: {error}",
                    "It may be damaged: fetch it again, or write it anew.",
                )
            else:
                sentence, hint = "It isn't a whole Parquet file.", "It may have been cut off: fetch it again."
            raise RefusedError(sentence, reason=Reason.UNREADABLE, hint=hint) from error
        names: list[str] = self._file.schema_arrow.names
        self._columns = {what: names[place] for what, place in places_of(names, column).items()}
        self.count: int = self._file.metadata.num_rows

    def lines(self, after: int, kind: str) -> Iterator[Line]:
        """Yield the lines after the first ``after`` rows, whose row groups are not read."""
        says, names = list(self._columns), list(self._columns.values())
        for group in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            if after >= rows:
                after -= rows
                continue
            for batch in self._file.iter_batches(batch_size=_ROWS, row_groups=[group], columns=list(set(names))):
                rest = batch.slice(min(after, len(batch)))
                after = max(0, after - len(batch))
                columns = [_cells(rest.column(rest.schema.names.index(name))) for name in names]
                for cells in zip(*columns, strict=True):
                    yield line_of(dict(zip(says, cells, strict=True)), kind)


def is_whole(stream: BinaryIO) -> bool:
    """Return True if a file starts and ends like a Parquet file."""
    if stream.seek(0, io.SEEK_END) < _MIN_PARQUET:
        return False
    stream.seek(0)
    begins = stream.read(4)
    stream.seek(-4, io.SEEK_END)
    return begins == stream.read(4) == b"PAR1"


def _cells(column: Untyped) -> list[Untyped]:
    """Return the cells of a Parquet column. Text is returned as bytes, as some writers store text that is not UTF-8.

    Times, lists and similar types become ``None``, and an unreadable cell does not affect others.
    """
    from pyarrow import large_binary, types  # noqa: PLC0415 - an optional part

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        column = column.cast(large_binary())
    elif types.is_nested(kind) or types.is_temporal(kind):
        return [None] * len(column)
    return cast("list[Untyped]", column.to_pylist())


def _text(value: Untyped) -> str:
    """Return a cell as text; bytes are UTF-8, padded with zeros in a fixed-width column."""
    text = value.decode("utf-8", "replace").rstrip("\0") if isinstance(value, bytes) else value
    return text.strip() if isinstance(text, str) else ""


def _pixels(value: Untyped) -> int:
    try:
        return max(0, int(float(value))) if value else 0
    except (TypeError, ValueError, OverflowError):
        return 0


def read_cdx(stream: BinaryIO) -> Iterator[Line]:
    """Read a CDX file with its legend, or a CDXJ file, whose last field is JSON.

    Formats: https://archive.org/web/researcher/cdx_legend.php and https://specs.webrecorder.net/cdxj/0.1.0/.
    """
    legend = _LEGEND.split()
    for raw in text_lines(stream):
        text = "" if raw is None else raw.decode("utf-8", "replace").strip("\ufeff \t\r\n")
        if _LEGEND_BEGINS.match(text):
            legend = text.split()[1:]
        elif raw is None:
            yield Line("", problem="line-too-long")
        elif text and text[0] != "!":
            yield _capture(text, legend)


def _capture(text: str, legend: list[str]) -> Line:
    try:
        fields = fields_of(text, legend)
    except ValueError:
        return Line(text[:80], problem="not-json")
    url, mime = fields["url"], fields["mime"]
    if not url or not mime:
        return Line(text[:80], problem="not-cdx")
    mime = mime.partition(";")[0].strip().lower()
    if mime in _UNSTATED:
        kind, problem = IMAGE if has_image_suffix(url) else PAGE, ""
    else:
        kind = IMAGE if mime.startswith("image/") else PAGE
        problem = "" if kind == IMAGE or mime in _PAGES else "other-kind"
    return Line(url, kind, problem=problem if _is_successful(fields["status"]) else "status")


def _is_successful(status: str) -> bool:
    """Return True if the archive has a complete response, according to its index."""
    return status in ("", "-") or (
        status.isascii() and status.isdecimal() and status_problem(int(status[:4]), "") is None
    )


def read_wat(stream: BinaryIO) -> Iterator[Line]:
    """Read the images and links of each page in a WAT file, as Common Crawl writes it: JSON metadata records.

    An image has the page that shows it, and its ``alt`` text as caption. The file may be compressed like web archives.

    Raises:
        EOFError: The file is truncated.
    """
    for record in records(stream):
        if isinstance(record, Damage):
            if record.is_end:
                raise EOFError
            yield Line(f"byte {record.position.partition('+')[0]}", problem="damaged")
        elif record.header("WARC-Type").lower() == "metadata":
            data = record.read(MAX_RECORD + 1)
            if len(data) < min(record.length, MAX_RECORD):
                continue  # the next item is a Damage
            page = record.header("WARC-Target-URI")
            try:
                yield from _links(json.loads(data), page)
            except (ValueError, RecursionError):
                yield Line(page, problem="not-json")


def _links(metadata: Json, page: str) -> Iterator[Line]:
    for name in ("Envelope", "Payload-Metadata", "HTTP-Response-Metadata", "HTML-Metadata"):
        metadata = _of(metadata, name, dict)
    base = absolute(page, _of(_of(metadata, "Head", dict), "Base", str)) or page
    for link in _of(metadata, "Links", list):
        path, address = _of(link, "path", str), _of(link, "url", str)
        if not (url := absolute(base, address)):
            yield Line(address, problem=Reason.BAD_URL)
        elif path.startswith("IMG@/"):
            yield Line(url, IMAGE, page_url=page, context=plain(_of(link, "alt", str) or _of(link, "title", str)))
        else:
            yield Line(url, PAGE, problem="" if path.startswith(("A@/", "AREA@/")) else "other-kind")


def _of(told: Untyped, name: str, kind: type[T]) -> T:
    value = told.get(name) if isinstance(told, dict) else None
    return value if isinstance(value, kind) else kind()
