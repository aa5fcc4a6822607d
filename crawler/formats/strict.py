"""Strict conversion between JSON and frozen dataclasses: types must match, and every error names its field."""

import dataclasses
import difflib
import json
import types
from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from exhibit.clock import format_rfc3339, parse_rfc3339
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from exhibit.types import Untyped

T = TypeVar("T")
Reader: TypeAlias = Callable[[object, str], Any]
"""Converts a value; raises ``InvalidRequestError``, which names the given location."""


def parse_json(text: str | bytes, label: str) -> object:
    """Parse JSON text; raises ``InvalidRequestError``, whose message starts with ``label``."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{label} is not valid JSON: {error}.") from error


def read_as(cls: type[T], value: object, location: str) -> T:
    """Convert a JSON object to a dataclass; types must match, and unknown fields are errors.

    Fields are strings, numbers, booleans, paths, times, digests, enumerations, tuples, mappings, other dataclasses,
    or ``Any``.

    Raises:
        InvalidRequestError: The message names the field below ``location`` and the expected type.
    """
    if not isinstance(value, Mapping):
        raise _make_type_error(location, "an object", value)
    readers, required = _inspect_fields(cast("Hashable", cls))  # mypy does not see that classes are hashable
    for name in value:
        if name not in readers:
            raise _make_unknown_field_error(f"{location}.{name}", str(name), list(readers))
    missing = [name for name in required if name not in value]
    if missing:
        raise InvalidRequestError(f"{location}.{missing[0]} is missing.")
    return cls(**{name: readers[name](item, f"{location}.{name}") for name, item in value.items()})


def write_json(value: object) -> str:
    """Serialise as one line of JSON; the inverse of :func:`read_as` for the types that it supports."""
    return json.dumps(value, default=_to_plain, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=64)
def _inspect_fields(cls: type[Any]) -> tuple[dict[str, Reader], tuple[str, ...]]:
    """Return the readers of a dataclass's fields, and the fields without a default."""
    hints, no_default = get_type_hints(cls), dataclasses.MISSING
    fields = [field for field in dataclasses.fields(cls) if field.init]
    required = (field.name for field in fields if field.default is no_default and field.default_factory is no_default)
    return {field.name: _get_reader(hints[field.name]) for field in fields}, tuple(required)


def _get_reader(hint: Any) -> Reader:  # noqa: ANN401 - a type
    """Return the reader of a type; created once per field, as a crawl reads millions of values."""
    origin: object = get_origin(hint)
    hints = get_args(hint)
    if origin in (Union, types.UnionType):
        inner = _get_reader(next(hint_type for hint_type in hints if hint_type is not type(None)))
        return lambda value, location: None if value is None else inner(value, location)
    if origin is tuple:
        return _make_tuple_reader(hints)
    if origin is Mapping:
        return _make_mapping_reader(_get_reader(hints[1]))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and hint is not Digest:
        return lambda value, location: read_as(hint, value, location)
    if hint is Any:
        return lambda value, _location: value
    return _make_value_reader(hint) if hint in _TYPE_NAMES else _make_text_reader(hint)


def _make_tuple_reader(hints: tuple[Any, ...]) -> Reader:
    is_variadic = hints[-1] is Ellipsis
    item_readers = [_get_reader(hint) for hint in hints if hint is not Ellipsis]

    def read_tuple(value: object, location: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _make_type_error(location, "a list", value)
        if is_variadic:
            return tuple([item_readers[0](item, f"{location}[{index}]") for index, item in enumerate(value)])
        if len(value) != len(item_readers):
            raise _make_type_error(location, f"a list of {len(item_readers)}", value)
        return tuple(
            [
                reader(item, f"{location}[{index}]")
                for index, (reader, item) in enumerate(zip(item_readers, value, strict=True))
            ]
        )

    return read_tuple


def _make_mapping_reader(item_reader: Reader) -> Reader:
    def read_mapping(value: object, location: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _make_type_error(location, "an object", value)
        return {str(name): item_reader(item, f"{location}[{str(name)!r}]") for name, item in value.items()}

    return read_mapping


def _make_value_reader(expected_type: Untyped) -> Reader:
    def read_value(value: object, location: str) -> object:
        if type(value) is expected_type:
            return value
        if expected_type is float and type(value) is int:
            return float(value)
        raise _make_type_error(location, _TYPE_NAMES[expected_type], value)

    return read_value


def _make_text_reader(hint: Untyped) -> Reader:
    convert, type_name = _FROM_TEXT.get(hint) or (hint, "one of " + ", ".join(hint))

    def convert_text(value: object, location: str) -> object:
        if not isinstance(value, str):
            raise _make_type_error(location, type_name, value)
        try:
            return convert(value)
        except ValueError as error:
            raise _make_type_error(location, type_name, value) from error

    return convert_text


_TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_FROM_TEXT: dict[Any, tuple[Callable[[str], Any], str]] = {
    Path: (Path, "a path"),
    datetime: (parse_rfc3339, "a time with a time zone"),
    Digest: (Digest.from_hex, "64 hexadecimal digits"),
}


def _to_plain(value: object) -> object:
    if isinstance(value, Digest):
        return value.hex
    if isinstance(value, datetime):
        return format_rfc3339(value)
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return dict(value) if isinstance(value, Mapping) else str(value)


def _make_type_error(location: str, expected: str, value: object) -> InvalidRequestError:
    text = repr(value)
    return InvalidRequestError(f"{location} must be {expected}, not {text if len(text) <= 60 else text[:57] + '...'}.")


def _make_unknown_field_error(location: str, name: str, names: list[str]) -> InvalidRequestError:
    close_matches = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {close_matches[0]}?" if close_matches else "Known fields: " + ", ".join(names) + "."
    return InvalidRequestError(f"{location} is not a known field.", hint=hint)
