"""Additions to ninja's OpenAPI document: errors, limits, idempotency keys, file responses and examples."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from desk.api.common.problems import MEDIA_TYPE
from desk.schemas.base import Problem
from exhibit.types import Json, Untyped

DAY = "2026-11-20"
FORMATS = {"date": DAY, "date-time": f"{DAY}T12:00:00.000000Z"}
PLAIN: dict[str, Any] = {"string": "", "integer": 0, "number": 0.0, "boolean": False, "null": None}
USUAL: dict[str, Any] = json.loads(Path(__file__).with_name("examples.json").read_text("utf-8"))
"""Of fields that say the same wherever they stand."""

Schema = Mapping[str, Any]


def example_of(schema: Schema, named: Mapping[str, Schema], field: str = "") -> Json:
    """Return an example of a schema: its own, its default, its first choice, or one built from its parts.

    ``named`` contains the referenced schemas, ``field`` is the name of the field, if any.
    """
    if "$ref" in schema:
        schema = {**named[schema["$ref"].rpartition("/")[2]], **schema}
    candidates = [*schema.get("examples", ()), schema.get("default"), *schema.get("enum", ())]
    examples = [answer for answer in candidates if answer is not None]
    return examples[0] if examples else _made(schema, named, field)


def _made(schema: Schema, schemas_by_name: Mapping[str, Schema], field: str) -> Json:
    if "anyOf" in schema:
        return None if {"type": "null"} in schema["anyOf"] else example_of(schema["anyOf"][0], schemas_by_name, field)
    if schema["type"] == "object":
        return {name: example_of(part, schemas_by_name, name) for name, part in schema.get("properties", {}).items()}
    if schema["type"] == "array":
        item = example_of(schema["items"], schemas_by_name)
        return [item] if isinstance(item, dict) else []
    plain = FORMATS.get(schema.get("format", ""), PLAIN[schema["type"]])
    usual = USUAL.get(field, plain)
    return usual if isinstance(usual, type(plain)) else plain


FOR_ALL = tuple(map(HTTPStatus, (400, 401, 403, 404, 422, 429, 503)))
WITH_A_BODY = tuple(map(HTTPStatus, (409, 413, 415, 507)))
JSON = "application/json"
FORM = "multipart/form-data"
TEMPLATE = "#/components/schemas/{model}"


def file_of(*media_types: str) -> dict[str, Any]:
    """Return the OpenAPI additions of an operation that returns a file."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}
    return {"responses": {200: {"description": "The file.", "content": content}}}


def is_file(field: Mapping[str, Any]) -> bool:
    """Return True if a form field is a file or a list of files."""
    return "binary" in (field.get("format"), field.get("items", {}).get("format"))


def described(document: Untyped) -> Untyped:
    """Complete the OpenAPI document."""
    schemas = document["components"].setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template=TEMPLATE)
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    for operations in document["paths"].values():
        for method, operation in operations.items():
            _complete(method, operation)
            if (form := operation.get("requestBody", {}).get("content", {}).get(FORM)) is not None:
                fields = form["schema"]["properties"]
                form["schema"]["properties"] = {name: _in_a_form(field) for name, field in fields.items()}
                form["schema"]["additionalProperties"] = False
            for described_part in (operation.get("requestBody", {}), *operation["responses"].values()):
                if (content := described_part.get("content", {}).get(JSON)) is not None:
                    content["example"] = example_of(content["schema"], schemas)
    return document


def _in_a_form(field: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a form field, which can be omitted but not null."""
    (kind,) = [choice for choice in field.get("anyOf", [{}]) if choice != {"type": "null"}]
    return {name: value for name, value in {**field, **kind}.items() if name != "anyOf"}


def _complete(method: str, operation: dict[str, Any]) -> None:
    changes = method in {"post", "put", "patch", "delete"}
    for status in (*FOR_ALL, *(WITH_A_BODY if changes else ())):
        example = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": status.description}
        content = {MEDIA_TYPE: {"schema": {"$ref": TEMPLATE.format(model="Problem")}, "example": example}}
        operation["responses"].setdefault(int(status), {"description": status.phrase, "content": content})
