"""Redirects for shortened URLs of an owner: to the nearest parent page, instead of a 404 response."""

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import Resolver404, URLPattern, path, resolve

from desk.web.common.pages import member_page
from registry.models import Owner

_OWNER_PREFIX = "o/<slug:slug>/"
_FALLBACK_PAGES = {"party": "parties", "invitations": "members", "pictures": "works", "links": "downloads"}
"""Names of list pages for paths without a parent page, by the first part of the path. The default is the cases."""


def build_shortened_patterns(pages: Iterable[URLPattern]) -> list[URLPattern]:
    """Return patterns for those prefixes of an owner's URLs that are not pages themselves."""
    routes = {str(page.pattern) for page in pages}
    shortened_routes = {
        parent for route in routes if route.startswith(_OWNER_PREFIX) for parent in _list_parent_routes(route)
    } - routes
    return [path(route, redirect_to_nearest_page) for route in sorted(shortened_routes)]


@member_page()
def redirect_to_nearest_page(request: HttpRequest, owner: Owner, /, **_parts: object) -> HttpResponse:
    """Redirect to the nearest parent page; if there is none, to a list, by default the owner's cases."""
    parts = request.path.strip("/").split("/")
    for count in range(len(parts) - 1, 2, -1):
        parent = f"/{'/'.join(parts[:count])}/"
        try:
            match = resolve(parent)
        except Resolver404:
            continue
        if match.url_name is not None:
            return redirect(parent)
    return redirect(_FALLBACK_PAGES.get("".join(parts[2:3]), "cases"), slug=owner.slug)


def _list_parent_routes(route: str) -> list[str]:
    parts = route.rstrip("/").split("/")
    return [f"{'/'.join(parts[:count])}/" for count in range(2, len(parts))]
