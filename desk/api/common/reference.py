"""The API reference: human-readable texts from the OpenAPI document, and the page that shows them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase
from ninja.responses import NinjaJSONEncoder

PAGE_PREFIX = "Page_"
COMMON_ERROR_CODES = frozenset({"400", "401", "403", "404", "422", "429", "503"})
"""Errors that every operation can return."""
TYPE_NAMES = {"date-time": "time", "date": "day", "binary": "file"}
TYPE_NAMES |= {"string": "text", "integer": "whole number", "boolean": "true or false"}
Schema = Mapping[str, Any]
_REFERENCE = re.compile(r"\]\(#(\w+)\)")
_TYPE_NOUN, _PLURAL = re.compile(r"^(text|whole number|number|time|day|file|list|object)\b"), r"\1s"


Fields = tuple[tuple[str, str], ...]
"""Name and text of each field: its type, default and description, with `code` and [links](#schema) to schemas."""


@dataclass(frozen=True, slots=True)
class SchemaEntry:
    """A schema in the reference."""

    name: str
    description: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation; its texts contain `code` and links like those of fields."""

    name: str
    address: str  # Method and path.
    tag: str  # Group of operations, such as ``cases``.
    required_scope: str  # Required scope.
    description: str
    body_type: str  # Type of the body; empty if there is none.
    fields: Fields
    responses: str


@cache
def read_reference(api: NinjaAPI) -> tuple[str, list[Operation], list[SchemaEntry]]:
    """Return the introduction, the operations by tag, and the schemas by name."""
    document = json.loads(json.dumps(api.get_openapi_schema(), cls=NinjaJSONEncoder))
    return document["info"]["description"], list(_list_operations(api, document)), list(_list_schemas(document))


def _list_operations(api: NinjaAPI, document: Schema) -> Iterator[Operation]:
    scopes_by_operation = dict(_list_scopes(api))
    base_path = next(iter(document["paths"])).partition("/owners")[0]
    for path, specs_by_method in document["paths"].items():
        for method, spec in specs_by_method.items():
            query_parameters = [parameter for parameter in spec["parameters"] if parameter["in"] == "query"]
            fields, body_type = (
                tuple(
                    (parameter["name"], _describe_field(parameter["schema"], parameter))
                    for parameter in query_parameters
                ),
                "",
            )
            for kind, content in spec.get("requestBody", {}).get("content", {}).items():
                body_type = (
                    f"JSON: {describe_type(content['schema'])}" if "$ref" in content["schema"] else f"a form (`{kind}`)"
                )
                fields += () if "$ref" in content["schema"] else _list_fields(content["schema"])
            address = f"{method.upper()} {path.removeprefix(base_path)}"
            name, description = spec["operationId"], spec["description"].strip()
            responses = _describe_responses(spec["responses"])
            yield Operation(
                name, address, spec["tags"][0], scopes_by_operation[name], description, body_type, fields, responses
            )


def _list_schemas(document: Schema) -> Iterator[SchemaEntry]:
    for name, schema in sorted(document["components"]["schemas"].items()):
        if not name.startswith(PAGE_PREFIX):
            description = " ".join(schema.get("description", "").replace("``", "`").split())
            type_prefix = "One of " if "enum" in schema else ""
            type_sentence = "" if "properties" in schema else f" {type_prefix}{describe_type(schema)}."
            yield SchemaEntry(name, description + type_sentence, _list_fields(schema))


def describe_type(schema: Schema) -> str:
    """Return the type of a value in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        inner = name.removeprefix(PAGE_PREFIX).rstrip("_")
        return f"{'a page of ' * name.startswith(PAGE_PREFIX)}[{inner}](#{inner.lower()})"
    for keyword in ("anyOf", "allOf", "oneOf"):
        if keyword in schema:
            alternatives = " or ".join(describe_type(alternative) for alternative in schema[keyword])
            return alternatives.replace("true or false or ", "true, false or ")
    if choices := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return ", ".join(f"`{alternative}`" for alternative in choices)
    if inner := schema.get({"array": "items", "object": "additionalProperties"}.get(schema.get("type", ""), "")):
        is_list = schema["type"] == "array"
        if inner is True:
            return "list" if is_list else "object"
        inner_type = describe_type(inner)
        plural = _TYPE_NOUN.sub(_PLURAL, inner_type)
        return f"list of {plural}" if is_list else f"object with values of type {inner_type}"
    return (
        TYPE_NAMES.get(schema.get("format", ""))
        or TYPE_NAMES.get(schema.get("type", ""))
        or schema.get("type", "anything")
    )


def find_referenced_schemas(operations: list[Operation], schemas: list[SchemaEntry]) -> list[SchemaEntry]:
    """Return the schemas that the operations refer to, directly or indirectly."""
    remaining = {schema_entry.name.lower(): schema_entry for schema_entry in schemas}
    texts = [
        text
        for operation in operations
        for text in (operation.body_type, operation.responses, *(text for _name, text in operation.fields))
    ]
    results = []
    while texts:
        for name in _REFERENCE.findall(texts.pop()):
            if (schema_entry := remaining.pop(name, None)) is not None:
                results.append(schema_entry)
                texts += [schema_entry.description, *(text for _name, text in schema_entry.fields)]
    return sorted(results, key=lambda schema_entry: schema_entry.name)


class ReferencePages(DocsBase):
    """The API reference as pages: all operations, or those of one tag with their schemas."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **_path: object) -> HttpResponse:
        """Render the reference. No sign-in is required."""
        introduction, all_operations, schemas = read_reference(api)
        selected_operations = [operation for operation in all_operations if operation.tag == request.GET.get("of")]
        tags = list(dict.fromkeys(operation.tag for operation in all_operations))
        values = {
            "introduction": introduction,
            "operations": all_operations,
            "tags": tags,
            "shown_operations": selected_operations,
        }
        return render(
            request, "web/api.html", values | {"schemas": find_referenced_schemas(selected_operations, schemas)}
        )


def _list_scopes(api: NinjaAPI) -> Iterator[tuple[str, str]]:
    """Yield the ID and the required scope of each operation."""
    for router in api._get_bound_routers():  # noqa: SLF001 - The OpenAPI document has no field for scopes.
        for view in router.path_operations.values():
            for operation in view.operations:
                scopes = [f"scope `{auth.scope.value}`" for auth in operation.auth_callbacks]  # type: ignore[attr-defined]
                yield (
                    operation.operation_id or api.get_openapi_operation_id(operation),
                    (scopes or ["no token required"])[0],
                )


def _describe_responses(responses: Schema) -> str:
    """Describe the responses of an operation, and the errors that are specific to it."""
    descriptions = []
    for status, response in responses.items():
        if status.startswith("2"):
            contents = [
                describe_type(content["schema"]) if "json" in kind else f"a file, `{kind}`"
                for kind, content in response.get("content", {}).items()
            ]
            descriptions.append(f"{status}{': ' if contents else ''}{', '.join(contents)}")
    further_errors = ", ".join(
        sorted(status for status in responses if status[0] in "45" and status not in COMMON_ERROR_CODES)
    )
    return f"Returns {' or '.join(descriptions)}.{f' Further errors: {further_errors}.' if further_errors else ''}"


def _list_fields(schema: Schema) -> Fields:
    required, properties = schema.get("required", []), schema.get("properties", {})
    return tuple(
        (name, _describe_field(field_schema, {"in": "body", "required": name in required}))
        for name, field_schema in properties.items()
    )


def _describe_field(schema: Schema, parameter: Schema) -> str:
    description = parameter.get("description") or schema.get("description") or ""
    default = schema.get("default")
    optional_note = "; optional" if parameter["in"] == "body" and not parameter["required"] else ""
    note = f"; `{json.dumps(default)}` by default" if default not in (None, "", [], {}) else optional_note
    return f"{describe_type(schema)}{note}{'. ' if description else ''}{description}"
