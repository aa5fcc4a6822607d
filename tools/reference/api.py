"""Reference page of all operations of the HTTP API, with their parameters and responses, from the OpenAPI document."""

from desk.api.api import api
from desk.api.common.reference import Fields, read
from registry.models import Scope
from tools.reference.words import table, words_of

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
    _about, operations, things = read(api)
    permits = words_of(Scope)
    scopes = table(("Scope", "Permits"), [(f"`{scope.value}`", permits.get(scope.name, "?")) for scope in Scope])
    parts, last = [INTRODUCTION, f"## Scopes\n\nScopes of API tokens.\n\n{scopes}"], ""
    for one in operations:
        if one.subject != last:
            parts.append(f"## {one.subject.capitalize()}\n")
            last = one.subject
        takes = f"\nTakes {one.takes}.\n" if one.takes else ""
        parts.append(f"### {one.name}\n\n`{one.address}`, {one.needs}\n")
        parts.append(f"{one.words}\n{takes}{_table(one.fields)}\n{one.answers}\n")
    parts.append("## Schemas\n")
    parts += [f"### {one.name}\n\n{one.words}\n{_table(one.fields)}".replace("\n ", "\n") for one in things]
    return "\n".join(parts).rstrip() + "\n"


def _table(fields: Fields) -> str:
    rows = "".join(f"| `{name}` | {said.replace('|', ' or ')} |\n" for name, said in fields)
    return f"\n| Field | Description |\n|---|---|\n{rows}" if rows else ""
