"""Idempotency keys: a request that is sent again with its key gets the first answer again, and does nothing."""

import hashlib
import re
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, cast

from django.db import transaction
from django.http import HttpResponse
from ninja.operation import Operation
from ninja.utils import contribute_operation_callback

from desk.api.common.auth import Call
from desk.api.common.problems import Problem
from exhibit.digests import Digest
from registry.db import idempotency

HEADER = "Idempotency-Key"
AGAIN = "Idempotency-Replayed"
_KEY = re.compile(r"[!-~]{1,200}")

_PARAMETER: dict[str, Any] = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "example": "report-2026-11",
    "description": "A text of your own for this request. Sent again with it, the request does nothing and gets "
    f"the same answer, with the header {AGAIN}.",
}

P = ParamSpec("P")
View = Callable[Concatenate[Call, P], HttpResponse]


def once(view: View[P]) -> View[P]:
    """A view whose deed and answer are kept together, in one transaction, when the request brings a key."""

    @wraps(view)
    def answered(request: Call, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        key = request.headers.get(HEADER)
        if key is None:
            return view(request, *args, **kwargs)
        if not _KEY.fullmatch(key):
            raise Problem(HTTPStatus.BAD_REQUEST, f"{HEADER} takes 1 to 200 visible ASCII characters.")
        asked = digest_of(request)
        with transaction.atomic():
            try:
                kept = idempotency.begin(request.auth.ident, key, asked)
            except idempotency.UnderWayError as error:
                sentence = "A request with this key is being answered at this moment."
                raise Problem(HTTPStatus.CONFLICT, sentence, {"Retry-After": "1"}) from error
            if kept is None:
                answer = view(request, *args, **kwargs)
                idempotency.keep(request.auth.ident, key, answer.status_code, answer.content.decode())
                return answer
        if kept.request != asked:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "This key was used for another request. Use a new one.")
        return HttpResponse(kept.body, status=kept.status, content_type="application/json", headers={AGAIN: "true"})

    contribute_operation_callback(answered, _described)
    return cast("View[P]", answered)


def _described(operation: Operation) -> None:
    operation.openapi_extra = {**(operation.openapi_extra or {}), "parameters": [_PARAMETER]}


def digest_of(request: Call) -> Digest:
    """What tells a request from others: method, address and body, with the bytes of its files."""
    told = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if request.content_type == "multipart/form-data":  # what it says of itself differs each time
        for name in sorted(request.POST):
            told.update(repr((name, request.POST.getlist(name))).encode())
        for name in sorted(request.FILES):
            for file in request.FILES.getlist(name):
                inner = hashlib.sha256()
                for piece in file.chunks():
                    inner.update(piece)
                file.seek(0)
                told.update(repr((name, file.name, inner.hexdigest())).encode())
    else:
        told.update(request.body)
    return Digest(told.digest())
