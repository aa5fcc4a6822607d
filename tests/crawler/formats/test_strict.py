from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import pytest

from crawler.formats.strict import parse_json, read_as, write_json
from exhibit.clock import parse_rfc3339
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    size: int
    name: str | None = None


@dataclass(frozen=True)
class Outer:
    at: datetime
    digest: Digest
    path: Path
    share: float
    colour: Colour = Colour.RED
    parts: tuple[Inner, ...] = ()
    pair: tuple[str, int] = ("a", 1)
    by_name: Mapping[str, Inner] = field(default_factory=dict)
    is_good: bool = False


NEEDED = {"at": "2026-01-02T03:04:05Z", "digest": "ab" * 32, "path": "/a", "share": 1}


def test_values_round_trip() -> None:
    value = Outer(
        at=parse_rfc3339("2026-01-02T03:04:05Z"),
        digest=Digest.from_bytes(b"x"),
        path=Path("/a/b"),
        share=0.5,
        colour=Colour.BLUE,
        parts=(Inner(1), Inner(2, "“two”")),
        pair=("b", 2),
        by_name={"x": Inner(3)},
        is_good=True,
    )
    text = write_json(value)
    assert "\n" not in text
    assert read_as(Outer, parse_json(text, "it"), "it") == value


def test_missing_fields_use_defaults_and_integer_is_a_number() -> None:
    result = read_as(Outer, NEEDED, "it")
    assert (result.colour, result.parts, result.pair) == (Colour.RED, (), ("a", 1))
    assert (result.share, type(result.share)) == (1.0, float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "green"}, "it.colour must be one of red, blue, not 'green'"),
        ({"parts": [{"size": 1}, {"size": True}]}, "it.parts[1].size must be a whole number, not True"),
        ({"parts": {}}, "it.parts must be a list"),
        ({"pair": ["a"]}, "it.pair must be a list of 2"),
        ({"by_name": {"x": {"size": "1"}}}, "it.by_name['x'].size must be a whole number"),
        ({"is_good": 1}, "it.is_good must be true or false"),
        ({"at": "2026-01-02T03:04:05"}, "it.at must be a time with a time zone"),
        ({"digest": "ab"}, "it.digest must be 64 hexadecimal digits"),
        ({"colours": "red"}, "it.colours is not a known field. Did you mean colour?"),
        ({"share": "x" * 99}, "it.share must be a number, not 'xxx"),
    ],
)
def test_error_names_field_and_expected_type(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read_as(Outer, NEEDED | change, "it")
    assert message in str(caught.value)
    assert len(caught.value.message) < 120


def test_missing_field_is_reported() -> None:
    with pytest.raises(InvalidRequestError, match=r"it\.digest"):
        read_as(Outer, {name: value for name, value in NEEDED.items() if name != "digest"}, "it")
    with pytest.raises(InvalidRequestError, match="it"):
        read_as(Outer, [], "it")
    with pytest.raises(InvalidRequestError, match="the job"):
        parse_json("{", "the job")
