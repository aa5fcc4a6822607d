"""Readers for tables in the format of img2dataset (CSV, TSV, Parquet), and for lists that web archives publish.

WAT files list the links of pages; CDX files list captures.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import BinaryIO, TypeVar, cast

from crawler.archives.cdx import parse_fields
from crawler.lists.line import IMAGE, MAX_LINE_BYTES, PAGE, Line
from crawler.reading.archives import Damage, read_records
from crawler.reading.bodies import check_status
from crawler.reading.document import normalise_text, resolve_url
from crawler.reading.sniff import has_image_suffix
from exhibit.errors import RefusedError
from exhibit.files.delimited import DelimitedTable
from exhibit.machine import raise_machine_fault
from exhibit.reasons import Reason
from exhibit.types import Json, Untyped

_COLUMN_NAMES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "url": ("url", "image_url"),
        "caption": ("caption", "text", "alt"),
        "page": ("page_url", "source", "page"),
        "width": ("width", "original_width"),
        "height": ("height", "original_height"),
    }
)
"""Recognised column names, by meaning."""
_URL_START = re.compile(r"\s*https?://", re.IGNORECASE)
_BATCH_ROWS = 10_000
_MIN_PARQUET_BYTES = 12  # bytes: magic number, metadata, size of the metadata, and magic number
MAX_RECORD_BYTES = 32 << 20
"""Maximum bytes of a WAT record; longer ones are skipped."""

T = TypeVar("T")
_DEFAULT_LEGEND = "N b a m s k r M S V g"
_PAGE_MEDIA_TYPES = ("text/html", "application/xhtml+xml")
_LEGEND_START = re.compile(r"CDX[ \t]")
_UNKNOWN_MEDIA_TYPES = ("-", "unk", "warc/revisit")
"""Values for an unknown media type; the URL then decides whether it is an image."""


def find_columns(names: Sequence[str], column: str) -> dict[str, int]:
    """Return the positions of columns by meaning, found by their names, regardless of case.

    Raises:
        RefusedError: No column contains URLs.
    """
    lower_names = [name.strip().lower() for name in names]
    columns = {**_COLUMN_NAMES, **({"url": [column.lower()]} if column else {})}
    positions_by_meaning = {
        meaning: [lower_names.index(name) for name in candidates if name in lower_names]
        for meaning, candidates in columns.items()
    }
    if not positions_by_meaning["url"]:
        shown_names = ", ".join(name[:40] for name in names[:12])
        hint = "Enter the column of the URLs: --column NAME"
        sentence = f"The table has no column {column or 'url'}, but {shown_names or 'no columns'}."
        raise RefusedError(sentence, reason=Reason.UNREADABLE, hint=hint)
    return {meaning: positions[0] for meaning, positions in positions_by_meaning.items() if positions}


def build_line(cells: Mapping[str, Untyped], kind: str) -> Line:
    """Convert a row to a line."""
    url, page_url, caption = (_to_text(cells.get(meaning)) for meaning in ("url", "page", "caption"))
    if not url:
        return Line("", problem="no-address")
    return Line(
        url=url,
        kind=kind,
        page_url=page_url if kind == IMAGE else "",
        context=normalise_text(caption),
        width=_parse_pixels(cells.get("width")),
        height=_parse_pixels(cells.get("height")),
    )


def read_csv(stream: BinaryIO, kind: str, column: str) -> Iterator[Line]:
    """Read a table in text form (RFC 4180); its first line names the columns, or is a row if it contains a URL.

    :class:`exhibit.files.delimited.DelimitedTable` parses the file. A line that is not a valid row states its number.

    Raises:
        RefusedError: The first line is not text or names no column of URLs.
    """
    names = {name for candidates in _COLUMN_NAMES.values() for name in candidates} | {column.lower()}
    table = DelimitedTable(stream, is_heading=lambda head: head.lower() in names, starts_row=_is_row_start)
    if not table.headings:
        raise RefusedError(
            "The table is empty.", reason=Reason.UNREADABLE, hint="Its first row must contain the column names."
        )
    if not column and not names.intersection(map(str.lower, table.headings)) and _is_row_start((), table.headings):
        positions = {"url": next(position for position, cell in enumerate(table.headings) if _URL_START.match(cell))}
        yield build_line({"url": table.headings[positions["url"]]}, kind)
    else:
        positions = find_columns(table.headings, column)
    for row in table:
        if row.problem is None:
            yield build_line({meaning: row.cells[position] for meaning, position in positions.items()}, kind)
        else:
            yield Line(f"line {row.line}: {row.text}", problem=row.problem)


def _is_row_start(_heads: Sequence[str], cells: Sequence[str]) -> bool:
    """Return True if the fields start a new row, which is the case if one of them is a URL."""
    return any(_URL_START.match(cell) for cell in cells)


def read_text_lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Yield the lines of a text; ``None`` for a line longer than :data:`MAX_LINE_BYTES`."""
    while line := stream.readline(MAX_LINE_BYTES):
        if len(line) < MAX_LINE_BYTES or line.endswith(b"\n"):
            yield line
            continue
        while (remainder := stream.readline(MAX_LINE_BYTES)) and not remainder.endswith(b"\n"):
            pass
        yield None


class ParquetRows:
    """Rows of a Parquet file, row group by row group; raises ``RefusedError`` for any other file."""

    def __init__(self, stream: BinaryIO, column: str) -> None:
        try:
            from pyarrow import ArrowException, parquet  # noqa: PLC0415 - an optional component
        except ImportError as error:
            hint = "Install the component: python3 tools/bootstrap.py runtime bulk"
            raise RefusedError("Parquet files require pyarrow.", reason=Reason.UNREADABLE, hint=hint) from error
        try:
            self._file = parquet.ParquetFile(stream)
        except (ArrowException, OSError) as error:
            raise_machine_fault(error)
            if is_complete_parquet(stream):
                sentence, hint = (
                    f"pyarrow cannot read the file: {error}",
                    "The file may be damaged. Download or create it again.",
                )
            else:
                sentence, hint = "The file is not a complete Parquet file.", "Download the file again."
            raise RefusedError(sentence, reason=Reason.UNREADABLE, hint=hint) from error
        names: list[str] = self._file.schema_arrow.names
        self._columns = {meaning: names[position] for meaning, position in find_columns(names, column).items()}
        self.row_count: int = self._file.metadata.num_rows

    def read_lines(self, after: int, kind: str) -> Iterator[Line]:
        """Yield the lines after the first ``after`` rows, whose row groups are not read."""
        meanings, names = list(self._columns), list(self._columns.values())
        for group in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            if after >= rows:
                after -= rows
                continue
            for batch in self._file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group], columns=list(set(names))):
                remaining_rows = batch.slice(min(after, len(batch)))
                after = max(0, after - len(batch))
                columns = [
                    _read_cells(remaining_rows.column(remaining_rows.schema.names.index(name))) for name in names
                ]
                for cells in zip(*columns, strict=True):
                    yield build_line(dict(zip(meanings, cells, strict=True)), kind)


def is_complete_parquet(stream: BinaryIO) -> bool:
    """Return True if a file starts and ends like a Parquet file."""
    if stream.seek(0, io.SEEK_END) < _MIN_PARQUET_BYTES:
        return False
    stream.seek(0)
    magic = stream.read(4)
    stream.seek(-4, io.SEEK_END)
    return magic == stream.read(4) == b"PAR1"


def _read_cells(column: Untyped) -> list[Untyped]:
    """Return the cells of a Parquet column. Text is returned as bytes, as some writers store text that is not UTF-8.

    Times, lists and similar types become ``None``, and an unreadable cell does not affect others.
    """
    from pyarrow import large_binary, types  # noqa: PLC0415 - an optional component

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    column_type = column.type
    if types.is_string(column_type) or types.is_large_string(column_type) or types.is_string_view(column_type):
        column = column.cast(large_binary())
    elif types.is_nested(column_type) or types.is_temporal(column_type):
        return [None] * len(column)
    return cast("list[Untyped]", column.to_pylist())


def _to_text(value: Untyped) -> str:
    """Return a cell as text; bytes are UTF-8, padded with zeros in a fixed-width column."""
    text = value.decode("utf-8", "replace").rstrip("\0") if isinstance(value, bytes) else value
    return text.strip() if isinstance(text, str) else ""


def _parse_pixels(value: Untyped) -> int:
    try:
        return max(0, int(float(value))) if value else 0
    except (TypeError, ValueError, OverflowError):
        return 0


def read_cdx(stream: BinaryIO) -> Iterator[Line]:
    """Read a CDX file with its legend, or a CDXJ file, whose last field is JSON.

    Formats: https://archive.org/web/researcher/cdx_legend.php and https://specs.webrecorder.net/cdxj/0.1.0/.
    """
    legend = _DEFAULT_LEGEND.split()
    for raw in read_text_lines(stream):
        text = "" if raw is None else raw.decode("utf-8", "replace").strip("\ufeff \t\r\n")
        if _LEGEND_START.match(text):
            legend = text.split()[1:]
        elif raw is None:
            yield Line("", problem="line-too-long")
        elif text and text[0] != "!":
            yield _parse_capture(text, legend)


def _parse_capture(text: str, legend: list[str]) -> Line:
    try:
        fields = parse_fields(text, legend)
    except ValueError:
        return Line(text[:80], problem="not-json")
    url, mime = fields["url"], fields["mime"]
    if not url or not mime:
        return Line(text[:80], problem="not-cdx")
    mime = mime.partition(";")[0].strip().lower()
    if mime in _UNKNOWN_MEDIA_TYPES:
        kind, problem = IMAGE if has_image_suffix(url) else PAGE, ""
    else:
        kind = IMAGE if mime.startswith("image/") else PAGE
        problem = "" if kind == IMAGE or mime in _PAGE_MEDIA_TYPES else "other-kind"
    return Line(url, kind, problem=problem if _is_successful(fields["status"]) else "status")


def _is_successful(status: str) -> bool:
    """Return True if the archive has a complete response, according to its index."""
    return status in ("", "-") or (
        status.isascii() and status.isdecimal() and check_status(int(status[:4]), "") is None
    )


def read_wat(stream: BinaryIO) -> Iterator[Line]:
    """Read the images and links of each page in a WAT file, as Common Crawl writes it: JSON metadata records.

    An image has the page that shows it, and its ``alt`` text as caption. The file may be compressed like web archives.

    Raises:
        EOFError: The file is truncated.
    """
    for record in read_records(stream):
        if isinstance(record, Damage):
            if record.is_end:
                raise EOFError
            yield Line(f"byte {record.position.partition('+')[0]}", problem="damaged")
        elif record.get_header("WARC-Type").lower() == "metadata":
            data = record.read(MAX_RECORD_BYTES + 1)
            if len(data) < min(record.length, MAX_RECORD_BYTES):
                continue  # the next item is a Damage
            page = record.get_header("WARC-Target-URI")
            try:
                yield from _read_links(json.loads(data), page)
            except (ValueError, RecursionError):
                yield Line(page, problem="not-json")


def _read_links(metadata: Json, page: str) -> Iterator[Line]:
    for name in ("Envelope", "Payload-Metadata", "HTTP-Response-Metadata", "HTML-Metadata"):
        metadata = _get_field(metadata, name, dict)
    base = resolve_url(page, _get_field(_get_field(metadata, "Head", dict), "Base", str)) or page
    for link in _get_field(metadata, "Links", list):
        path, address = _get_field(link, "path", str), _get_field(link, "url", str)
        if not (url := resolve_url(base, address)):
            yield Line(address, problem=Reason.BAD_URL)
        elif path.startswith("IMG@/"):
            yield Line(
                url,
                IMAGE,
                page_url=page,
                context=normalise_text(_get_field(link, "alt", str) or _get_field(link, "title", str)),
            )
        else:
            yield Line(url, PAGE, problem="" if path.startswith(("A@/", "AREA@/")) else "other-kind")


def _get_field(mapping: Untyped, name: str, value_type: type[T]) -> T:
    value = mapping.get(name) if isinstance(mapping, dict) else None
    return value if isinstance(value, value_type) else value_type()
