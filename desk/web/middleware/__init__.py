"""What happens to requests and answers: language, limits, headers, assets, compression, failures. No page is here."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

Answer = Callable[[HttpRequest], HttpResponseBase]


def middleware(step: Callable[[HttpRequest, Answer], HttpResponseBase]) -> Callable[[Answer], Answer]:
    """Middleware as Django takes it, of what is done with a request and with what answers it."""
    return lambda answer: lambda request: step(request, answer)
