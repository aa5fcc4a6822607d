"""Additions to ninja's OpenAPI document: errors, limits, idempotency keys, file responses and examples."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from desk.api.common.problems import MEDIA_TYPE
from desk.schemas.base import Problem
from exhibit.types import Json, Untyped

EXAMPLE_DATE = "2026-11-20"
EXAMPLES_BY_FORMAT = {"date": EXAMPLE_DATE, "date-time": f"{EXAMPLE_DATE}T12:00:00.000000Z"}
EXAMPLES_BY_TYPE: dict[str, Any] = {"string": "", "integer": 0, "number": 0.0, "boolean": False, "null": None}
EXAMPLES_BY_FIELD: dict[str, Any] = json.loads(Path(__file__).with_name("examples.json").read_text("utf-8"))
"""Examples of fields that have the same meaning in all schemas."""

Schema = Mapping[str, Any]


def build_example(schema: Schema, schemas_by_name: Mapping[str, Schema], field: str = "") -> Json:
    """Return an example of a schema: its own, its default, its first choice, or one built from its parts.

    Args:
        schema: JSON schema.
        schemas_by_name: Referenced schemas.
        field: Name of the field, if any.
    """
    if "$ref" in schema:
        schema = {**schemas_by_name[schema["$ref"].rpartition("/")[2]], **schema}
    candidates = [*schema.get("examples", ()), schema.get("default"), *schema.get("enum", ())]
    examples = [candidate for candidate in candidates if candidate is not None]
    return examples[0] if examples else _build_example_from_type(schema, schemas_by_name, field)


def _build_example_from_type(schema: Schema, schemas_by_name: Mapping[str, Schema], field: str) -> Json:
    if "anyOf" in schema:
        return (
            None if {"type": "null"} in schema["anyOf"] else build_example(schema["anyOf"][0], schemas_by_name, field)
        )
    if schema["type"] == "object":
        return {name: build_example(part, schemas_by_name, name) for name, part in schema.get("properties", {}).items()}
    if schema["type"] == "array":
        item = build_example(schema["items"], schemas_by_name)
        return [item] if isinstance(item, dict) else []
    type_example = EXAMPLES_BY_FORMAT.get(schema.get("format", ""), EXAMPLES_BY_TYPE[schema["type"]])
    field_example = EXAMPLES_BY_FIELD.get(field, type_example)
    return field_example if isinstance(field_example, type(type_example)) else type_example


COMMON_ERRORS = tuple(map(HTTPStatus, (400, 401, 403, 404, 422, 429, 503)))
WRITE_ERRORS = tuple(map(HTTPStatus, (409, 413, 415, 507)))
JSON = "application/json"
FORM = "multipart/form-data"
REFERENCE_TEMPLATE = "#/components/schemas/{model}"


def describe_file_response(*media_types: str) -> dict[str, Any]:
    """Return the OpenAPI additions of an operation that returns a file."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}
    return {"responses": {200: {"description": "Content of the file.", "content": content}}}


def is_file(field: Mapping[str, Any]) -> bool:
    """Return True if a form field is a file or a list of files."""
    return "binary" in (field.get("format"), field.get("items", {}).get("format"))


def complete_document(document: Untyped) -> Untyped:
    """Add error responses, form schemas and examples to the OpenAPI document, and return it."""
    schemas = document["components"].setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template=REFERENCE_TEMPLATE)
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    for operations in document["paths"].values():
        for method, operation in operations.items():
            _add_error_responses(method, operation)
            if (form := operation.get("requestBody", {}).get("content", {}).get(FORM)) is not None:
                fields = form["schema"]["properties"]
                form["schema"]["properties"] = {name: _to_form_field_schema(field) for name, field in fields.items()}
                form["schema"]["additionalProperties"] = False
            for message in (operation.get("requestBody", {}), *operation["responses"].values()):
                if (content := message.get("content", {}).get(JSON)) is not None:
                    content["example"] = build_example(content["schema"], schemas)
    return document


def _to_form_field_schema(field: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a form field without null, because form fields can only be omitted."""
    (kind,) = [choice for choice in field.get("anyOf", [{}]) if choice != {"type": "null"}]
    return {name: value for name, value in {**field, **kind}.items() if name != "anyOf"}


def _add_error_responses(method: str, operation: dict[str, Any]) -> None:
    is_write = method in {"post", "put", "patch", "delete"}
    for status in (*COMMON_ERRORS, *(WRITE_ERRORS if is_write else ())):
        example = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": status.description}
        content = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE_TEMPLATE.format(model="Problem")}, "example": example}}
        operation["responses"].setdefault(int(status), {"description": status.phrase, "content": content})
