"""Redirects for shortened URLs below an owner: they lead to the nearest page above instead of 404."""

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import Resolver404, URLPattern, path, resolve

from desk.web.common.pages import member_page
from registry.models import Owner

_OWNER = "o/<slug:slug>/"
_LISTS = {"party": "parties", "invitations": "members", "pictures": "works", "links": "downloads"}
"""Pages for paths without a page above, by the first part of the path. All others lead to the cases."""


def shortened_patterns(pages: Iterable[URLPattern]) -> list[URLPattern]:
    """Return patterns for every prefix of an owner's URLs that is not a page itself."""
    routes = {str(page.pattern) for page in pages}
    cut = {above for route in routes if route.startswith(_OWNER) for above in _above(route)} - routes
    return [path(route, nearest_page) for route in sorted(cut)]


@member_page()
def nearest_page(request: HttpRequest, owner: Owner, /, **_parts: object) -> HttpResponse:
    """Redirect to the nearest page above; an owner's first page is its cases."""
    parts = request.path.strip("/").split("/")
    for count in range(len(parts) - 1, 2, -1):
        above = f"/{'/'.join(parts[:count])}/"
        try:
            page_above = resolve(above)
        except Resolver404:
            continue
        if page_above.url_name is not None:
            return redirect(above)
    return redirect(_LISTS.get("".join(parts[2:3]), "cases"), slug=owner.slug)


def _above(route: str) -> list[str]:
    parts = route.rstrip("/").split("/")
    return [f"{'/'.join(parts[:count])}/" for count in range(2, len(parts))]
