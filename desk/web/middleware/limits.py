"""How large a request may be, and how often strangers bring pictures: asked before anything is read."""

from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from desk.web.middleware import Answer, middleware
from registry.accounts import tokens
from registry.notices import replies
from workers.matching.brought import MAX_BROUGHT

MAX_REQUEST = 128 * 1024 * 1024
"""Bytes of a request, its files included."""
MAX_OF_NOBODY = 1024 * 1024
"""Bytes of a request of somebody who isn't signed in and shows no valid token."""

ANSWERS = "/n/"
"""Where the addressee of a notice answers it; what follows is the token of the letter."""
BROUGHT = {"/id/", "/api/v1/id"}
"""Addresses to which anybody may bring a picture."""


@middleware
def request_limit(request: HttpRequest, answer: Answer) -> HttpResponseBase:
    """Middleware that refuses what is larger, or brought too often from one address, with a sentence."""
    told = request.META.get("CONTENT_LENGTH") or "0"
    size = int(told) if told.isdecimal() else 0
    if size > MAX_OF_NOBODY and size > (most := _most(request)):
        return render(request, "413.html", {"most": most, "size": size}, status=413)
    counted = "asked" if request.path in BROUGHT else "reply-file" if _answers_at_length(request, size) else ""
    if request.method == "POST" and counted and not ratelimit.consume(request, action=counted):
        refusal: HttpResponseBase = ratelimit.respond_429(request)
        refusal.headers["Retry-After"] = "60"
        return refusal
    return answer(request)


def _most(request: HttpRequest) -> int:
    _kind, _, shown = request.headers.get("Authorization", "").partition(" ")
    known = request.user.is_authenticated or tokens.find(shown.strip()) is not None
    if known:
        return MAX_REQUEST
    if _answers_at_length(request, MAX_REQUEST) and replies.find(request.path.removeprefix(ANSWERS)) is not None:
        return MAX_OF_NOBODY + replies.MAX_FILE
    return MAX_OF_NOBODY + (MAX_BROUGHT if request.path in BROUGHT else 0)


def _answers_at_length(request: HttpRequest, size: int) -> bool:
    return size > MAX_OF_NOBODY and request.path.startswith(ANSWERS)
