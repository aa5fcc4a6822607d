"""JSON Schemas (2020-12) of all formats of a bundle, generated from the annotations that also read them.

``python -m evidence.schemas`` rewrites the files next to this module; a test compares them.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from evidence.anchors import KINDS
from evidence.bundle.bag import AnchorRecord, ConsistencyProof, Withheld
from evidence.bundle.manifest import Manifest
from evidence.facts.case import CaseFacts
from evidence.facts.cocapture import Cocapture, WebArchive
from evidence.facts.elsewhere import ArchiveAnswers
from evidence.facts.network import NetworkRecord
from evidence.facts.passkey import Assertion
from evidence.formats.codec import Bytes32, default_of, format_of, optional_fields, to_plain
from evidence.log.proofs import LogProof, RenewalRecord, SliceProof
from evidence.verdict.trust import Trust
from evidence.verify.checks.odds import WeighingFile
from evidence.verify.checks.probability import CalibrationFile
from evidence.verify.checks.proofs import EntryFile, InclusionFile
from exhibit.digests import Digest
from exhibit.types import Count, Number, Untyped

FOLDER = Path(__file__).parent
_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    Count: {"type": "integer", "minimum": 0},
    Number: {"type": "integer", "minimum": 1},
    float: {"type": "number"},
    bytes: {"type": "string", "pattern": "^([0-9a-f]{2})*$"},
    Digest: {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    Bytes32: {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    datetime: {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"},
}


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas of all formats by name: sealed content, surrounding files, and the trust list."""
    return {
        "manifest": schema_of(Manifest),
        "facts": schema_of(CaseFacts),
        "network": schema_of(NetworkRecord),
        "assertion": schema_of(Assertion),
        "cocapture": schema_of(Cocapture),
        "web-archive": schema_of(WebArchive),
        "archive-answers": schema_of(ArchiveAnswers),
        "calibration": schema_of(CalibrationFile),
        "weighing": schema_of(WeighingFile),
        "entry": schema_of(EntryFile),
        "inclusion": schema_of(InclusionFile),
        "consistency": array_schema_of(ConsistencyProof),
        "renewals": array_schema_of(RenewalRecord),
        "anchors": array_schema_of(AnchorRecord),
        "withheld": schema_of(Withheld),
        "slice": schema_of(SliceProof),
        "registration": schema_of(LogProof),
        **{name: schema_of(one) for kind in KINDS.values() for name, one in kind.formats().items()},
        "trust": schema_of(Trust),
    }


def schema_of(kind: type) -> dict[str, Any]:
    """Return the JSON Schema of a frozen dataclass."""
    definitions: dict[str, Any] = {}
    reference = _schema(kind, definitions)
    title = format_of(kind) or kind.__name__
    return {"$schema": _DIALECT, "title": title, **reference, "$defs": dict(sorted(definitions.items()))}


def array_schema_of(kind: type) -> dict[str, Any]:
    """Return the JSON Schema of an array of frozen dataclasses."""
    one = schema_of(kind)
    head = {"$schema": _DIALECT, "title": f"{one['title']}, an array", "type": "array"}
    return {**head, "items": {"$ref": one["$ref"]}, "$defs": one["$defs"]}


def _schema(kind: object, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        inner = next(option for option in arguments if option is not type(None))
        return {"anyOf": [_schema(inner, definitions), {"type": "null"}]}
    if origin is tuple:
        return _array(arguments, definitions)
    if origin in {typing.Literal, dict}:
        return {"enum": list(arguments)} if origin is typing.Literal else {"type": "object"}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    return _SCALARS[kind] if kind in _SCALARS else _object(kind, definitions)


def _array(arguments: tuple[Any, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    items = [_schema(argument, definitions) for argument in arguments]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _object(kind: Untyped, definitions: dict[str, Any]) -> dict[str, Any]:
    if issubclass(kind, StrEnum):
        return {"enum": [str(member) for member in kind]}
    name = kind.__name__
    if name not in definitions:
        definitions[name] = {}
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = dataclasses.fields(kind)
        optional, format_name = optional_fields(kind), format_of(kind)
        absent = {field.name: {"default": to_plain(default_of(field))} for field in fields if field.name in optional}
        of_format = {"format": {"enum": [format_name]}} if format_name else {}
        definitions[name] = {
            "type": "object",
            "properties": {
                field.name: {**_schema(hints[field.name], definitions), **absent.get(field.name, {})}
                for field in fields
            }
            | of_format,
            "required": [field.name for field in fields if field.name not in optional],
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{name}"}
