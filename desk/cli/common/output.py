"""Output of commands: aligned tables for people, JSON for programs, progress on standard error."""

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, TypeVar

import click

from exhibit.clock import format_rfc3339
from exhibit.plain import replace_unprintable

if TYPE_CHECKING:
    from desk.schemas.base import ResponseBody

COLUMN_GAP = "  "
KIB = 1024
MAX_WITHOUT_BAR = 2
T = TypeVar("T")
RowFormatter = Callable[[T], Sequence[object]]


def echo_json(data: "ResponseBody | Mapping[str, Any]") -> None:
    """Print a response, or data that contains responses and times, as JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=_to_plain))


def _to_plain(value: "ResponseBody | datetime") -> object:
    return format_rfc3339(value) if isinstance(value, datetime) else value.model_dump(mode="json")


def echo_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows below their headings in aligned columns. Columns of numbers are aligned to the right."""
    texts = [[_format_cell(value) for value in row] for row in rows]
    right_aligned = [bool(rows) and all(isinstance(row[index], int) for row in rows) for index in range(len(columns))]
    for line in align_columns([columns, *texts], right_aligned):
        click.echo(line)


def align_columns(lines: Sequence[Sequence[str]], right_aligned: Sequence[bool]) -> Iterator[str]:
    """Format rows of cells as lines with aligned columns; ``right_aligned`` selects those aligned to the right."""
    widths = [max(map(_measure_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield COLUMN_GAP.join(_pad(*cell) for cell in zip(line, widths, right_aligned, strict=True)).rstrip()


def echo_json_and_exit(data: "ResponseBody | Mapping[str, Any]", *, is_requested: bool) -> None:
    """Print a response as JSON and exit the command if JSON output is requested."""
    if is_requested:
        echo_json(data)
        click.get_current_context().exit()


def echo_result(data: "ResponseBody | Mapping[str, Any]", *parts: str | Callable[[], None], as_json: bool) -> None:
    """Print a response as JSON, or else its parts: sentences, and functions that print."""
    if as_json:
        echo_json(data)
        return
    for part in parts:
        if callable(part):
            part()
        else:
            echo_text(part)


def echo_list(
    name: str,
    rows: Sequence[T],
    columns: Sequence[str],
    format_row: RowFormatter[T],
    *,
    empty_message: str,
    as_json: bool,
) -> None:
    """Print a list: JSON under a name, or a table with one row for each item, or a message if it is empty."""
    if as_json:
        echo_json({name: rows})
    elif rows:
        echo_table(columns, [format_row(row) for row in rows])
    else:
        echo_text(empty_message)


def echo_fields(*pairs: tuple[str, object]) -> None:
    """Print names with their values. Pairs without a value are omitted."""
    rows = [(name, _format_cell(value)) for name, value in pairs if value not in ("", None, [], ())]
    width = max((_measure_width(name) for name, _ in rows), default=0)
    for name, text in rows:
        click.echo(f"{name}{' ' * (width - _measure_width(name))}{COLUMN_GAP}{text}")


def select_fields(row: object, *names: str) -> Iterator[tuple[str, object]]:
    """Return pairs of names and attributes for :func:`echo_fields`. Spaces in names replace underscores."""
    return ((name, getattr(row, name.replace(" ", "_"))) for name in names)


def echo_text(text: str) -> None:
    """Print text, which may contain untrusted content, without control characters."""
    click.echo(replace_unprintable(text))


def echo_note(text: str) -> None:
    """Print a note on standard error."""
    click.echo(replace_unprintable(text), err=True)


def track_progress(items: Sequence[T], label: str) -> Iterator[T]:
    """Yield items, with a progress bar on standard error if there are more than ``MAX_WITHOUT_BAR``."""
    with click.progressbar(items, label=label, file=sys.stderr, hidden=len(items) <= MAX_WITHOUT_BAR) as bar:
        yield from bar


def format_count(number: int, singular: str, plural: str = "") -> str:
    """Format a number with its noun, such as ``1 case`` or ``1,234 cases``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def format_size(byte_count: int) -> str:
    """Format a number of bytes with a unit, such as ``4.2 MiB``."""
    amount = float(byte_count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < KIB:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= KIB
    return f"{amount:.1f} TiB"


def format_time(time: datetime | None, zone: tzinfo) -> str:
    """Format a time in a time zone, such as ``2026-11-20 17:30 CST``; empty if there is no time."""
    return "" if time is None else time.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def truncate(text: str, max_length: int = 48) -> str:
    """Truncate a text to ``max_length`` characters."""
    return text if len(text) <= max_length else text[: max_length - 1] + "…"


def _format_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else replace_unprintable(str(value)).replace("\n", " ")


def _pad(text: str, width: int, is_right_aligned: bool) -> str:  # noqa: FBT001 - called with zipped values
    padding = " " * (width - _measure_width(text))
    return padding + text if is_right_aligned else text + padding


def _measure_width(text: str) -> int:
    """Return the width of a text in terminal columns. East Asian characters take two (Unicode Standard Annex 11)."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else not unicodedata.combining(char) for char in text)
