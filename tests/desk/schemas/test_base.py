"""Answers say of themselves all that they hold."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from pydantic import Field, ValidationError

from desk.schemas.base import Answer, Hex, Moment, Piece


class Told(Answer):
    name: str = Field(alias="title")
    watch: str | None = Field(alias="crawl.watch.name")
    at: Moment
    extra: int = 0


def test_fields_are_found_in_a_row_by_their_alias_and_through_what_is_missing() -> None:
    at = datetime(2026, 5, 1, 12, tzinfo=UTC)
    deep = SimpleNamespace(title="A", crawl=SimpleNamespace(watch=SimpleNamespace(name="shop")), at=at, extra=1)
    bare = SimpleNamespace(title="B", crawl=None, at=at, extra=2)
    one, other = Told.from_rows([deep, bare])
    assert (one.name, one.watch, other.watch) == ("A", "shop", None)
    assert Told.from_row(bare, name="C", extra=7).model_dump(mode="json") == {
        "name": "C", "watch": None, "at": "2026-05-01T12:00:00.000000Z", "extra": 7,
    }  # fmt: skip


def test_what_an_answer_does_not_hold_is_refused() -> None:
    with pytest.raises(ValidationError):
        Told(name="A", watch=None, at=datetime.now(UTC), other=1)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Piece[Hex](items=["no digest"], next=None, last="after-0")
    assert Piece[Hex](items=["9f" * 32], next=None, last="after-1").items == ["9f" * 32]
