import json
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pytest
from hypothesis import given, strategies as st

from evidence.formats.codec import FormatError, from_plain, parse_json, to_plain
from exhibit.digests import Digest


@dataclass(frozen=True, slots=True)
class EveryField:
    text: str
    number: int
    share: float
    flag: bool
    moment: datetime
    digest: Digest
    raw: bytes
    kind: Literal["a", "b"]
    maybe: int | None
    pair: tuple[str, int]
    many: tuple[float, ...]


GOOD = {
    "text": "x",
    "number": 1,
    "share": 1,
    "flag": True,
    "moment": "2026-11-20T09:30:00.000000Z",
    "digest": "ab" * 32,
    "raw": "00ff",
    "kind": "a",
    "maybe": None,
    "pair": ["y", 2],
    "many": [0.5, 2],
}


def test_every_field_type_round_trips() -> None:
    value = from_plain(EveryField, GOOD, location="it")
    assert (value.share, value.many, value.maybe) == (1.0, (0.5, 2.0), None)
    assert from_plain(EveryField, to_plain(value), location="it") == value


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("text", 1),
        ("number", 1.5),
        ("number", True),
        ("share", "1"),
        ("flag", 1),
        ("moment", "2026-11-20T09:30:00Z"),
        ("moment", "2026-11-20T09:30:00.000000"),
        ("moment", "soon"),
        ("digest", "AB" * 32),
        ("digest", "ab"),
        ("raw", "0g"),
        ("raw", "00 ff"),
        ("kind", "c"),
        ("maybe", "1"),
        ("pair", ["y"]),
        ("pair", {"y": 2}),
        ("many", 3),
    ],
)
def test_invalid_field_is_rejected_with_location(field: str, wrong: object) -> None:
    with pytest.raises(FormatError, match=f"it: {field}"):
        from_plain(EveryField, {**GOOD, field: wrong}, location="it")


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b"[1e999]",
        b"[9007199254740993]",
        b"[" * 100_000,
        b"[" * 70 + b"]" * 70,
        b'"\\ud800"',
        b'{"\\ud800":1}',
        b"\xff",
        b"",
        b"[" + b"9" * 10_000 + b"]",
    ],
)
def test_non_canonical_json_is_rejected(data: bytes) -> None:
    with pytest.raises(FormatError, match="a file"):
        parse_json(data, label="a file")


def test_oversized_json_is_not_parsed() -> None:
    with pytest.raises(FormatError, match="more than the 4"):
        parse_json(b"[1,2]", label="a file", limit=4)


@given(st.binary(max_size=300))
def test_random_bytes_are_parsed_or_rejected(data: bytes) -> None:
    try:
        parse_json(data, label="a file")
    except FormatError as error:
        assert error.message.startswith("a file")  # noqa: PT017 - some random inputs are valid JSON


def test_deep_nesting_is_rejected_at_any_recursion_limit() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        with pytest.raises(FormatError, match="nested too deeply"):
            parse_json(b"[" * 200_000 + b"]" * 200_000, label="x")
    finally:
        sys.setrecursionlimit(before)
    text = "[" * 100 + "\\" * 3 + '"'
    assert parse_json(json.dumps([text]).encode(), label="x") == [text]


@pytest.mark.parametrize("depth", [64, 65])
def test_nesting_is_limited_to_64_levels(depth: int) -> None:
    text = b"[" * depth + b"1" + b"]" * depth
    if depth == 64:
        assert parse_json(text, label="x")
    else:
        with pytest.raises(FormatError, match="nested too deeply"):
            parse_json(text, label="x")


def test_integer_spellings_are_equivalent() -> None:
    assert from_plain(EveryField, {**GOOD, "number": parse_json(b"1.0", label="x")}, location="x").number == 1
    assert parse_json(b"[1e3, 0.5, -0]", label="x") == [1000, 0.5, 0]


@pytest.mark.parametrize("number", ["9007199254740992", "9007199254740992.0", "1e16", "-1e300", "1e400", "NaN"])
def test_ambiguous_numbers_are_rejected(number: str) -> None:
    with pytest.raises(FormatError):
        parse_json(number.encode(), label="x")
