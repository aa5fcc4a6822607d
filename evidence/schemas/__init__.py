"""JSON Schemas (2020-12) of all formats of a bundle, generated from the dataclasses that parse them.

``python -m evidence.schemas`` rewrites the schema files next to this module; a test checks that they are up to date.
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
from evidence.facts.archive_responses import ArchiveResponses
from evidence.facts.case import CaseFacts
from evidence.facts.cocapture import Cocapture, WebArchive
from evidence.facts.network import NetworkRecord
from evidence.facts.passkey import Assertion
from evidence.formats.codec import Bytes32, get_default, get_format, list_optional_fields, to_plain
from evidence.log.proofs import LogProof, RenewalRecord, SliceProof
from evidence.verdict.trust import Trust
from evidence.verify.checks.odds import OddsModelFile
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


def build_schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas of all formats by name: sealed content, surrounding files, and the trust list."""
    return {
        "manifest": build_schema(Manifest),
        "facts": build_schema(CaseFacts),
        "network": build_schema(NetworkRecord),
        "assertion": build_schema(Assertion),
        "cocapture": build_schema(Cocapture),
        "web-archive": build_schema(WebArchive),
        "archive-answers": build_schema(ArchiveResponses),
        "calibration": build_schema(CalibrationFile),
        "weighing": build_schema(OddsModelFile),
        "entry": build_schema(EntryFile),
        "inclusion": build_schema(InclusionFile),
        "consistency": build_array_schema(ConsistencyProof),
        "renewals": build_array_schema(RenewalRecord),
        "anchors": build_array_schema(AnchorRecord),
        "withheld": build_schema(Withheld),
        "slice": build_schema(SliceProof),
        "registration": build_schema(LogProof),
        **{name: build_schema(format_type) for kind in KINDS.values() for name, format_type in kind.formats().items()},
        "trust": build_schema(Trust),
    }


def build_schema(kind: type) -> dict[str, Any]:
    """Return the JSON Schema of a frozen dataclass."""
    definitions: dict[str, Any] = {}
    reference = _build_schema(kind, definitions)
    title = get_format(kind) or kind.__name__
    return {"$schema": _DIALECT, "title": title, **reference, "$defs": dict(sorted(definitions.items()))}


def build_array_schema(kind: type) -> dict[str, Any]:
    """Return the JSON Schema of an array of frozen dataclasses."""
    schema = build_schema(kind)
    header = {"$schema": _DIALECT, "title": f"{schema['title']}, an array", "type": "array"}
    return {**header, "items": {"$ref": schema["$ref"]}, "$defs": schema["$defs"]}


def _build_schema(kind: object, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        item_type = next(option for option in arguments if option is not type(None))
        return {"anyOf": [_build_schema(item_type, definitions), {"type": "null"}]}
    if origin is tuple:
        return _build_array(arguments, definitions)
    if origin in {typing.Literal, dict}:
        return {"enum": list(arguments)} if origin is typing.Literal else {"type": "object"}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _build_schema(arguments[1], definitions)}
    return _SCALARS[kind] if kind in _SCALARS else _build_object(kind, definitions)


def _build_array(arguments: tuple[Any, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return {"type": "array", "items": _build_schema(arguments[0], definitions)}
    items = [_build_schema(argument, definitions) for argument in arguments]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _build_object(kind: Untyped, definitions: dict[str, Any]) -> dict[str, Any]:
    if issubclass(kind, StrEnum):
        return {"enum": [str(member) for member in kind]}
    name = kind.__name__
    if name not in definitions:
        definitions[name] = {}
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = dataclasses.fields(kind)
        optional, format_name = list_optional_fields(kind), get_format(kind)
        defaults = {field.name: {"default": to_plain(get_default(field))} for field in fields if field.name in optional}
        format_property = {"format": {"enum": [format_name]}} if format_name else {}
        definitions[name] = {
            "type": "object",
            "properties": {
                field.name: {**_build_schema(hints[field.name], definitions), **defaults.get(field.name, {})}
                for field in fields
            }
            | format_property,
            "required": [field.name for field in fields if field.name not in optional],
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{name}"}
