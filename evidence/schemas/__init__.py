"""The JSON Schemas (2020-12) of the sealed formats, made from the annotations that also read them.

``python -m evidence.schemas`` writes them anew beside this file; a test compares.
"""

import dataclasses
import types
import typing
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from evidence.codec import Bytes32, may_lack
from evidence.facts import FACTS_FORMATS, CaseFacts
from evidence.manifest import MANIFEST_FORMAT, Manifest
from exhibit.digests import Digest

FOLDER = Path(__file__).parent
FORMATS: dict[str, tuple[type, tuple[str, ...]]] = {
    "facts.json": (CaseFacts, FACTS_FORMATS),
    "manifest.json": (Manifest, (MANIFEST_FORMAT,)),
}

_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bytes: {"type": "string", "pattern": "^([0-9a-f]{2})*$"},
    Digest: {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    Bytes32: {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    datetime: {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"},
}


def schema_of(kind: type, names: tuple[str, ...] = ()) -> dict[str, Any]:
    """The JSON Schema of a frozen dataclass.

    Args:
        kind: the dataclass.
        names: which names its field ``format`` may have, the newest one last; nothing when it has no such field.
    """
    definitions: dict[str, Any] = {}
    reference = _schema(kind, definitions)
    if not names:
        return {**reference, "$defs": definitions}
    top = definitions[kind.__name__]
    definitions[kind.__name__] = {**top, "properties": {**top["properties"], "format": {"enum": list(names)}}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": names[-1],
        **reference,
        "$defs": dict(sorted(definitions.items())),
    }


def array_schema_of(kind: type) -> dict[str, Any]:
    """The JSON Schema of an array of frozen dataclasses."""
    one = schema_of(kind)
    return {"type": "array", "items": {"$ref": one["$ref"]}, "$defs": one["$defs"]}


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - annotations are of any kind
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        inner = next(option for option in arguments if option is not type(None))
        return {"anyOf": [_schema(inner, definitions), {"type": "null"}]}
    if origin is tuple:
        return _array(arguments, definitions)
    if origin in {typing.Literal, dict}:
        return {"enum": list(arguments)} if origin is typing.Literal else {"type": "object"}
    if kind in _SCALARS:
        return _SCALARS[kind]
    if issubclass(kind, StrEnum):
        return {"enum": [str(member) for member in kind]}
    return _object(kind, definitions)


def _array(arguments: tuple[Any, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    items = [_schema(argument, definitions) for argument in arguments]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    name = kind.__name__
    if name not in definitions:
        definitions[name] = {}
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = [field.name for field in dataclasses.fields(kind)]
        definitions[name] = {
            "type": "object",
            "properties": {field: _schema(hints[field], definitions) for field in fields},
            "required": [field for field in fields if field not in may_lack(kind)],
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{name}"}
