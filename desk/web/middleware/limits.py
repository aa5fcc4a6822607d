"""Limits on request size and on uploads by strangers, checked before the body is parsed."""

from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from desk.doors import MAX_OF_NOBODY, door_of
from desk.web.middleware import Answer, middleware

BROUGHT = {"/id/", "/api/v1/id"}
"""Paths to which anybody may upload an image."""


@middleware
def request_limit(request: HttpRequest, answer: Answer) -> HttpResponseBase:
    """Reject requests that are too large or too frequent, with an explanation."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    size = int(length) if length.isdecimal() else 0
    door = door_of(request.path)
    if size > MAX_OF_NOBODY and size > (most := door.most(request)):
        return render(request, "413.html", {"most": most, "size": size}, status=413)
    counted = "asked" if request.path in BROUGHT else door.action_of_large if size > MAX_OF_NOBODY else ""
    if request.method == "POST" and counted and not ratelimit.consume(request, action=counted):
        refusal: HttpResponseBase = ratelimit.respond_429(request)
        refusal.headers["Retry-After"] = "60"
        return refusal
    return answer(request)
