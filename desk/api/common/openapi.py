"""What ninja leaves out of the OpenAPI document: problems, limits, idempotency keys, and files as answers."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from desk.api.common.examples import example_of
from desk.api.common.problems import MEDIA_TYPE
from desk.schemas.base import Problem
from exhibit.types import Untyped

FOR_ALL = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
WITH_A_BODY = (
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.INSUFFICIENT_STORAGE,
)
JSON = "application/json"
FORM = "multipart/form-data"
TEMPLATE = "#/components/schemas/{model}"


def file_of(*media_types: str) -> dict[str, Any]:
    """For an operation whose answer is a file."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}
    return {"responses": {200: {"description": "The file.", "content": content}}}


def is_file(field: Mapping[str, Any]) -> bool:
    """Whether a form's field, as its schema says, is a file or several."""
    return "binary" in (field.get("format"), field.get("items", {}).get("format"))


def described(document: Untyped) -> Untyped:
    """Complete the document."""
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
            for told in (operation.get("requestBody", {}), *operation["responses"].values()):
                if (content := told.get("content", {}).get(JSON)) is not None:
                    content["example"] = example_of(content["schema"], schemas)
    return document


def _in_a_form(field: Mapping[str, Any]) -> dict[str, Any]:
    """A field as a form has it, which can leave it out, and can't say null."""
    (kind,) = [choice for choice in field.get("anyOf", [{}]) if choice != {"type": "null"}]
    return {name: value for name, value in {**field, **kind}.items() if name != "anyOf"}


def _complete(method: str, operation: dict[str, Any]) -> None:
    changes = method in {"post", "put", "patch", "delete"}
    for status in (*FOR_ALL, *(WITH_A_BODY if changes else ())):
        example = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": status.description}
        content = {MEDIA_TYPE: {"schema": {"$ref": TEMPLATE.format(model="Problem")}, "example": example}}
        operation["responses"].setdefault(int(status), {"description": status.phrase, "content": content})
