"""Test that response schemas declare all fields."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import Field, ValidationError

from desk.schemas.base import Hex, Page, ResponseBody, UtcTime


class AliasSchema(ResponseBody):
    name: str = Field(alias="title")
    watch: str | None = Field(alias="crawl.watch.name")
    at: UtcTime
    extra: int = 0


def test_fields_are_read_by_alias_and_through_missing_relations() -> None:
    at = datetime(2026, 5, 1, 12, tzinfo=UTC)
    deep = SimpleNamespace(title="A", crawl=SimpleNamespace(watch=SimpleNamespace(name="shop")), at=at, extra=1)
    bare = SimpleNamespace(title="B", crawl=None, at=at, extra=2)
    first, other = AliasSchema.from_rows([deep, bare])
    assert (first.name, first.watch, other.watch) == ("A", "shop", None)
    assert AliasSchema.from_row(bare, name="C", extra=7).model_dump(mode="json") == {
        "name": "C", "watch": None, "at": "2026-05-01T12:00:00.000000Z", "extra": 7,
    }  # fmt: skip


class PartSchema(ResponseBody):
    letter: str
    twice: str

    @staticmethod
    def resolve_twice(row: SimpleNamespace) -> object:
        return row.letter * 2


class NestedSchema(ResponseBody):
    parts: list[PartSchema]
    first: PartSchema | None = Field(alias="of.first")
    count: int

    @classmethod
    def load_shared_fields(cls, rows: Sequence[Any]) -> list[dict[str, Any]]:
        return [{"count": len(row.parts) + len(rows)} for row in rows]


def test_nested_rows_are_resolved_with_one_query() -> None:
    a, b = SimpleNamespace(letter="a"), SimpleNamespace(letter="b")
    rows = [SimpleNamespace(parts=[a, b], of=SimpleNamespace(first=a)), SimpleNamespace(parts=[], of=None)]
    first, other = NestedSchema.from_rows(rows)
    assert first.model_dump() == {
        "parts": [{"letter": "a", "twice": "aa"}, {"letter": "b", "twice": "bb"}],
        "first": {"letter": "a", "twice": "aa"},
        "count": 4,
    }
    assert (other.parts, other.first, other.count) == ([], None, 2)
    assert (NestedSchema.from_row(rows[0]).count, NestedSchema.from_row(rows[0], count=9).count) == (3, 9)
    plain = SimpleNamespace(parts=[{"letter": "c", "twice": "cc"}], of=None)
    assert NestedSchema.from_row(plain).parts == [PartSchema(letter="c", twice="cc")]


def test_incomplete_response_is_rejected() -> None:
    with pytest.raises(ValidationError):
        AliasSchema(name="A", watch=None, at=datetime.now(UTC), other=1)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Page[Hex](items=["no digest"], next=None, last="after-0")
    assert Page[Hex](items=["9f" * 32], next=None, last="after-1").items == ["9f" * 32]
