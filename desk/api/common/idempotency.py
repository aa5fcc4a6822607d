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
AGAIN = "Idempotency-Replayed"
_KEY = re.compile(r"[!-~]{1,200}")

PARAMETER: dict[str, Any] = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "example": "report-2026-11",
    "description": "A unique value for this request. If the request is repeated with it, it is not executed again, and "
    f"the same response is returned with the header {AGAIN}.",
}


View = TypeVar("View", bound=Callable[..., Any])


def once(view: View) -> View:
    """A view that does its work once for each key: work and answer are kept together, in one transaction.

    Stands below the decorator of the operation, whose document names the header then.
    """
    usual = HTTPStatus.OK

    def contribute(operation: Operation) -> None:
        nonlocal usual
        usual = next(iter(operation.response_models))
        operation.openapi_extra = {**(operation.openapi_extra or {}), "parameters": [PARAMETER]}

    @wraps(view)
    def answered(request: Call, **given: object) -> object:
        key = request.headers.get(HEADER)
        if key is None:
            return view(request, **given)
        if not _KEY.fullmatch(key):
            raise Problem(HTTPStatus.BAD_REQUEST, f"{HEADER} must contain 1 to 200 visible ASCII characters.")
        request_digest = digest_of(request)
        with transaction.atomic():
            try:
                stored = idempotency.start_request(request.auth.ident, key, request_digest)
            except idempotency.RequestInProgressError as error:
                sentence = "A request with this idempotency key is in progress. Try again in a second."
                raise Problem(HTTPStatus.CONFLICT, sentence, {"Retry-After": "1"}) from error
            if stored is None:
                answer = view(request, **given)
                status, content = (answer.status_code, answer.value) if isinstance(answer, Status) else (usual, answer)
                text = Renderer().render(request, content, response_status=status)
                idempotency.store_response(request.auth.ident, key, status, text)
                return HttpResponse(text, status=status, content_type=JSON)
        if stored.request != request_digest:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, "This idempotency key was used for a different request. Use a new key."
            )
        return HttpResponse(stored.body, status=stored.status, content_type=JSON, headers={AGAIN: "true"})

    contribute_operation_callback(answered, contribute)
    return cast("View", answered)


def digest_of(request: Call) -> Digest:
    """What tells a request from others: method, address and body, with the bytes of its files."""
    hasher = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if request.content_type == "multipart/form-data":  # what it says of itself differs each time
        for name in sorted(request.POST):
            hasher.update(repr((name, request.POST.getlist(name))).encode())
        for name in sorted(request.FILES):
            for file in request.FILES.getlist(name):
                inner = hashlib.sha256()
                for piece in file.chunks():
                    inner.update(piece)
                file.seek(0)
                hasher.update(repr((name, file.name, inner.hexdigest())).encode())
    else:
        hasher.update(request.body)
    return Digest(hasher.digest())
