"""Limits on request size and on uploads by strangers, checked before the body is parsed."""

from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from desk.access_classes import MAX_ANONYMOUS, access_class_of
from desk.web.middleware import GetResponse, middleware

UPLOAD_PATHS = {"/id/", "/api/v1/id"}
"""Paths to which anybody may upload an image."""


@middleware
def request_limit(request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    """Reject requests that are too large or too frequent, with an explanation."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    size = int(length) if length.isdecimal() else 0
    door = access_class_of(request.path)
    if size > MAX_ANONYMOUS and size > (max_size := door.max_bytes(request)):
        return render(request, "413.html", {"most": max_size, "size": size}, status=413)
    rate_action = "asked" if request.path in UPLOAD_PATHS else door.action_of_large if size > MAX_ANONYMOUS else ""
    if request.method == "POST" and rate_action and not ratelimit.consume(request, action=rate_action):
        refusal: HttpResponseBase = ratelimit.respond_429(request)
        refusal.headers["Retry-After"] = "60"
        return refusal
    return get_response(request)
