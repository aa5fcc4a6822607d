"""Middleware: language, limits, headers, assets, compression and failures. It contains no pages."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def middleware(step: Callable[[HttpRequest, GetResponse], HttpResponseBase]) -> Callable[[GetResponse], GetResponse]:
    """Convert a function of a request and its handler into Django middleware."""
    return lambda get_response: lambda request: step(request, get_response)
