"""The API with all its operations, and its OpenAPI 3.1 document."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.datastructures import MultiValueDict
from ninja import NinjaAPI
from ninja.operation import Operation

from desk.api.alliance import calls, opened
from desk.api.common.auth import READ
from desk.api.common.openapi import FORM, JSON, described, is_file
from desk.api.common.parsing import Parser
from desk.api.common.problems import Problem, tell_problems
from desk.api.common.reference import Pages
from desk.api.common.rendering import Renderer
from desk.api.operator import alliance, log, owners as owner_settings, upkeep
from desk.api.parties import demands, parties
from desk.api.resources import (
    cases,
    column_mappings,
    edge,
    evidence,
    licences,
    notices,
    notifications,
    owners,
    packages,
    reports,
    uploads,
    watches,
    works,
)
from exhibit.types import Untyped

WORDS = """The HTTP API of this Exhibit installation. Paths of an owner contain its short name. Objects of other owners
return 404. Times are in UTC (RFC 3339). Lists with a parameter `cursor` are paginated: send `next` of the response as
`cursor` to get the next page. Sites use `offset` instead; lists without either are returned completely. In a PATCH,
omitted fields and null leave a field unchanged."""
NOTHING = (b"", b"{}", b"null")
"""Bodies that count as empty."""
_TYPED = re.compile(r"<(?:\w+:)?(\w+)>")


class Api(NinjaAPI):
    """A ninja API that also documents errors, limits and idempotency keys, and rejects unknown fields."""

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """Check the names of parameters and start a response. Raises ``Problem`` for unknown ones."""
        assert request.resolver_match is not None
        path = _TYPED.sub(r"{\1}", f"/{request.resolver_match.route}")
        operation = self._operations[path][str(request.method).lower()]
        query_schemas = {
            parameter["name"]: parameter["schema"]
            for parameter in operation["parameters"]
            if parameter["in"] == "query"
        }
        _check_names("query", request.GET, query_schemas)
        _check_once("query", request.GET, query_schemas)
        takes = operation.get("requestBody", {}).get("content", {})
        if takes and request.content_type not in takes:
            raise Problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Unsupported Content-Type. Send the request as {next(iter(takes))}."
            )
        if not takes and _has_body(request):
            sentence = "This operation takes no request body. Send the request without one."
            raise Problem(HTTPStatus.BAD_REQUEST, sentence)
        if FORM in takes:
            _check_form(request, takes[FORM]["schema"]["properties"])
        return super().create_temporal_response(request)

    @cached_property
    def _operations(self) -> dict[str, dict[str, Any]]:
        """Operations of the OpenAPI document, by path and method."""
        paths: dict[str, dict[str, Any]] = self.get_openapi_schema()["paths"]
        return paths

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the function's name as the default operation ID."""
        return str(operation.view_func.__name__)

    def get_content_type(self) -> str:
        """Return the media type of responses, without a charset (RFC 8259, section 11)."""
        return JSON

    def get_openapi_schema(self, **how: Untyped) -> Untyped:
        """Return the OpenAPI document. Without options it is generated only once."""
        return described(super().get_openapi_schema(**how)) if any(how.values()) else self._document

    @cached_property
    def _document(self) -> Untyped:
        # generating it takes a second of processor time
        return described(super().get_openapi_schema())


def _check_names(where: str, names: Iterable[str], allowed: Collection[str]) -> None:
    if unknown := sorted(set(names) - set(allowed)):
        allowed_text = ", ".join(sorted(allowed)) or "none"
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"Unknown parameter {unknown[0]!r} in the {where}. Known parameters: {allowed_text}.",
        )


def _check_once(where: str, values: MultiValueDict[str, Any], fields: Mapping[str, Any]) -> None:
    """Raise ``Problem`` if a parameter that is not a list is repeated, since all but the last would be lost."""
    for name in values:
        if (times := len(values.getlist(name))) > 1 and not _is_list(fields[name]):
            sentence = f"Parameter {name!r} appears {times} times in the {where}. Send it once."
            raise Problem(HTTPStatus.BAD_REQUEST, sentence)


def _is_list(field: Mapping[str, Any]) -> bool:
    return field.get("type") == "array" or any(map(_is_list, field.get("anyOf", ())))


def _has_body(request: HttpRequest) -> bool:
    """Return True if the body is not empty. Clients that always send JSON or a form send an empty one."""
    if request.method == "POST" and request.content_type == FORM:
        return bool(request.POST or request.FILES)
    return request.body.strip() not in NOTHING


def _check_form(request: HttpRequest, fields: Mapping[str, Any]) -> None:
    """Raise ``Problem`` for unknown form fields, and for fields sent as a file instead of text or vice versa."""
    _check_names("form", [*request.POST, *request.FILES], fields)
    files = {name for name, field in fields.items() if is_file(field)}
    for name in fields:
        if name in (request.POST if name in files else request.FILES):
            kind = "a file" if name in files else "text"
            raise Problem(HTTPStatus.BAD_REQUEST, f"Form field {name!r} has the wrong type. Send it as {kind}.")
    _check_once("form", request.POST, fields)
    _check_once("form", request.FILES, fields)


api = Api(
    title="Exhibit",
    version="1",
    description=WORDS,
    docs=Pages(),
    auth=READ,
    urls_namespace="api",
    renderer=Renderer(),
    parser=Parser(),
)
tell_problems(api)
for resource in (
    owners, works, uploads, column_mappings, watches, licences, cases, evidence, notices, reports, packages, parties,
    demands,
):  # fmt: skip
    api.add_router("", resource.router)
for router in (
    packages.link_router, notifications.router, owners.member_router, evidence.log_router, edge.router, calls.router,
    opened.router, owner_settings.router, log.router, alliance.router, upkeep.router,
):  # fmt: skip
    api.add_router("", router)
