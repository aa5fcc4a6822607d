"""Reference page of all operations of the HTTP API, with their parameters and responses, from the OpenAPI document."""

from desk.api.api import api
from desk.api.common.reference import Fields, read_reference
from registry.models import Scope
from tools.reference.descriptions import format_table, read_descriptions

NAME = "api.md"
INTRODUCTION = """\
# API operations

Generated from the code by `make reference`. Each installation serves the same with examples, as OpenAPI 3.1:
`/api/v1/openapi.json`. [HTTP API](http-api.md) describes what all operations have in common: API tokens,
scopes, lists, limits and errors.

Paths are below `/api/v1`. Every operation may return 400, 401, 403, 404, 422, 429 and 503. A page of a list has
`items`, `next` and `last` ([Long lists](http-api.md#long-lists)). Names in capitals link to [Schemas](#schemas).
"""


def page() -> str:
    """Return the text of the page."""
    _about, operations, schemas = read_reference(api)
    scope_descriptions = read_descriptions(Scope)
    scopes = format_table(
        ("Scope", "Permits"), [(f"`{scope.value}`", scope_descriptions.get(scope.name, "?")) for scope in Scope]
    )
    parts, last_tag = [INTRODUCTION, f"## Scopes\n\nScopes of API tokens.\n\n{scopes}"], ""
    for operation in operations:
        if operation.tag != last_tag:
            parts.append(f"## {operation.tag.capitalize()}\n")
            last_tag = operation.tag
        parameters = f"\nTakes {operation.body_type}.\n" if operation.body_type else ""
        parts.append(f"### {operation.name}\n\n`{operation.address}`, {operation.required_scope}\n")
        parts.append(f"{operation.description}\n{parameters}{_format_table(operation.fields)}\n{operation.responses}\n")
    parts.append("## Schemas\n")
    parts += [
        f"### {schema_entry.name}\n\n{schema_entry.description}\n{_format_table(schema_entry.fields)}".replace(
            "\n ", "\n"
        )
        for schema_entry in schemas
    ]
    return "\n".join(parts).rstrip() + "\n"


def _format_table(fields: Fields) -> str:
    rows = "".join(f"| `{name}` | {description.replace('|', ' or ')} |\n" for name, description in fields)
    return f"\n| Field | Description |\n|---|---|\n{rows}" if rows else ""
