"""Addresses below an owner that somebody has cut short lead to the nearest page above, and not to *not found*."""

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import Resolver404, URLPattern, path, resolve

from desk.web.common.pages import member_page
from registry.models import Owner

_OWNER = "o/<slug:slug>/"
_LISTS = {"party": "parties", "invitations": "members", "pictures": "works", "links": "downloads"}
"""Pages that hold what has no page above it, by the first part of its address; the cases for all else."""


def cut_short(pages: Iterable[URLPattern]) -> list[URLPattern]:
    """Every address that begins one of an owner's pages and is none itself."""
    known = {str(page.pattern) for page in pages}
    cut = {above for route in known if route.startswith(_OWNER) for above in _above(route)} - known
    return [path(route, nearest_page) for route in sorted(cut)]


@member_page()
def nearest_page(request: HttpRequest, owner: Owner, /, **_parts: object) -> HttpResponse:
    """The way to the page that the fewest parts less lead to; the cases are an owner's first page."""
    parts = request.path.strip("/").split("/")
    for count in range(len(parts) - 1, 2, -1):
        above = f"/{'/'.join(parts[:count])}/"
        try:
            found = resolve(above)
        except Resolver404:
            continue
        if found.url_name is not None:
            return redirect(above)
    return redirect(_LISTS.get("".join(parts[2:3]), "cases"), slug=owner.slug)


def _above(route: str) -> list[str]:
    parts = route.rstrip("/").split("/")
    return [f"{'/'.join(parts[:count])}/" for count in range(2, len(parts))]
