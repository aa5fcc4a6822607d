"""The API with all its operations, and the document that describes them (OpenAPI 3.1)."""

import re
from functools import cached_property
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from desk.api import cases, evidence, licences, log, owners, reports, told, watches, works
from desk.api.actors import READ
from desk.api.document import described
from desk.api.problems import Problem, tell_problems

WORDS = """What the site of this installation does, for programs. Every address of an owner begins with its short name;
what belongs to somebody else isn't there. Times are RFC 3339 in UTC. Lists come in pieces: ask again with `cursor`."""


_TYPED = re.compile(r"<(?:\w+:)?(\w+)>")


class Api(NinjaAPI):
    """Describes its errors, its limits and its repeated requests too, and takes no query that it doesn't know."""

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """Begin an answer.

        Raises:
            Problem: the query names something that the operation doesn't know, so that a mistyped filter isn't taken
                for none; or the body is of a kind that it doesn't take.
        """
        assert request.resolver_match is not None
        path = _TYPED.sub(r"{\1}", f"/{request.resolver_match.route}")
        operation = self._operations[path][str(request.method).lower()]
        known = sorted(one["name"] for one in operation["parameters"] if one["in"] == "query")
        if unknown := sorted(set(request.GET) - set(known)):
            named = ", ".join(known) or "nothing"
            raise Problem(HTTPStatus.BAD_REQUEST, f"The query names {unknown[0]!r}; known here: {named}.")
        takes = list(operation.get("requestBody", {}).get("content", ()))
        if takes and request.content_type not in takes:
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send it with the Content-Type {takes[0]}.")
        return super().create_temporal_response(request)

    @cached_property
    def _operations(self) -> dict[str, dict[str, Any]]:
        """What the document says of each path, by method."""
        paths: dict[str, dict[str, Any]] = self.get_openapi_schema()["paths"]
        return paths

    def get_openapi_schema(self, **how: Any) -> Any:  # noqa: ANN401 - ninja's types
        """The OpenAPI document."""
        return described(super().get_openapi_schema(**how))


api = Api(
    title="Exhibit",
    version="1",
    description=WORDS,
    docs_url=None,
    auth=READ,
    urls_namespace="api",
)
tell_problems(api)
for router in (owners, works, watches, licences, cases, evidence, reports, told, log):
    api.add_router("", router.router)
