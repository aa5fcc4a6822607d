"""C2PA Soft Binding Resolution API: find the manifests of public works for copies that lost their credentials."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from http import HTTPStatus

from allauth.decorators import rate_limit
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from desk.access_classes import MAX_ANONYMOUS_BYTES
from desk.api.common.limits import limit_public_searches
from desk.api.common.problems import Problem
from desk.texts.sentences import in_words
from desk.web.common.pages import FORM
from evidence.keys.credentials import SOFT_BINDING
from exhibit.errors import ExhibitError, InvalidRequestError, NotFoundError, RefusedError
from exhibit.pictures.iscc import compute_iscc, read_binding
from exhibit.types import Untyped
from registry.works.signed_copies import find_manifests, load_manifest_store
from workers import wiring

MAX_RESULTS, DEFAULT_RESULTS = 50, 10  # Maximum and default number of manifests in a response.
MAX_PIXELS, MAX_SECONDS = 25_000_000, 3.0
"""Limits for images from anonymous callers."""
HEADERS = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
View = Callable[..., HttpResponse]


def _limit_rate(action: str) -> Callable[[View], View]:
    """Return a decorator that rate-limits requests by IP address and reports exceeded limits in JSON."""

    def decorator(view: View) -> View:
        limited_view: View = rate_limit(action=action, limit_get=True)(view)

        @wraps(view)
        def wrapper(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
            response = limited_view(request, *args, **kwargs)
            if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                return response
            error_response = _build_error_response(
                InvalidRequestError("Too many requests. Try again in a minute."), HTTPStatus.TOO_MANY_REQUESTS
            )
            error_response["Retry-After"] = "60"
            return error_response

        return wrapper

    return decorator


@require_safe
def algorithms(_request: HttpRequest) -> JsonResponse:
    """List the supported soft binding algorithms."""
    return JsonResponse({"watermarks": [], "fingerprints": [{"alg": SOFT_BINDING}]}, headers=HEADERS)


@require_http_methods(FORM)
@csrf_exempt
@_limit_rate("link")
def find_by_binding(request: HttpRequest) -> JsonResponse:
    """Return the IDs of the manifests that match the value of a soft binding."""
    try:
        parameters = request.GET if request.method != "POST" else _parse_body(request)
        return _find_matches(request, str(parameters.get("alg", "")), str(parameters.get("value", "")))
    except InvalidRequestError as error:
        return _build_error_response(error, 400)


@require_POST
@csrf_exempt
@_limit_rate("content")
def find_by_content(request: HttpRequest) -> JsonResponse:
    """Return the IDs of the manifests that match an uploaded picture. The picture is not stored."""
    services = wiring.services()
    limits = replace(services.limits, max_bytes=MAX_ANONYMOUS_BYTES, max_pixels=MAX_PIXELS, seconds=MAX_SECONDS)
    try:
        with limit_public_searches():
            iscc = compute_iscc(request.read(MAX_ANONYMOUS_BYTES + 1), limits)
        value = b64encode(iscc.binding).decode()
        return _find_matches(request, request.GET.get("alg", SOFT_BINDING), value)
    except RefusedError as refused_error:
        return _build_error_response(refused_error, 415)
    except InvalidRequestError as usage_error:
        return _build_error_response(usage_error, 400)
    except Problem as busy_error:
        return _build_error_response(busy_error, busy_error.status)


@require_safe
@_limit_rate("link")
def manifest(request: HttpRequest, name: str) -> HttpResponse:
    """Return a manifest store exactly as it was signed."""
    if request.GET.get("returnActiveManifest", "false").lower() == "true":
        return _build_error_response(InvalidRequestError("Only complete manifest stores are available."), 400)
    if not name.isprintable() or (store := load_manifest_store(name)) is None:
        return _build_error_response(NotFoundError("There is no manifest with this ID."), 404)
    return HttpResponse(store, content_type="application/c2pa", headers=HEADERS)


def _parse_body(request: HttpRequest) -> dict[str, Untyped]:
    try:
        body = json.loads(request.read(MAX_ANONYMOUS_BYTES))
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InvalidRequestError("The request body is not a JSON object with alg and value.")
    return body


def _find_matches(request: HttpRequest, algorithm: str, value: str) -> JsonResponse:
    if algorithm != SOFT_BINDING:
        raise InvalidRequestError(f"Only the algorithm {SOFT_BINDING} is supported.")
    limit = request.GET.get("maxResults", str(DEFAULT_RESULTS))
    if not limit.isascii() or not limit.isdecimal() or not int(limit[:4]) >= 1:
        raise InvalidRequestError("maxResults must be a number, at least 1.")
    results = find_manifests(read_binding(value), min(int(limit[:4]), MAX_RESULTS))
    match_data = [{"manifestId": result.manifest, "similarityScore": result.score} for result in results]
    return JsonResponse({"matches": match_data}, headers=HEADERS)


def _build_error_response(error: ExhibitError | Problem, status: int) -> JsonResponse:
    problem = {"title": in_words(error), "status": status}
    return JsonResponse(problem, status=status, content_type="application/problem+json", headers=HEADERS)
