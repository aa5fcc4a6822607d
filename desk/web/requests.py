"""Every request has an id: in its log line, in those of whatever it causes, and in the answer's ``X-Request-ID``."""

import logging
import secrets
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from exhibit.logs import logged_as

_LOG = logging.getLogger("exhibit.request")


def traced(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware that gives a request its id and logs how it ended: by its route, without what is in the address."""

    def answered(request: HttpRequest) -> HttpResponseBase:
        request_id, begun = secrets.token_hex(8), time.monotonic()
        with logged_as(request_id=request_id):
            response = answer(request)
            route = "" if request.resolver_match is None else request.resolver_match.route
            milliseconds = round((time.monotonic() - begun) * 1000)
            told = {"method": request.method, "status": response.status_code, "milliseconds": milliseconds}
            _LOG.info("/%s", route, extra=told)
        response.headers["X-Request-ID"] = request_id
        return response

    return answered
