"""Write the table of API operations for `exhibit api`, which does not load the API: ``python -m tools.operations``."""

import json
import os
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
os.environ.setdefault("EXHIBIT_DATA", str(Path("var/check").resolve()))  # settings create their secrets on first use
django.setup()

from desk.api.api import api  # noqa: E402 - Django has to be set up first
from desk.api.common.openapi import FORM, JSON, Schema, is_file  # noqa: E402
from desk.cli.api import BELOW, OPERATIONS  # noqa: E402

OWNER = "/owners/{owner}/"
NO_TEXT = ("integer", "number", "boolean")
OF_MACHINES = ("/edge/", "/alliance/", "/owners/{owner}/passkeys")
"""Operations signed by contributors and partners, or called by a browser, but never by hand."""


def properties(schema: Schema) -> dict[str, Schema]:
    """Return the fields of a JSON body by name."""
    if "$ref" in schema:
        schema = api.get_openapi_schema()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return dict(schema.get("properties", {}))


def typed(schema: Schema) -> list[str]:
    """Return the names of the fields of a JSON body that are numbers or Booleans, or lists of them."""
    return [name for name, field in properties(schema).items() if not _kinds(field).isdisjoint(NO_TEXT)]


def lists(schema: Schema) -> list[str]:
    """Return the names of the fields of a JSON body that are lists."""
    return [name for name, field in properties(schema).items() if _is_list(field)]


def _is_list(field: Schema) -> bool:
    return field.get("type") == "array" or any(map(_is_list, field.get("anyOf", ())))


def _kinds(field: Schema) -> set[str]:
    parts = [*field.get("anyOf", ()), *([field["items"]] if "items" in field else ())]
    return {field.get("type", ""), *(kind for part in parts for kind in _kinds(part))}


def table() -> dict[str, dict[str, Any]]:
    """Return the operations by method and path, as the command expects them, with description and parameters."""
    operations = {}
    for whole, methods in api.get_openapi_schema()["paths"].items():
        path = whole.removeprefix(BELOW)
        if path.startswith(OF_MACHINES):
            continue
        for method, operation in methods.items():
            takes = operation.get("requestBody", {}).get("content", {})
            form = takes.get(FORM, {}).get("schema", {}).get("properties", {})
            answer = next(response for status, response in operation["responses"].items() if int(status) < 300)
            facts = {
                "says": " ".join(operation["description"].split()).partition(". ")[0].rstrip("."),
                "asks": [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"],
                "form": [name for name in form if not is_file(form[name])],
                "files": [name for name in form if is_file(form[name])],
                "json": list(properties(takes.get(JSON, {}).get("schema", {}))),
                "lists": lists(takes.get(JSON, {}).get("schema", {})),
                "typed": typed(takes.get(JSON, {}).get("schema", {})),
                "file": any(kind != JSON for kind in answer.get("content", {})),
            }
            operations[f"{method.upper()} {path.removeprefix(OWNER)}"] = {
                name: is_ for name, is_ in facts.items() if is_
            }
    return operations


def text() -> str:
    """Return the content of the file."""
    lines = (f" {json.dumps(name)}: {json.dumps(operation)}" for name, operation in table().items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Write the file."""
    OPERATIONS.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
