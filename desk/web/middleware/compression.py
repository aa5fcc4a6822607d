"""Compression of responses.

Compression can reveal a page's content next to attacker-supplied text to an attacker who measures lengths (BREACH).
This requires very many pages made with the victim's session, each with the same secret. Here, CSRF tokens are masked
anew for each page and lengths vary by up to a hundred random bytes (both by Django). Another site cannot have a page
made with somebody's session, except by opening it as a whole (the cookie is SameSite=Lax). Secrets shown once are
responses to forms, which no other site can submit.
"""

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware

COMPRESSED = frozenset({"text/html", "application/json", "application/problem+json", "application/atom+xml"})
"""Media types of pages, API responses and feeds. Files are sent uncompressed."""


class Compression(GZipMiddleware):
    """Middleware that compresses pages for browsers that support it."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Return the response, compressed if it is a page."""
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if response.streaming or kind not in COMPRESSED:
            return response
        compressed: HttpResponseBase = super().process_response(request, response)
        return compressed
