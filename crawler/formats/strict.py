"""Strict conversion between JSON and frozen dataclasses: nothing is guessed, and every error names its field."""

import dataclasses
import difflib
import json
import types
from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from exhibit.clock import parse_rfc3339, rfc3339
from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from exhibit.types import Untyped

T = TypeVar("T")
Reader: TypeAlias = Callable[[object, str], Any]
"""Converts a value; raises ``WrongUseError``, which names the given location."""


def parse(text: str | bytes, what: str) -> object:
    """Parse JSON text; raises ``WrongUseError``, whose message starts with ``what``."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongUseError(f"{what} isn't JSON: {error}.") from error


def read_as(cls: type[T], value: object, where: str) -> T:
    """Convert a JSON object to a dataclass; types must match, and unknown fields are errors.

    Fields are strings, numbers, booleans, paths, times, digests, enumerations, tuples, mappings and other dataclasses,
    or
    anything.

    Raises:
        WrongUseError: The message names the field below ``where`` and the expected type.
    """
    if not isinstance(value, Mapping):
        raise _wrong(where, "an object", value)
    readers, required = _shape(cast("Hashable", cls))  # mypy does not see that classes are hashable
    for name in value:
        if name not in readers:
            raise _unknown(f"{where}.{name}", str(name), list(readers))
    missing = [name for name in required if name not in value]
    if missing:
        raise WrongUseError(f"{where}.{missing[0]} is missing.")
    return cls(**{name: readers[name](item, f"{where}.{name}") for name, item in value.items()})


def write(value: object) -> str:
    """Serialise as one line of JSON; the inverse of :func:`read_as` for the types that it supports."""
    return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=64)
def _shape(cls: type[Any]) -> tuple[dict[str, Reader], tuple[str, ...]]:
    """Return the readers of a dataclass's fields, and the fields without a default."""
    hints, absent = get_type_hints(cls), dataclasses.MISSING
    fields = [field for field in dataclasses.fields(cls) if field.init]
    required = (field.name for field in fields if field.default is absent and field.default_factory is absent)
    return {field.name: _reader(hints[field.name]) for field in fields}, tuple(required)


def _reader(hint: Any) -> Reader:  # noqa: ANN401 - a type
    """Return the reader of a type; created once per field, as a crawl reads millions of values."""
    origin: object = get_origin(hint)
    hints = get_args(hint)
    if origin in (Union, types.UnionType):
        inner = _reader(next(kind for kind in hints if kind is not type(None)))
        return lambda value, where: None if value is None else inner(value, where)
    if origin is tuple:
        return _tuple_reader(hints)
    if origin is Mapping:
        return _mapping_reader(_reader(hints[1]))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and hint is not Digest:
        return lambda value, where: read_as(hint, value, where)
    if hint is Any:
        return lambda value, _where: value
    return _kind_reader(hint) if hint in _CALLED else _text_reader(hint)


def _tuple_reader(hints: tuple[Any, ...]) -> Reader:
    several = hints[-1] is Ellipsis
    each = [_reader(hint) for hint in hints if hint is not Ellipsis]

    def as_tuple(value: object, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _wrong(where, "a list", value)
        if several:
            return tuple([each[0](item, f"{where}[{place}]") for place, item in enumerate(value)])
        if len(value) != len(each):
            raise _wrong(where, f"a list of {len(each)}", value)
        return tuple(
            [reader(item, f"{where}[{place}]") for place, (reader, item) in enumerate(zip(each, value, strict=True))]
        )

    return as_tuple


def _mapping_reader(each: Reader) -> Reader:
    def as_mapping(value: object, where: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _wrong(where, "an object", value)
        return {str(name): each(item, f"{where}[{str(name)!r}]") for name, item in value.items()}

    return as_mapping


def _kind_reader(kind: Untyped) -> Reader:
    def as_it_is(value: object, where: str) -> object:
        if type(value) is kind:
            return value
        if kind is float and type(value) is int:
            return float(value)
        raise _wrong(where, _CALLED[kind], value)

    return as_it_is


def _text_reader(hint: Untyped) -> Reader:
    convert, called = _FROM_TEXT.get(hint) or (hint, "one of " + ", ".join(hint))

    def converted(value: object, where: str) -> object:
        if not isinstance(value, str):
            raise _wrong(where, called, value)
        try:
            return convert(value)
        except ValueError as error:
            raise _wrong(where, called, value) from error

    return converted


_CALLED = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_FROM_TEXT: dict[Any, tuple[Callable[[str], Any], str]] = {
    Path: (Path, "a path"),
    datetime: (parse_rfc3339, "a time with its zone"),
    Digest: (Digest.from_hex, "64 hexadecimal digits"),
}


def _plain(value: object) -> object:
    if isinstance(value, Digest):
        return value.hex
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return dict(value) if isinstance(value, Mapping) else str(value)


def _wrong(where: str, expected: str, value: object) -> WrongUseError:
    text = repr(value)
    return WrongUseError(f"{where} must be {expected}, not {text if len(text) <= 60 else text[:57] + '...'}.")


def _unknown(where: str, name: str, names: list[str]) -> WrongUseError:
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {close[0]}?" if close else "Known here: " + ", ".join(names) + "."
    return WrongUseError(f"{where} isn't a field.", hint=hint)
