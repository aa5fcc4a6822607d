"""The API reference: texts of the OpenAPI document for people, and the page that shows them."""

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

PAGE = "Page_"
EVERYWHERE = frozenset({"400", "401", "403", "404", "422", "429", "503"})
"""The errors of every operation."""
WORDS = {"date-time": "time", "date": "day", "binary": "file"}
WORDS |= {"string": "text", "integer": "whole number", "boolean": "true or false"}
Schema = Mapping[str, Any]
_REFERENCE = re.compile(r"\]\(#(\w+)\)")


Fields = tuple[tuple[str, str], ...]
"""What is said of each field: its kind, default and description, with `code` and [links](#to) what travels."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A schema."""

    name: str
    words: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation; its texts contain `code` and links like those of fields."""

    name: str
    address: str  # with its method
    subject: str
    needs: str  # which scope
    words: str
    takes: str  # what body, empty for none
    fields: Fields
    answers: str


@cache
def read(api: NinjaAPI) -> tuple[str, list[Operation], list[Thing]]:
    """Return the introduction, the operations by tag, and the schemas by name."""
    document = json.loads(json.dumps(api.get_openapi_schema(), cls=NinjaJSONEncoder))
    return document["info"]["description"], list(_operations(api, document)), list(_things(document))


def _operations(api: NinjaAPI, document: Schema) -> Iterator[Operation]:
    permitted = dict(_scopes(api))
    below = next(iter(document["paths"])).partition("/owners")[0]
    for path, of_path in document["paths"].items():
        for method, spec in of_path.items():
            query_parameters = [parameter for parameter in spec["parameters"] if parameter["in"] == "query"]
            fields, takes = (
                tuple((parameter["name"], _said(parameter["schema"], parameter)) for parameter in query_parameters),
                "",
            )
            for kind, content in spec.get("requestBody", {}).get("content", {}).items():
                takes = f"JSON: {shape(content['schema'])}" if "$ref" in content["schema"] else f"a form (`{kind}`)"
                fields += () if "$ref" in content["schema"] else _fields(content["schema"])
            address = f"{method.upper()} {path.removeprefix(below)}"
            name, words = spec["operationId"], spec["description"].strip()
            answers = _answers(spec["responses"])
            yield Operation(name, address, spec["tags"][0], permitted[name], words, takes, fields, answers)


def _things(document: Schema) -> Iterator[Thing]:
    for name, schema in sorted(document["components"]["schemas"].items()):
        if not name.startswith(PAGE):
            words = " ".join(schema.get("description", "").replace("``", "`").split())
            plain = "" if "properties" in schema else f" {shape(schema)}."
            yield Thing(name, words + plain, _fields(schema))


def shape(schema: Schema) -> str:
    """Return the type of a value in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        inner = name.removeprefix(PAGE).rstrip("_")
        return f"{'a page of ' * name.startswith(PAGE)}[{inner}](#{inner.lower()})"
    for several in ("anyOf", "allOf", "oneOf"):
        if several in schema:
            return " or ".join(shape(alternative) for alternative in schema[several])
    if choices := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return ", ".join(f"`{alternative}`" for alternative in choices)
    if inner := schema.get({"array": "items", "object": "additionalProperties"}.get(schema.get("type", ""), "")):
        kind = "list" if schema["type"] == "array" else "object"
        return kind if inner is True else f"{kind} of {shape(inner)}"
    return WORDS.get(schema.get("format", "")) or WORDS.get(schema.get("type", "")) or schema.get("type", "anything")


def named_in(shown: list[Operation], all_things: list[Thing]) -> list[Thing]:
    """Return the schemas that the operations refer to, directly or indirectly."""
    remaining = {schema_entry.name.lower(): schema_entry for schema_entry in all_things}
    texts = [
        text
        for operation in shown
        for text in (operation.takes, operation.answers, *(description for _name, description in operation.fields))
    ]
    results = []
    while texts:
        for name in _REFERENCE.findall(texts.pop()):
            if (schema_entry := remaining.pop(name, None)) is not None:
                results.append(schema_entry)
                texts += [schema_entry.words, *(description for _name, description in schema_entry.fields)]
    return sorted(results, key=lambda schema_entry: schema_entry.name)


class Pages(DocsBase):
    """The API reference as pages: all operations, or those of one tag with their schemas."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **_path: object) -> HttpResponse:
        """The page; whoever isn't signed in reads it, too."""
        about, all_operations, travels = read(api)
        selected = [operation for operation in all_operations if operation.subject == request.GET.get("of")]
        subjects = list(dict.fromkeys(operation.subject for operation in all_operations))
        values = {"about": about, "operations": all_operations, "subjects": subjects, "shown": selected}
        return render(request, "web/api.html", values | {"things": named_in(selected, travels)})


def _scopes(api: NinjaAPI) -> Iterator[tuple[str, str]]:
    """The scope that each operation asks for, by its name."""
    for router in api._get_bound_routers():  # noqa: SLF001 - the document has no place for scopes
        for view in router.path_operations.values():
            for operation in view.operations:
                scopes = [f"scope `{auth.scope.value}`" for auth in operation.auth_callbacks]  # type: ignore[attr-defined]
                yield (
                    operation.operation_id or api.get_openapi_operation_id(operation),
                    (scopes or ["without a token"])[0],
                )


def _answers(responses: Schema) -> str:
    """What it answers with, and the errors that not every operation has."""
    answers = []
    for status, answer in responses.items():
        if status.startswith("2"):
            contents = [
                shape(content["schema"]) if "json" in kind else f"a file, `{kind}`"
                for kind, content in answer.get("content", {}).items()
            ]
            answers.append(f"{status}{': ' if contents else ''}{', '.join(contents)}")
    more = ", ".join(sorted(status for status in responses if status[0] in "45" and status not in EVERYWHERE))
    return f"Answers {' or '.join(answers)}.{f' Further errors: {more}.' if more else ''}"


def _fields(schema: Schema) -> Fields:
    needed, properties = schema.get("required", []), schema.get("properties", {})
    return tuple(
        (name, _said(field_schema, {"in": "body", "required": name in needed}))
        for name, field_schema in properties.items()
    )


def _said(schema: Schema, parameter: Schema) -> str:
    words = parameter.get("description") or schema.get("description") or ""
    default = schema.get("default")
    absent = "; may be left out" if parameter["in"] == "body" and not parameter["required"] else ""
    notes = f"; `{json.dumps(default)}` by default" if default not in (None, "", [], {}) else absent
    return f"{shape(schema)}{notes}{'. ' if words else ''}{words}"
