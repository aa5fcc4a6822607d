"""How answers look: aligned tables for people, JSON for programs, progress on standard error."""

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, TypeVar

import click

from exhibit.clock import rfc3339
from exhibit.plain import printable

if TYPE_CHECKING:
    from desk.schemas.base import Answer

GAP = "  "
KIB = 1024
FEW = 2
T = TypeVar("T")
Line = Callable[[T], Sequence[object]]


def echo_json(answer: "Answer | Mapping[str, Any]") -> None:
    """Print an answer as JSON, or plain data in which answers and times stand."""
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: "Answer | datetime") -> object:
    return rfc3339(value) if isinstance(value, datetime) else value.model_dump(mode="json")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows below their headings, aligned; numbers stand at the right."""
    texts = [[_cell(value) for value in row] for row in rows]
    right = [bool(rows) and all(isinstance(row[place], int) for row in rows) for place in range(len(columns))]
    for line in aligned([columns, *texts], right):
        click.echo(line)


def aligned(lines: Sequence[Sequence[str]], right: Sequence[bool]) -> Iterator[str]:
    """Lines of cells as text in columns, of which some stand at the right."""
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield GAP.join(_padded(*cell) for cell in zip(line, widths, right, strict=True)).rstrip()


def only_json(answer: "Answer | Mapping[str, Any]", *, asked: bool) -> None:
    """Print an answer as JSON and end the command, where that is asked for."""
    if asked:
        echo_json(answer)
        click.get_current_context().exit()


def tell(answer: "Answer | Mapping[str, Any]", *said: str | Callable[[], None], as_json: bool) -> None:
    """Print an answer as JSON, or what it says: sentences, and what is called to say the rest."""
    if as_json:
        echo_json(answer)
        return
    for each in said:
        if callable(each):
            each()
        else:
            say(each)


def listed(name: str, rows: Sequence[T], columns: Sequence[str], line: Line[T], *, nothing: str, as_json: bool) -> None:
    """Print a list: answers as JSON under a name, else a line for each, or a sentence where there is nothing."""
    if as_json:
        echo_json({name: rows})
    elif rows:
        table(columns, [line(row) for row in rows])
    else:
        say(nothing)


def fields(*pairs: tuple[str, object]) -> None:
    """Print names with their values; pairs without a value are left out."""
    rows = [(name, _cell(value)) for name, value in pairs if value not in ("", None, [], ())]
    width = max((_width(name) for name, _ in rows), default=0)
    for name, text in rows:
        click.echo(f"{name}{' ' * (width - _width(name))}{GAP}{text}")


def told(row: object, *names: str) -> Iterator[tuple[str, object]]:
    """Pairs for :func:`fields`: what an answer has by these names, in which blanks stand for underscores."""
    return ((name, getattr(row, name.replace(" ", "_"))) for name in names)


def say(text: str) -> None:
    """Print a sentence in which strangers' words may stand."""
    click.echo(printable(text))


def note(text: str) -> None:
    """Print a remark on standard error."""
    click.echo(printable(text), err=True)


def tracked(items: Sequence[T], label: str) -> Iterator[T]:
    """The items one by one, with a bar on standard error when there are more than a few."""
    with click.progressbar(items, label=label, file=sys.stderr, hidden=len(items) <= FEW) as bar:
        yield from bar


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun, such as ``1 case`` or ``1,234 cases``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(count: int) -> str:
    """Bytes in a reader's form, such as ``4.2 MiB``."""
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < KIB:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= KIB
    return f"{amount:.1f} TiB"


def moment(when: datetime | None, zone: tzinfo) -> str:
    """A time in the reader's zone, such as ``2026-11-20 17:30 CST``; empty when there is none."""
    return "" if when is None else when.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def short(text: str, most: int = 48) -> str:
    """A text that is cut when it is long."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else printable(str(value)).replace("\n", " ")


def _padded(text: str, width: int, right: bool) -> str:  # noqa: FBT001 - one of a row's three lists
    blanks = " " * (width - _width(text))
    return blanks + text if right else text + blanks


def _width(text: str) -> int:
    """Columns on a terminal: East Asian characters take two (Unicode Standard Annex 11)."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else not unicodedata.combining(sign) for sign in text)
