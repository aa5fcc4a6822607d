"""Compression of responses.

Compression can reveal a secret in a page to an attacker who inserts text into the page and measures the length of the
response (BREACH). The attack needs very many responses with the victim's session and the same secret. It is not
practical here: Django masks CSRF tokens differently on each page and varies the length by up to a hundred random bytes.
The session cookie is SameSite=Lax, so other sites can use the victim's session only by opening a whole page. Pages
that show a secret once are responses to forms, which other sites cannot submit.
"""

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware

COMPRESSED_TYPES = frozenset({"text/html", "application/json", "application/problem+json", "application/atom+xml"})
"""Media types of pages, API responses and feeds. Files are sent uncompressed."""


class Compression(GZipMiddleware):
    """Middleware that compresses pages for browsers that support it."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress the response if its media type is in ``COMPRESSED_TYPES``."""
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        if response.streaming or media_type not in COMPRESSED_TYPES:
            return response
        compressed_response: HttpResponseBase = super().process_response(request, response)
        return compressed_response
