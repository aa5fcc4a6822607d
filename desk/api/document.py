"""What ninja leaves out of the OpenAPI document: problems, limits, idempotency keys, and files as answers."""

from http import HTTPStatus
from typing import Any

from desk.api import answers
from desk.api.problems import MEDIA_TYPE
from desk.api.repeats import AGAIN, HEADER

FOR_ALL = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
WITH_A_BODY = (HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
KEY: dict[str, Any] = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "description": "A text of your own for this request. Sent again with it, the request does nothing and gets "
    f"the same answer, with the header {AGAIN}.",
}
TEMPLATE = "#/components/schemas/{model}"


def file_of(*media_types: str) -> dict[str, Any]:
    """For an operation whose answer is a file."""
    content = {one: {"schema": {"type": "string", "format": "binary"}} for one in media_types}
    return {"responses": {200: {"description": "The file.", "content": content}}}


def described(document: Any) -> Any:  # noqa: ANN401 - ninja's document is a dict of anything
    """Complete the document."""
    schemas = document["components"].setdefault("schemas", {})
    problem = answers.Problem.model_json_schema(ref_template=TEMPLATE)
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    for operations in document["paths"].values():
        for method, operation in operations.items():
            _complete(method, operation)
    return document


def _complete(method: str, operation: dict[str, Any]) -> None:
    changes = method in {"post", "put", "patch", "delete"}
    for status in (*FOR_ALL, *(WITH_A_BODY if changes else ())):
        content = {MEDIA_TYPE: {"schema": {"$ref": TEMPLATE.format(model="Problem")}}}
        operation["responses"].setdefault(int(status), {"description": status.phrase, "content": content})
    if method == "post" and operation["operationId"] != "add_webhook":  # a secret isn't kept in an answer
        operation["parameters"] = [*operation["parameters"], KEY]
