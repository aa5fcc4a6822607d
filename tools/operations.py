"""Write the table of API operations, from which `exhibit api` reads them: ``python -m tools.operations``."""

import json
import os
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
os.environ.setdefault("EXHIBIT_DATA", str(Path("var/check").resolve()))  # The settings create secrets on first use.
django.setup()

from desk.api.api import api  # noqa: E402 - Django has to be set up first
from desk.api.common.openapi import FORM, JSON, Schema, is_file  # noqa: E402
from desk.cli.api import BASE_PATH, OPERATIONS  # noqa: E402

OWNER_PREFIX = "/owners/{owner}/"
NON_TEXT_TYPES = ("integer", "number", "boolean")
MACHINE_PREFIXES = ("/edge/", "/alliance/", "/owners/{owner}/passkeys")
"""Path prefixes of operations that only contributors, partners and browsers call."""


def list_properties(schema: Schema) -> dict[str, Schema]:
    """Return the fields of a JSON body by name."""
    if "$ref" in schema:
        schema = api.get_openapi_schema()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return dict(schema.get("properties", {}))


def list_typed_fields(schema: Schema) -> list[str]:
    """Return the names of the fields of a JSON body that are numbers or Booleans, or lists of them."""
    return [
        name for name, field in list_properties(schema).items() if not _list_types(field).isdisjoint(NON_TEXT_TYPES)
    ]


def list_array_fields(schema: Schema) -> list[str]:
    """Return the names of the fields of a JSON body that are lists."""
    return [name for name, field in list_properties(schema).items() if _is_list(field)]


def _is_list(field: Schema) -> bool:
    return field.get("type") == "array" or any(map(_is_list, field.get("anyOf", ())))


def _list_types(field: Schema) -> set[str]:
    subschemas = [*field.get("anyOf", ()), *([field["items"]] if "items" in field else ())]
    return {field.get("type", ""), *(type_name for subschema in subschemas for type_name in _list_types(subschema))}


def build_table() -> dict[str, dict[str, Any]]:
    """Return description and parameters of each operation, by the method and path that the command accepts."""
    operations = {}
    for full_path, methods in api.get_openapi_schema()["paths"].items():
        path = full_path.removeprefix(BASE_PATH)
        if path.startswith(MACHINE_PREFIXES):
            continue
        for method, operation in methods.items():
            request_bodies = operation.get("requestBody", {}).get("content", {})
            form_fields = request_bodies.get(FORM, {}).get("schema", {}).get("properties", {})
            success_response = next(
                response for status, response in operation["responses"].items() if int(status) < 300
            )
            details = {
                "description": " ".join(operation["description"].split()).partition(". ")[0].rstrip("."),
                "query_parameters": [
                    parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"
                ],
                "form": [name for name in form_fields if not is_file(form_fields[name])],
                "files": [name for name in form_fields if is_file(form_fields[name])],
                "json": list(list_properties(request_bodies.get(JSON, {}).get("schema", {}))),
                "lists": list_array_fields(request_bodies.get(JSON, {}).get("schema", {})),
                "non_text_fields": list_typed_fields(request_bodies.get(JSON, {}).get("schema", {})),
                "returns_file": any(kind != JSON for kind in success_response.get("content", {})),
            }
            operations[f"{method.upper()} {path.removeprefix(OWNER_PREFIX)}"] = {
                name: value for name, value in details.items() if value
            }
    return operations


def format_table() -> str:
    """Return the table as JSON, with one operation per line."""
    lines = (f" {json.dumps(name)}: {json.dumps(operation)}" for name, operation in build_table().items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Write the table to its file."""
    OPERATIONS.write_text(format_table(), encoding="utf-8")


if __name__ == "__main__":
    main()
