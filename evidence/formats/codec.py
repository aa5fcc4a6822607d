"""Strict conversion between plain JSON and frozen dataclasses: unknown, missing or wrongly typed fields are errors.

Digests and raw bytes are lower-case hexadecimal, times are RFC 3339 in UTC, enumerations are their values, and tuples
are arrays. A field marked :data:`exhibit.types.OPTIONAL` is omitted if it has its default value. A dataclass whose
field ``format`` has a default value is read in that format only.

The same annotations give the JSON Schema, so that a schema cannot drift from the code.
"""

import dataclasses
import json
import re
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, TypeVar

from exhibit.clock import format_rfc3339, parse_rfc3339
from exhibit.digests import Digest
from exhibit.entries import encode_canonical
from exhibit.errors import ExhibitError
from exhibit.types import Count, Json, Number, Untyped

T = TypeVar("T")
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
Bytes32 = Annotated[bytes, 32]  # exactly 32 bytes in a format: hashes, salts and Ed25519 keys
MAX_JSON_BYTES = 16 << 20
MAX_PLAIN_DEPTH = 64
UNSUPPORTED_FORMAT = "{file} was written in the format {format}, which this version of Exhibit does not read."


class FormatError(ExhibitError):
    """JSON does not match its format; the message names the location."""


class Canonical:
    """Base class of dataclasses with a canonical JSON form."""

    __slots__ = ()

    def to_json(self) -> bytes:
        """Return canonical JSON (RFC 8785)."""
        return encode_canonical(to_plain(self))


def parse_json(data: bytes, *, label: str, limit: int = MAX_JSON_BYTES) -> Json:
    """Parse at most ``limit`` bytes of UTF-8 JSON strictly; ``label`` names the file in errors.

    Whole numbers may be written with a fraction.

    Raises:
        FormatError: The data is too large or not JSON, or has a byte order mark, more than 64 open brackets, a
            duplicate name in an object, half a surrogate pair, or a number of 2**53 or more.
    """
    if len(data) > limit:
        raise FormatError(f"{label} has {len(data)} bytes, more than the {limit} that are read.")
    try:
        text = data.decode("utf-8")
        _check_depth(text)
        value = _DECODER.decode(text)
        _check_plain(value)
    except RecursionError as error:
        raise FormatError(f"{label} contains JSON that is nested too deeply.") from error
    except ValueError as error:
        raise FormatError(f"{label} is not readable JSON: {_shorten(error)}.") from error
    return value


def parse_canonical(data: bytes, *, label: str, limit: int = MAX_JSON_BYTES) -> Json:
    """Parse JSON in canonical form (RFC 8785); raises ``FormatError`` for any other form."""
    plain = parse_json(data, label=label, limit=limit)
    try:
        is_canonical = encode_canonical(plain) == data
    except ValueError as error:
        raise FormatError(f"{label} has no canonical form: {_shorten(error)}.") from error
    if not is_canonical:
        raise FormatError(f"{label} is not in canonical form (RFC 8785).")
    return plain


def to_plain(value: object) -> Json:
    """Convert a frozen dataclass and its contents to plain JSON data; raises ``TypeError`` for an unsupported value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, (type, Digest)):
        fields = [(field, getattr(value, field.name)) for field in dataclasses.fields(value)]
        omitted = {
            field.name
            for field, field_value in fields
            if field.metadata.get("optional") and field_value == get_default(field)
        }
        return {field.name: to_plain(field_value) for field, field_value in fields if field.name not in omitted}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    return _scalar_to_plain(value)


def get_default(field: dataclasses.Field[Any]) -> object:
    """Return the default value of a field."""
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def list_optional_fields(kind: Untyped) -> frozenset[str]:
    """Return the names of a dataclass's fields that its plain form may omit."""
    return frozenset(field.name for field in dataclasses.fields(kind) if field.metadata.get("optional"))


def get_format(kind: Untyped) -> str | None:
    """Return the format of a dataclass with its version, such as ``exhibit-facts/1``; ``None`` if it has none."""
    names = (field.default for field in dataclasses.fields(kind) if field.name == "format")
    return next((str(name) for name in names if name is not dataclasses.MISSING), None)


def _scalar_to_plain(value: object) -> Json:
    if isinstance(value, StrEnum):
        return str(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, datetime):
        return format_rfc3339(value)
    if isinstance(value, Digest):
        return value.hex
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} has no plain form")


def from_plain(kind: type[T], plain: Json, *, location: str) -> T:
    """Build a dataclass from the result of :func:`parse_json`; ``location`` names the file in errors.

    Raises:
        FormatError: The data does not match the annotations exactly.
    """
    return typing.cast("T", _parse_value(kind, plain, location))


def _parse_value(kind: object, plain: Json, location: str) -> Json:
    origin = typing.get_origin(kind)
    if origin in {typing.Union, types.UnionType}:
        inner = [option for option in typing.get_args(kind) if option is not type(None)]
        return None if plain is None else _parse_value(inner[0], plain, location)
    if origin is tuple:
        return _parse_tuple(typing.get_args(kind), plain, location)
    if origin is typing.Literal:
        return _expect(plain in typing.get_args(kind), plain, location, " or ".join(typing.get_args(kind)))
    if origin in {dict, Mapping}:
        _expect(isinstance(plain, dict), plain, location, "an object")
        value_type = Json if origin is dict else typing.get_args(kind)[1]
        return (
            plain
            if value_type is Json
            else {name: _parse_value(value_type, item, f"{location}: {name}") for name, item in plain.items()}
        )
    if dataclasses.is_dataclass(kind) and kind is not Digest:
        return _parse_dataclass(kind, plain, location)
    return _parse_scalar(kind, plain, location)


def _parse_dataclass(kind: Untyped, plain: Json, location: str) -> Json:
    _expect(isinstance(plain, dict), plain, location, "an object")
    expected, actual = get_format(kind), plain.get("format")
    if expected is not None and isinstance(actual, str) and actual != expected:
        raise FormatError(UNSUPPORTED_FORMAT.format(file=location, format=_shorten(actual)))
    hints = _get_type_hints(kind)
    for name in plain:
        if name not in hints:
            raise FormatError(f"{location} has an unknown field {_shorten(name)!r}.")
    for name in hints:
        if name not in plain and name not in list_optional_fields(kind):
            raise FormatError(f"{location} lacks the field {name!r}.")
    try:
        return kind(**{name: _parse_value(hints[name], item, f"{location}: {name}") for name, item in plain.items()})
    except ValueError as error:
        raise FormatError(f"{location}: {_shorten(error)}.") from error


def _parse_tuple(arguments: tuple[Any, ...], plain: Json, location: str) -> tuple[Any, ...]:
    _expect(isinstance(plain, list), plain, location, "an array")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_parse_value(arguments[0], item, f"{location}[{index}]") for index, item in enumerate(plain))
    _expect(len(plain) == len(arguments), plain, location, f"an array of {len(arguments)}")
    pairs = zip(arguments, plain, strict=True)
    return tuple(_parse_value(hint, item, f"{location}[{index}]") for index, (hint, item) in enumerate(pairs))


def _parse_scalar(kind: Untyped, plain: Json, location: str) -> Json:
    if kind in _NUMBER_TYPES:
        allowed, requirement = _NUMBER_TYPES[kind]
        _expect(type(plain) in allowed and plain >= _MINIMUM.get(kind, plain), plain, location, requirement)
        return _convert(kind, plain, location)
    _expect(isinstance(plain, str), plain, location, "text")
    if kind in _TEXT_PARSERS:
        value = _convert(_TEXT_PARSERS[kind], plain, location)
        _expect(_scalar_to_plain(value) == plain, plain, location, "written in canonical form")
        return value
    return _convert(kind, plain, location)


_NUMBER_TYPES: dict[Any, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    Count: ((int,), "a whole number that is not below 0"),
    Number: ((int,), "a whole number that is not below 1"),
}
_MINIMUM = {Count: 0, Number: 1}
_TEXT_PARSERS: dict[Any, Callable[[str], Any]] = {
    datetime: parse_rfc3339,
    Digest: Digest.from_hex,
    bytes: bytes.fromhex,
    Bytes32: lambda text: Digest.from_hex(text).raw,
}


def _convert(function: Callable[[Json], Json], plain: Json, location: str) -> Json:
    try:
        return function(plain)
    except (ValueError, OverflowError) as error:
        raise FormatError(f"{location}: {_shorten(repr(plain))} cannot be read.") from error


def _expect(condition: bool, plain: Json, location: str, requirement: str) -> Json:  # noqa: FBT001 - a check of any value
    if not condition:
        raise FormatError(f"{location} must be {requirement}, not {_shorten(repr(plain))}.")
    return plain


@cache
def _get_type_hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _build_unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return names


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _parse_number(text: str) -> int | float:
    number = float(text)
    if not abs(number) < 1 << 53:
        raise ValueError(f"{_shorten(text)} is too large a number")
    return int(number) if number.is_integer() else number


def _check_depth(text: str) -> None:
    """Limit the nesting before recursive code runs, because other code may have raised Python's recursion limit."""
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        bracket = token[0]
        if bracket in "[{":
            depth += 1
            if depth > MAX_PLAIN_DEPTH:
                raise ValueError("nested too deeply")
        elif bracket in "]}":
            depth -= 1


def _check_plain(value: Json) -> None:
    """Raise ``ValueError`` for half a surrogate pair, which has no bytes in UTF-8."""
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, list):
        for item in value:
            _check_plain(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            name.encode("utf-8")
            _check_plain(item)


def _shorten(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


_DECODER = json.JSONDecoder(
    object_pairs_hook=_build_unique_object,
    parse_constant=_refuse_constant,
    parse_int=_parse_number,
    parse_float=_parse_number,
)
