"""Limits on request size and on anonymous uploads, checked before the body is parsed."""

from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from desk.access_classes import MAX_ANONYMOUS_BYTES, find_access_class
from desk.web.middleware import GetResponse, middleware

UPLOAD_PATHS = {"/id/", "/api/v1/id"}
"""Paths to which anyone may upload a picture."""


@middleware
def limit_requests(request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    """Reject requests that are too large (413) or too frequent (429), with an explanation."""
    length_text = request.META.get("CONTENT_LENGTH") or "0"
    size = int(length_text) if length_text.isdecimal() else 0
    access_class = find_access_class(request.path)
    if size > MAX_ANONYMOUS_BYTES and size > (max_size := access_class.get_max_bytes(request)):
        return render(request, "413.html", {"most": max_size, "size": size}, status=413)
    rate_action = (
        "lookup"
        if request.path in UPLOAD_PATHS
        else access_class.large_request_action
        if size > MAX_ANONYMOUS_BYTES
        else ""
    )
    if request.method == "POST" and rate_action and not ratelimit.consume(request, action=rate_action):
        refusal: HttpResponseBase = ratelimit.respond_429(request)
        refusal.headers["Retry-After"] = "60"
        return refusal
    return get_response(request)
