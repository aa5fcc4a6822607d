"""Idempotency keys: a repeated request with the same key returns the first response and does nothing."""

import hashlib
import re
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar, cast

from django.db import transaction
from django.http import HttpResponse
from ninja import Status
from ninja.operation import Operation
from ninja.utils import contribute_operation_callback

from desk.api.common.auth import Call
from desk.api.common.openapi import JSON
from desk.api.common.problems import Problem
from desk.api.common.rendering import Renderer
from exhibit.digests import Digest
from registry.db import idempotency

HEADER = "Idempotency-Key"
REPLAY_HEADER = "Idempotency-Replayed"
_KEY_PATTERN = re.compile(r"[!-~]{1,200}")

PARAMETER: dict[str, Any] = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "example": "report-2026-11",
    "description": "A unique value for this request. If a request is repeated with the same value, it is not executed "
    f"again: the first response is returned, with the header {REPLAY_HEADER}.",
}


View = TypeVar("View", bound=Callable[..., Any])


def make_idempotent(view: View) -> View:
    """Decorate a view so that it runs once for each idempotency key.

    The changes and the response are stored in one transaction. Apply this decorator below that of the operation, so
    that the OpenAPI document lists the header.
    """
    default_status = HTTPStatus.OK

    def contribute(operation: Operation) -> None:
        nonlocal default_status
        default_status = next(iter(operation.response_models))
        operation.openapi_extra = {**(operation.openapi_extra or {}), "parameters": [PARAMETER]}

    @wraps(view)
    def replay_or_run(request: Call, **arguments: object) -> object:
        key = request.headers.get(HEADER)
        if key is None:
            return view(request, **arguments)
        if not _KEY_PATTERN.fullmatch(key):
            raise Problem(HTTPStatus.BAD_REQUEST, f"{HEADER} must contain 1 to 200 visible ASCII characters.")
        request_digest = compute_request_digest(request)
        with transaction.atomic():
            try:
                stored_response = idempotency.start_request(request.auth.caller_id, key, request_digest)
            except idempotency.RequestInProgressError as error:
                sentence = "A request with this idempotency key is in progress. Try again in one second."
                raise Problem(HTTPStatus.CONFLICT, sentence, {"Retry-After": "1"}) from error
            if stored_response is None:
                result = view(request, **arguments)
                status, content = (
                    (result.status_code, result.value) if isinstance(result, Status) else (default_status, result)
                )
                text = Renderer().render(request, content, response_status=status)
                idempotency.store_response(request.auth.caller_id, key, status, text)
                return HttpResponse(text, status=status, content_type=JSON)
        if stored_response.request != request_digest:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, "This idempotency key was used for a different request. Use a new key."
            )
        return HttpResponse(
            stored_response.body, status=stored_response.status, content_type=JSON, headers={REPLAY_HEADER: "true"}
        )

    contribute_operation_callback(replay_or_run, contribute)
    return cast("View", replay_or_run)


def compute_request_digest(request: Call) -> Digest:
    """Return the SHA-256 digest of a request's method, URL and body, including the bytes of its files."""
    hasher = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if request.content_type == "multipart/form-data":  # The raw body differs each time, because the boundary is random.
        for name in sorted(request.POST):
            hasher.update(repr((name, request.POST.getlist(name))).encode())
        for name in sorted(request.FILES):
            for file in request.FILES.getlist(name):
                file_hasher = hashlib.sha256()
                for chunk in file.chunks():
                    file_hasher.update(chunk)
                file.seek(0)
                hasher.update(repr((name, file.name, file_hasher.hexdigest())).encode())
    else:
        hasher.update(request.body)
    return Digest(hasher.digest())
