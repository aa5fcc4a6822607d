"""Reading JSON into frozen dataclasses and writing it back: nothing guessed, and every refusal names its field."""

import dataclasses
import difflib
import json
import types
from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from exhibit.clock import parse_rfc3339, rfc3339
from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from exhibit.types import Json, Untyped

T = TypeVar("T")


def parse(text: str | bytes, what: str) -> object:
    """Parse JSON text; raises ``WrongUseError``, which begins with ``what``."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongUseError(f"{what} isn't JSON: {error}.") from error


def read(cls: type[T], value: object, where: str) -> T:
    """Read a JSON object into a dataclass: every field of its type, no field that the class doesn't have.

    Fields are strings, numbers, booleans, paths, times, digests, enumerations, tuples, mappings and other dataclasses,
    or anything.
    Raises ``WrongUseError``, which names the field below ``where`` and what it should be.
    """
    if not isinstance(value, Mapping):
        raise _wrong(where, "an object", value)
    hints, required = _shape(cast("Hashable", cls))  # mypy doesn't see that classes are
    for name in value:
        if name not in hints:
            raise _unknown(f"{where}.{name}", str(name), list(hints))
    missing = [name for name in required if name not in value]
    if missing:
        raise WrongUseError(f"{where}.{missing[0]} is missing.")
    return cls(**{name: _as(hints[name], given, f"{where}.{name}") for name, given in value.items()})


def write(value: object) -> str:
    """One line of JSON; the inverse of :func:`read` for the types that it reads."""
    return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=64)
def _shape(cls: type[Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What each field of a dataclass takes, and the fields that have no default."""
    hints, absent = get_type_hints(cls), dataclasses.MISSING
    fields = [field for field in dataclasses.fields(cls) if field.init]
    required = (field.name for field in fields if field.default is absent and field.default_factory is absent)
    return {field.name: hints[field.name] for field in fields}, tuple(required)


def _as(hint: object, value: object, where: str) -> Json:
    origin, hints = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return None if value is None else _as(next(kind for kind in hints if kind is not type(None)), value, where)
    if origin is tuple:
        return _as_tuple(hints, value, where)
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise _wrong(where, "an object", value)
        return {str(name): _as(hints[1], item, f"{where}[{str(name)!r}]") for name, item in value.items()}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and hint is not Digest:
        return read(hint, value, where)
    return _as_plain(hint, value, where)


def _as_tuple(hints: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(where, "a list", value)
    if hints[-1] is Ellipsis:
        hints = hints[:1] * len(value)
    if len(value) != len(hints):
        raise _wrong(where, f"a list of {len(hints)}", value)
    pairs = enumerate(zip(hints, value, strict=True))
    return tuple(_as(hint, item, f"{where}[{place}]") for place, (hint, item) in pairs)


def _as_plain(hint: Untyped, value: object, where: str) -> Json:
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if hint in _CALLED:
        if type(value) is not hint:
            raise _wrong(where, _CALLED[hint], value)
        return value
    convert, called = _FROM_TEXT.get(hint) or (hint, "one of " + ", ".join(hint))
    if not isinstance(value, str):
        raise _wrong(where, called, value)
    try:
        return convert(value)
    except ValueError as error:
        raise _wrong(where, called, value) from error


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


def _wrong(where: str, wanted: str, value: object) -> WrongUseError:
    shown = repr(value)
    return WrongUseError(f"{where} must be {wanted}, not {shown if len(shown) <= 60 else shown[:57] + '...'}.")


def _unknown(where: str, name: str, known: list[str]) -> WrongUseError:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else "Known here: " + ", ".join(known) + "."
    return WrongUseError(f"{where} isn't a field.", hint=hint)
