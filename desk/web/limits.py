"""How large a request may be: asked before anything of it is read."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

MOST_REQUEST = 128 * 1024 * 1024
"""Bytes of a request, its files included."""


def request_limit(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware that refuses what is larger, with a sentence."""

    def answered(request: HttpRequest) -> HttpResponseBase:
        try:
            size = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            size = 0
        if size > MOST_REQUEST:
            sentence = _("That is too much at once. Send fewer files at a time.")
            return HttpResponse(sentence, status=413, content_type="text/plain; charset=utf-8")
        return answer(request)

    return answered
