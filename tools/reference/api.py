"""The page of all operations of the HTTP API, and of what they take and answer with: from the OpenAPI document."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ninja.responses import NinjaJSONEncoder

from desk.api.api import api
from tools.reference import FOLDER, head

PAGE = FOLDER / "api.md"
BELOW = "/api/v1"
PIECE = "Piece_"
EVERYWHERE = frozenset({"400", "401", "403", "404", "422", "429", "503"})
"""The errors of every operation."""
WORDS = {"date-time": "time", "date": "day", "binary": "file"}
WORDS |= {"string": "text", "integer": "whole number", "boolean": "true or false"}
Schema = Mapping[str, Any]


def page() -> str:
    """The page's text."""
    document = json.loads(json.dumps(api.get_openapi_schema(), cls=NinjaJSONEncoder))
    parts, last = [head(PAGE)], ""
    permitted = dict(_scopes())
    for path, operations in document["paths"].items():
        for method, one in operations.items():
            if one["tags"] != last:
                parts.append(f"## {one['tags'][0].capitalize()}\n")
                last = one["tags"]
            address = f"{method.upper()} {path.removeprefix(BELOW)}"
            parts.append(f"### {one['operationId']}\n\n`{address}`, {permitted[one['operationId']]}\n")
            parts.append(_operation(one))
    parts.append("## What travels\n")
    schemas = document["components"]["schemas"].items()
    parts += [_thing(name, one) for name, one in sorted(schemas) if not name.startswith(PIECE)]
    return "\n".join(parts).rstrip() + "\n"


def _scopes() -> Iterator[tuple[str, str]]:
    """The scope that each operation asks for, by its name."""
    for router in api._get_bound_routers():  # noqa: SLF001 - the document has no place for scopes
        for view in router.path_operations.values():
            for one in view.operations:
                yield (
                    str(one.operation_id),
                    next((f"scope `{auth.scope.value}`" for auth in one.auth_callbacks), "without a token"),
                )  # type: ignore[attr-defined]


def _operation(one: Schema) -> str:
    text = f"{one['description'].strip()}\n"
    rows = [_row(given["name"], given["schema"], given) for given in one["parameters"] if given["in"] == "query"]
    body = one.get("requestBody", {}).get("content", {})
    for kind, content in body.items():
        schema = content["schema"]
        if "$ref" in schema:
            text += f"\nTakes JSON: {shape(schema)}.\n"
        else:
            text += f"\nTakes a form (`{kind}`).\n"
            rows += _rows(schema)
    text += f"\n| field | what |\n|---|---|\n{''.join(rows)}" if rows else ""
    return f"{text}\n{_answers(one['responses'])}\n"


def _answers(responses: Schema) -> str:
    """What it answers with, and the errors that not every operation has."""
    told = []
    for status, answer in responses.items():
        if status.startswith("2"):
            contents = [
                shape(content["schema"]) if "json" in kind else f"a file, `{kind}`"
                for kind, content in answer.get("content", {}).items()
            ]
            told.append(f"{status}{': ' if contents else ''}{', '.join(contents)}")
    more = ", ".join(sorted(status for status in responses if status[0] in "45" and status not in EVERYWHERE))
    return f"Answers {' or '.join(told)}.{f' Further errors: {more}.' if more else ''}"


def _thing(name: str, one: Schema) -> str:
    words = " ".join(one.get("description", "").replace("``", "`").split())
    if "properties" not in one:
        return f"### {name}\n\n{words} {shape(one)}.\n".replace("\n ", "\n")
    return f"### {name}\n\n{words}\n\n| field | what |\n|---|---|\n{''.join(_rows(one))}"


def _rows(schema: Schema) -> list[str]:
    needed = schema.get("required", [])
    return [_row(name, one, {"in": "body", "required": name in needed}) for name, one in schema["properties"].items()]


def _row(name: str, schema: Schema, given: Schema) -> str:
    words = given.get("description") or schema.get("description") or ""
    default = schema.get("default")
    absent = "; may be left out" if given["in"] == "body" and not given["required"] else ""
    notes = f"; `{json.dumps(default)}` by default" if default not in (None, "", [], {}) else absent
    return f"| `{name}` | {shape(schema)}{notes}{'. ' if words else ''}{re.sub(r'[|]', ' or ', words)} |\n"


def shape(schema: Schema) -> str:
    """What kind of value it is, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        inner = name.removeprefix(PIECE).rstrip("_")
        return f"{'a piece of a list of ' * name.startswith(PIECE)}[{inner}](#{inner.lower()})"
    for several in ("anyOf", "allOf", "oneOf"):
        if several in schema:
            return " or ".join(shape(one) for one in schema[several])
    if choices := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return ", ".join(f"`{one}`" for one in choices)
    if inner := schema.get({"array": "items", "object": "additionalProperties"}.get(schema.get("type", ""), "")):
        kind = "list" if schema["type"] == "array" else "object"
        return kind if inner is True else f"{kind} of {shape(inner)}"
    return WORDS.get(schema.get("format", "")) or WORDS.get(schema.get("type", "")) or schema.get("type", "anything")
