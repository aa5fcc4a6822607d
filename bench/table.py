"""What a benchmark prints and keeps: rows of plain values, as a table for people and as JSON."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from indexer.picture.descriptor import kernel

Row = Mapping[str, object]
Titled = tuple[str, str, Sequence[Row]]
"""A table: its name as a file, its title, its rows."""


def show(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a Markdown table, ready for the documentation."""
    print(f"\n### {title}\n")
    print(as_markdown(rows))


def as_markdown(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table; a sentence where there are none."""
    if not rows:
        return "Nothing to show."
    columns = list(rows[0])
    lines = [columns, *([_text(row[column]) for column in columns] for row in rows)]
    shown = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([shown[0], "|" + "---|" * len(columns), *shown[1:]])


def _text(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def keep(out: Path, name: str, rows: Sequence[Row]) -> None:
    """Keep rows as JSON beside what they were measured on."""
    out.mkdir(parents=True, exist_ok=True)
    kept = {"machine": machine(), "date": datetime.now(UTC).date().isoformat(), "rows": [dict(row) for row in rows]}
    (out / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def machine() -> str:
    """The machine in a few words: cores, memory, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    python = platform.python_version()
    return f"{cores} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, CPython {python}, {kernel()}"
