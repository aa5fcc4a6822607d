"""Storage format of third-party statements about when a picture was at a place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from exhibit.types import SeenElsewhere, SeenKind
from registry.db.bulk import storable


def kept(told: Iterable[SeenElsewhere]) -> list[dict[str, Any]]:
    """Convert statements to JSON values for a row; empty fields are left out."""
    return [{name: _plain(value) for name, value in asdict(one).items() if value not in ("", None)} for one in told]


def stated(rows: Sequence[Mapping[str, Any]]) -> tuple[SeenElsewhere, ...]:
    """Convert JSON values from :func:`kept` back to statements."""
    return tuple(SeenElsewhere(**{**row, "kind": SeenKind(row["kind"])}) for row in rows)


def _plain(value: object) -> object:
    return storable(value) if isinstance(value, str) else value
