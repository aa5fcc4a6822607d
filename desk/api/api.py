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

from desk.api.alliance import calls, public_pages
from desk.api.common.auth import READ
from desk.api.common.openapi import FORM, JSON, complete_document, is_file
from desk.api.common.parsing import Parser
from desk.api.common.problems import Problem, register_problem_handlers
from desk.api.common.reference import ReferencePages
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

DESCRIPTION = """HTTP API of this Exhibit installation. Paths contain the short name of an owner. Requests for objects
of other owners return 404. Times are in UTC (RFC 3339). Lists with the parameter `cursor` are paginated: to get the
next page, send the value of `next` in the response as `cursor`. The list of sites uses `offset` instead. All other
lists are complete. In a PATCH request, fields that are omitted or null are not changed."""
EMPTY_BODIES = (b"", b"{}", b"null")
"""Bodies that count as empty."""
_TYPED_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


class Api(NinjaAPI):
    """A Django Ninja API that also documents errors, limits and idempotency keys, and rejects unknown fields."""

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """Check the names of parameters and start a response. Raises ``Problem`` for unknown ones."""
        assert request.resolver_match is not None
        path = _TYPED_PARAMETER.sub(r"{\1}", f"/{request.resolver_match.route}")
        operation = self._operations_by_path[path][str(request.method).lower()]
        query_schemas = {
            parameter["name"]: parameter["schema"]
            for parameter in operation["parameters"]
            if parameter["in"] == "query"
        }
        _check_parameter_names("query", request.GET, query_schemas)
        _check_repetitions("query", request.GET, query_schemas)
        body_types = operation.get("requestBody", {}).get("content", {})
        if body_types and request.content_type not in body_types:
            raise Problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"Unsupported Content-Type. Send the request as {next(iter(body_types))}.",
            )
        if not body_types and _has_body(request):
            sentence = "This operation does not accept a request body. Send the request without one."
            raise Problem(HTTPStatus.BAD_REQUEST, sentence)
        if FORM in body_types:
            _check_form(request, body_types[FORM]["schema"]["properties"])
        return super().create_temporal_response(request)

    @cached_property
    def _operations_by_path(self) -> dict[str, dict[str, Any]]:
        """Operations of the OpenAPI document, by path and method."""
        paths: dict[str, dict[str, Any]] = self.get_openapi_schema()["paths"]
        return paths

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the function's name as the default operation ID."""
        return str(operation.view_func.__name__)

    def get_content_type(self) -> str:
        """Return the media type of responses, without a charset (RFC 8259, section 11)."""
        return JSON

    def get_openapi_schema(self, **options: Untyped) -> Untyped:
        """Return the OpenAPI document. Without options it is generated only once."""
        return complete_document(super().get_openapi_schema(**options)) if any(options.values()) else self._document

    @cached_property
    def _document(self) -> Untyped:
        # Cached, because generating the document takes a second of CPU time.
        return complete_document(super().get_openapi_schema())


def _check_parameter_names(location: str, names: Iterable[str], supported_names: Collection[str]) -> None:
    if unknown_names := sorted(set(names) - set(supported_names)):
        supported_text = ", ".join(sorted(supported_names)) or "none"
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"Unknown parameter {unknown_names[0]!r} in the {location}. Supported parameters: {supported_text}.",
        )


def _check_repetitions(location: str, values: MultiValueDict[str, Any], fields: Mapping[str, Any]) -> None:
    """Raise ``Problem`` if a parameter that is not a list is repeated, since all but the last would be lost."""
    for name in values:
        if (count := len(values.getlist(name))) > 1 and not _is_list(fields[name]):
            sentence = f"Parameter {name!r} appears {count} times in the {location}. Send it once."
            raise Problem(HTTPStatus.BAD_REQUEST, sentence)


def _is_list(field: Mapping[str, Any]) -> bool:
    return field.get("type") == "array" or any(map(_is_list, field.get("anyOf", ())))


def _has_body(request: HttpRequest) -> bool:
    """Return True if the body is not empty. Clients that always send JSON or a form send an empty one."""
    if request.method == "POST" and request.content_type == FORM:
        return bool(request.POST or request.FILES)
    return request.body.strip() not in EMPTY_BODIES


def _check_form(request: HttpRequest, fields: Mapping[str, Any]) -> None:
    """Raise ``Problem`` for unknown form fields, and for fields sent as a file instead of text or vice versa."""
    _check_parameter_names("form", [*request.POST, *request.FILES], fields)
    files = {name for name, field in fields.items() if is_file(field)}
    for name in fields:
        if name in (request.POST if name in files else request.FILES):
            kind = "a file" if name in files else "text"
            raise Problem(HTTPStatus.BAD_REQUEST, f"Form field {name!r} has the wrong type. Send it as {kind}.")
    _check_repetitions("form", request.POST, fields)
    _check_repetitions("form", request.FILES, fields)


api = Api(
    title="Exhibit",
    version="1",
    description=DESCRIPTION,
    docs=ReferencePages(),
    auth=READ,
    urls_namespace="api",
    renderer=Renderer(),
    parser=Parser(),
)
register_problem_handlers(api)
for resource in (
    owners, works, uploads, column_mappings, watches, licences, cases, evidence, notices, reports, packages, parties,
    demands,
):  # fmt: skip
    api.add_router("", resource.router)
for router in (
    packages.link_router, notifications.router, owners.member_router, evidence.log_router, edge.router, calls.router,
    public_pages.router, owner_settings.router, log.router, alliance.router, upkeep.router,
):  # fmt: skip
    api.add_router("", router)
