"""Problem documents (RFC 9457) for all errors of the API."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import DisallowedHost, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from desk.schemas.requests import PATTERN_MESSAGES
from exhibit.errors import (
    ConflictError,
    ExhibitError,
    InvalidRequestError,
    NotFoundError,
    RefusedError,
    ServiceMissingError,
)
from exhibit.types import Json

MEDIA_TYPE = "application/problem+json"
API_ROOT = "/api/"
RETRY_SECONDS = "5"

_DETAILS: dict[int, str] = {
    HTTPStatus.BAD_REQUEST: "The request is malformed. Use an HTTP library to create it, including its headers.",
    HTTPStatus.NOT_FOUND: "There is no resource at this URL.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This URL does not support the HTTP method. The header Allow lists the supported "
    "methods.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is too large. Split it into several requests.",
    HTTPStatus.TOO_MANY_REQUESTS: "Your IP address has sent too many requests. Try again in a few minutes.",
    HTTPStatus.SERVICE_UNAVAILABLE: "A required service does not respond. Try again later.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "An internal error occurred. Contact the operator if it happens again.",
}
_MALFORMED_FORM = (
    "The form is malformed: the boundary in its Content-Type is missing or wrong, or a part is damaged. "
    "Use an HTTP library to create the form and its Content-Type."
)
_DISALLOWED_HOST = (
    "The host name in this request is not allowed. Use the installation's public URL, or ask the operator to add the "
    "host name to `allowed_hosts`."
)
_REFUSAL_STATUSES = {
    "disk": HTTPStatus.INSUFFICIENT_STORAGE,
    **dict.fromkeys(("agreement", "partner", "visits"), HTTPStatus.FORBIDDEN),
}


_EXPECTATIONS = {
    "extra_forbidden": "This field is not supported.",
    **dict.fromkeys(("date_parsing", "date_from_datetime_parsing", "date_type"), "Enter a date such as 2026-01-31."),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "Enter a whole number."),
    **dict.fromkeys(("bool_parsing", "bool_type"), "Enter true or false."),
}
"""Descriptions by pydantic's type of error."""


class Problem(Exception):  # noqa: N818 - the name of the standard
    """An error of the API. ``extra_members`` are additional members of the problem document."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None, **extra_members: Json) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.extra_members = status, detail, headers or {}, extra_members

    @property
    def sentence(self) -> str:
        """Message for pages, in the reader's language."""
        return self.detail


def build_problem_response(
    status: int, detail: str = "", headers: dict[str, str] | None = None, **extra_members: Json
) -> HttpResponse:
    """Return a response with a problem document."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    document |= {"detail": detail or _DETAILS.get(status, "")}
    document |= {name: value for name, value in extra_members.items() if value}
    text = json.dumps(document, ensure_ascii=False)
    return HttpResponse(text, status=status, content_type=MEDIA_TYPE, headers=headers)


def build_unauthorized_problem(detail: str) -> Problem:
    """Return the problem for a missing or invalid token or session."""
    return Problem(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": 'Bearer realm="exhibit"'})


def get_error_status(error: ExhibitError) -> int:
    """Return the HTTP status of an error."""
    kinds: tuple[tuple[type[ExhibitError], int], ...] = (
        (NotFoundError, HTTPStatus.NOT_FOUND),
        (ConflictError, HTTPStatus.CONFLICT),
        (InvalidRequestError, HTTPStatus.UNPROCESSABLE_ENTITY),
        (RefusedError, HTTPStatus.UNPROCESSABLE_ENTITY),
        (ServiceMissingError, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    if isinstance(error, RefusedError) and error.reason in _REFUSAL_STATUSES:
        return _REFUSAL_STATUSES[error.reason]
    return next((status for kind, status in kinds if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def register_problem_handlers(api: NinjaAPI) -> None:
    """Register the handlers that return errors as problem documents."""
    size_errors = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)
    handlers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        Problem: lambda _, e: build_problem_response(e.status, e.detail, e.headers, **e.extra_members),
        ExhibitError: _handle_exhibit_error,
        ValidationError: _handle_validation_error,
        Http404: lambda _, _e: build_problem_response(HTTPStatus.NOT_FOUND),
        MultiPartParserError: lambda _, _e: build_problem_response(HTTPStatus.BAD_REQUEST, _MALFORMED_FORM),
        AuthenticationError: lambda _, _e: build_problem_response(HTTPStatus.UNAUTHORIZED),
        HttpError: lambda _, e: build_problem_response(e.status_code, str(e)),
        **dict.fromkeys(size_errors, lambda _, _e: build_problem_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)),
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def as_problems(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Convert errors raised outside the API, such as unknown URLs, to problem documents (Django middleware)."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not request.path.startswith(API_ROOT):
            return response
        if response.status_code >= HTTPStatus.BAD_REQUEST and response.headers.get("Content-Type") != MEDIA_TYPE:
            headers = {name: response.headers[name] for name in ("Allow", "Retry-After") if name in response.headers}
            detail = _DISALLOWED_HOST if _has_disallowed_host(request) else ""
            response = build_problem_response(response.status_code, detail, headers=headers)
        response.headers.setdefault("Cache-Control", "no-store")
        for name, value in getattr(request, "api_headers", {}).items():
            response.headers.setdefault(name, value)
        return response

    return middleware


def _has_disallowed_host(request: HttpRequest) -> bool:
    try:
        request.get_host()
    except DisallowedHost:
        return True
    return False


def _handle_exhibit_error(_: HttpRequest, error: ExhibitError) -> HttpResponse:
    status = get_error_status(error)
    headers = {"Retry-After": RETRY_SECONDS} if error.retry else {}
    reason = error.reason if isinstance(error, RefusedError) else ""
    return build_problem_response(status, error.message, headers, hint=error.hint, reason=reason)


def _handle_validation_error(_: HttpRequest, error: ValidationError) -> HttpResponse:
    """Return the location and the expected value of each invalid part. The response does not repeat the values."""
    errors = [
        {"where": "/".join(map(str, part["loc"])), "detail": _describe_expectation(part)} for part in error.errors
    ]
    return build_problem_response(
        HTTPStatus.BAD_REQUEST,
        "The request does not match the OpenAPI document. The invalid parts are listed in `errors`.",
        errors=errors,
    )


def _describe_expectation(error: Mapping[str, Any]) -> str:
    """Describe the expected value in plain language; pydantic's message if there is no description."""
    if error["type"] == "string_pattern_mismatch":
        pattern = error["ctx"]["pattern"]
        return PATTERN_MESSAGES.get(pattern, f"Enter text that matches the regular expression {pattern}")
    return _EXPECTATIONS.get(error["type"], str(error["msg"]))
