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

from desk.schemas.requests import IN_WORDS
from exhibit.errors import ConflictError, ExhibitError, NotFoundError, RefusedError, ServiceMissingError, WrongUseError
from exhibit.types import Json

MEDIA_TYPE = "application/problem+json"
ROOT = "/api/"
RETRY_SECONDS = "5"

_DETAILS: dict[int, str] = {
    HTTPStatus.BAD_REQUEST: "The request is malformed. Use an HTTP library to create it, including its headers.",
    HTTPStatus.NOT_FOUND: "No resource exists at this URL.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This URL does not support the method. The header Allow lists the supported ones.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is too large. Split it into several requests.",
    HTTPStatus.TOO_MANY_REQUESTS: "Your IP address has sent too many requests. Try again in some minutes.",
    HTTPStatus.SERVICE_UNAVAILABLE: "A required service does not respond. Try again later.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "An internal error occurred. Contact the operator if it happens again.",
}
_BROKEN_FORM = (
    "The form is malformed: the boundary in its Content-Type is missing or wrong, or a part is damaged. "
    "Use an HTTP library to create the form and its Content-Type."
)
_NO_SUCH_HOST = (
    "The host in this request is not allowed. Use the site's public address, or have the operator add the host to "
    "`allowed_hosts`."
)
_REFUSED = {
    "disk": HTTPStatus.INSUFFICIENT_STORAGE,
    **dict.fromkeys(("agreement", "partner", "visits"), HTTPStatus.FORBIDDEN),
}


_EXPECTED = {
    "extra_forbidden": "Unknown field.",
    **dict.fromkeys(("date_parsing", "date_from_datetime_parsing", "date_type"), "Enter a date such as 2026-01-31."),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "Enter a whole number."),
    **dict.fromkeys(("bool_parsing", "bool_type"), "Enter true or false."),
}
"""By the kinds of errors that pydantic names."""


class Problem(Exception):  # noqa: N818 - the name of the standard
    """An error that the API states itself: ``more`` are further members of the document."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None, **more: Json) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, headers or {}, more

    @property
    def sentence(self) -> str:
        """What pages say of it, in the reader's language."""
        return self.detail


def problem(status: int, detail: str = "", headers: dict[str, str] | None = None, **more: Json) -> HttpResponse:
    """Return a response with a problem document."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    document |= {"detail": detail or _DETAILS.get(status, "")}
    document |= {name: value for name, value in more.items() if value}
    text = json.dumps(document, ensure_ascii=False)
    return HttpResponse(text, status=status, content_type=MEDIA_TYPE, headers=headers)


def unauthorized(detail: str) -> Problem:
    """Return the problem for a missing or invalid token or session."""
    return Problem(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": 'Bearer realm="exhibit"'})


def status_of(error: ExhibitError) -> int:
    """Return the HTTP status of an error."""
    kinds: tuple[tuple[type[ExhibitError], int], ...] = (
        (NotFoundError, HTTPStatus.NOT_FOUND),
        (ConflictError, HTTPStatus.CONFLICT),
        (WrongUseError, HTTPStatus.UNPROCESSABLE_ENTITY),
        (RefusedError, HTTPStatus.UNPROCESSABLE_ENTITY),
        (ServiceMissingError, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    if isinstance(error, RefusedError) and error.reason in _REFUSED:
        return _REFUSED[error.reason]
    return next((status for kind, status in kinds if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def tell_problems(api: NinjaAPI) -> None:
    """Register the handlers that return errors as problem documents."""
    too_much = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)
    handlers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        Problem: lambda _, e: problem(e.status, e.detail, e.headers, **e.more),
        ExhibitError: _known,
        ValidationError: _invalid,
        Http404: lambda _, _e: problem(HTTPStatus.NOT_FOUND),
        MultiPartParserError: lambda _, _e: problem(HTTPStatus.BAD_REQUEST, _BROKEN_FORM),
        AuthenticationError: lambda _, _e: problem(HTTPStatus.UNAUTHORIZED),
        HttpError: lambda _, e: problem(e.status_code, str(e)),
        **dict.fromkeys(too_much, lambda _, _e: problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)),
    }
    for kind, answer in handlers.items():
        api.add_exception_handler(kind, answer)


def as_problems(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware that returns errors from outside the API, such as unknown URLs, as problem documents too."""

    def answered(request: HttpRequest) -> HttpResponseBase:
        response = answer(request)
        if not request.path.startswith(ROOT):
            return response
        if response.status_code >= HTTPStatus.BAD_REQUEST and response.headers.get("Content-Type") != MEDIA_TYPE:
            headers = {name: response.headers[name] for name in ("Allow", "Retry-After") if name in response.headers}
            detail = _NO_SUCH_HOST if _names_no_host_of_ours(request) else ""
            response = problem(response.status_code, detail, headers=headers)
        response.headers.setdefault("Cache-Control", "no-store")
        for name, value in getattr(request, "api_headers", {}).items():
            response.headers.setdefault(name, value)
        return response

    return answered


def _names_no_host_of_ours(request: HttpRequest) -> bool:
    try:
        request.get_host()
    except DisallowedHost:
        return True
    return False


def _known(_: HttpRequest, error: ExhibitError) -> HttpResponse:
    status = status_of(error)
    headers = {"Retry-After": RETRY_SECONDS} if error.retry else {}
    reason = error.reason if isinstance(error, RefusedError) else ""
    return problem(status, error.message, headers, hint=error.hint, reason=reason)


def _invalid(_: HttpRequest, error: ValidationError) -> HttpResponse:
    """Return location and expectation of each invalid part. Values are not repeated."""
    errors = [{"where": "/".join(map(str, wrong["loc"])), "detail": _expected(wrong)} for wrong in error.errors]
    return problem(HTTPStatus.BAD_REQUEST, "The request does not match the OpenAPI document.", errors=errors)


def _expected(wrong: Mapping[str, Any]) -> str:
    """Return the expectation in plain words, or else pydantic's message."""
    if wrong["type"] == "string_pattern_mismatch":
        pattern = wrong["ctx"]["pattern"]
        return IN_WORDS.get(pattern, f"Enter text that matches the pattern {pattern}")
    return _EXPECTED.get(wrong["type"], str(wrong["msg"]))
