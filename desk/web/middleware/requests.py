"""Request IDs and logging, input cleaning, and absolute URLs.

The ID appears in the log lines of the request and of the tasks that it starts, and in the ``X-Request-ID`` header.
"""

import logging
import secrets
import time

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from desk.web.middleware import GetResponse, middleware
from exhibit.logs import add_log_context
from exhibit.plain import remove_control_chars
from registry.services.addresses import build_absolute_url

_LOG = logging.getLogger("exhibit.request")


@middleware
def log_requests(request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    """Assign an ID to a request and log its result by route, without the values in the URL."""
    request_id, started_at = secrets.token_hex(8), time.monotonic()
    with add_log_context(request_id=request_id):
        response = get_response(request)
        route = "" if request.resolver_match is None else request.resolver_match.route
        milliseconds = round((time.monotonic() - started_at) * 1000)
        details = {"method": request.method, "status": response.status_code, "milliseconds": milliseconds}
        _LOG.info("/%s", route, extra=details)
    response.headers["X-Request-ID"] = request_id
    return response


@middleware
def clean_form_input(request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    """Remove control characters, which affect terminals, emails and tables, from all form input except passwords."""
    if request.method == "POST" and not request.path.startswith("/api/"):
        fields = request.POST.copy()
        for name, texts in fields.lists():
            if "password" not in name:
                fields.setlist(name, [remove_control_chars(str(text)) for text in texts])
        fields._mutable = False  # noqa: SLF001 - immutable, as Django creates it
        request.POST = fields  # type: ignore[assignment] # read-only in the stubs
    return get_response(request)


def absolute_url(request: HttpRequest, path: str) -> str:
    """Return the absolute URL of a page: below ``public_url`` if set, otherwise below the request's host."""
    return build_absolute_url(settings.CONFIG, path) if settings.CONFIG.public_url else request.build_absolute_uri(path)
