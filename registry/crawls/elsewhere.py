"""What others state of when a picture was at a place: as rows keep it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from exhibit.types import SeenElsewhere, SeenKind
from registry.db.bulk import storable


def kept(told: Iterable[SeenElsewhere]) -> list[dict[str, Any]]:
    """The statements as the JSON of a row; what they leave open isn't written."""
    return [{name: _plain(value) for name, value in asdict(one).items() if value not in ("", None)} for one in told]


def stated(rows: Sequence[Mapping[str, Any]]) -> tuple[SeenElsewhere, ...]:
    """The inverse of :func:`kept`."""
    return tuple(SeenElsewhere(**{**row, "kind": SeenKind(row["kind"])}) for row in rows)


def _plain(value: object) -> object:
    return storable(value) if isinstance(value, str) else value
