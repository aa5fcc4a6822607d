"""Storage format of third-party statements about when a picture was at a URL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from exhibit.types import SourceStatement, SourceStatementKind
from registry.db.bulk import to_storable


def statements_to_json(statements: Iterable[SourceStatement]) -> list[dict[str, Any]]:
    """Convert statements to JSON values for a database row; empty fields are omitted."""
    return [
        {name: _to_json_value(value) for name, value in asdict(statement).items() if value not in ("", None)}
        for statement in statements
    ]


def statements_from_json(rows: Sequence[Mapping[str, Any]]) -> tuple[SourceStatement, ...]:
    """Convert JSON values from :func:`statements_to_json` back to statements."""
    return tuple(SourceStatement(**{**row, "kind": SourceStatementKind(row["kind"])}) for row in rows)


def _to_json_value(value: object) -> object:
    return to_storable(value) if isinstance(value, str) else value
