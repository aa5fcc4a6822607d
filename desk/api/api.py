"""The API with all its operations, and the document that describes them (OpenAPI 3.1)."""

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

WORDS = """What the site of this installation does, for programs. Every address of an owner begins with its short name;
what belongs to somebody else isn't there. Times are RFC 3339 in UTC. Lists that take `cursor` come in pieces: ask again
with it; parties take `skip`, and the few short lists without either come whole. In a PATCH, null is as good as nothing
where it may stand: the field stays as it is."""
NOTHING = (b"", b"{}", b"null")
"""Bodies that say nothing, for operations that take none."""
_TYPED = re.compile(r"<(?:\w+:)?(\w+)>")


class Api(NinjaAPI):
    """Describes its errors, its limits and its repeated requests too, and takes no field that it doesn't know."""

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """Begin an answer; a mistyped field of the query or the form isn't taken for none, but for a problem."""
        assert request.resolver_match is not None
        path = _TYPED.sub(r"{\1}", f"/{request.resolver_match.route}")
        operation = self._operations[path][str(request.method).lower()]
        known = {asked["name"]: asked["schema"] for asked in operation["parameters"] if asked["in"] == "query"}
        _check_names("query", request.GET, known)
        _check_once("query", request.GET, known)
        takes = operation.get("requestBody", {}).get("content", {})
        if takes and request.content_type not in takes:
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send it with the Content-Type {next(iter(takes))}.")
        if not takes and _has_body(request):
            sentence = "This operation takes no body; what it takes stands in its address. Send it without one."
            raise Problem(HTTPStatus.BAD_REQUEST, sentence)
        if FORM in takes:
            _check_form(request, takes[FORM]["schema"]["properties"])
        return super().create_temporal_response(request)

    @cached_property
    def _operations(self) -> dict[str, dict[str, Any]]:
        """What the document says of each path, by method."""
        paths: dict[str, dict[str, Any]] = self.get_openapi_schema()["paths"]
        return paths

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The function's name, for those that have no other."""
        return str(operation.view_func.__name__)

    def get_content_type(self) -> str:
        """Of answers: JSON has no parameter that says how it is encoded (RFC 8259, 11)."""
        return JSON

    def get_openapi_schema(self, **how: Untyped) -> Untyped:
        """The OpenAPI document; where nothing of its paths is asked for otherwise, it is made once."""
        return described(super().get_openapi_schema(**how)) if any(how.values()) else self._document

    @cached_property
    def _document(self) -> Untyped:
        # which takes a second of the processor: whoever asks for it again and again is to cost nothing
        return described(super().get_openapi_schema())


def _check_names(where: str, given: Iterable[str], known: Collection[str]) -> None:
    if unknown := sorted(set(given) - set(known)):
        named = ", ".join(sorted(known)) or "nothing"
        raise Problem(HTTPStatus.BAD_REQUEST, f"The {where} names {unknown[0]!r}; known here: {named}.")


def _check_once(where: str, given: MultiValueDict[str, Any], fields: Mapping[str, Any]) -> None:
    """Raise a problem where one comes several times that isn't a list: all but the last would be lost."""
    for name in given:
        if (times := len(given.getlist(name))) > 1 and not _is_list(fields[name]):
            sentence = f"The {where}'s {name!r} comes {times} times, and one is taken: send each by itself."
            raise Problem(HTTPStatus.BAD_REQUEST, sentence)


def _is_list(field: Mapping[str, Any]) -> bool:
    return field.get("type") == "array" or any(map(_is_list, field.get("anyOf", ())))


def _has_body(request: HttpRequest) -> bool:
    """Whether anything is said in it: clients that always send JSON or a form send an empty one."""
    if request.method == "POST" and request.content_type == FORM:
        return bool(request.POST or request.FILES)
    return request.body.strip() not in NOTHING


def _check_form(request: HttpRequest, fields: Mapping[str, Any]) -> None:
    """Raise a problem where a form names what isn't known, a text comes as a file, or a file's name as a text."""
    _check_names("form", [*request.POST, *request.FILES], fields)
    files = {name for name, field in fields.items() if is_file(field)}
    for name in fields:
        if name in (request.POST if name in files else request.FILES):
            kind = "a file" if name in files else "a text"
            raise Problem(HTTPStatus.BAD_REQUEST, f"Send the form's {name!r} as {kind}.")
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
