"""Pages are compressed on their way.

Compression can tell an attacker who measures lengths what a page says beside words of the attacker's own (BREACH).
That needs very many pages made with the victim's session, each with the same secret in it. Here the tokens against
forged requests are masked anew in each page, lengths vary by up to a hundred random bytes (both by Django), another
site can't have a page made with somebody's session, save by opening it as a whole (the cookie is SameSite=Lax), and
secrets that are shown once come in reply to a form, which no other site can send.
"""

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware

COMPRESSED = frozenset({"text/html", "application/json", "application/problem+json", "application/atom+xml"})
"""Media types of pages, of the API's answers and of the feed; files are sent as they are."""


class Compression(GZipMiddleware):
    """Middleware that compresses pages for browsers that take it."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The answer, compressed where it is a page."""
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if response.streaming or kind not in COMPRESSED:
            return response
        compressed: HttpResponseBase = super().process_response(request, response)
        return compressed
