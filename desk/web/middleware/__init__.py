"""Middleware: language, limits, headers, assets, compression and failures. It contains no pages."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

Answer = Callable[[HttpRequest], HttpResponseBase]


def middleware(step: Callable[[HttpRequest, Answer], HttpResponseBase]) -> Callable[[Answer], Answer]:
    """Convert a function of a request and its handler into Django middleware."""
    return lambda answer: lambda request: step(request, answer)
