"""Download links for people without an account: the public page, and management by members."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from allauth.decorators import rate_limit
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from desk.api.common.files import build_pdf_response, build_zip_response
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, parse_number
from desk.web.common.pages import FORM, ErrorMessages, decider_post, get_page, member_page, render_page
from desk.web.middleware.requests import absolute_url
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from registry import scoped
from registry.bundles import links as registry_links, packages as registry_packages
from registry.models import DownloadLink, Owner, Package, Report
from workers import wiring

P = ParamSpec("P")


def _wrap_link_view(
    view: Callable[Concatenate[HttpRequest, DownloadLink, P], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Decorate a view for anyone with a download link. All invalid links get the same response.

    Requests are rate-limited by IP address, like sign-ins.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        response: HttpResponseBase
        if (link := registry_links.find_link_by_token(token)) is None:
            response = render(request, "web/link-gone.html", status=404)
        else:
            response = view(request, link, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response

    limited_view: Callable[..., HttpResponseBase] = rate_limit(action="link", limit_get=True)(wrapper)
    return limited_view


@require_safe
@_wrap_link_view
def link_page(request: HttpRequest, link: DownloadLink) -> HttpResponse:
    """Show a link's sender, files, sizes and expiry."""
    return _render_link_page(request, link)


def _render_link_page(request: HttpRequest, link: DownloadLink, error: str = "") -> HttpResponse:
    values = {"link": link, "token": _get_token(request), "files": _list_files(link), "error": error}
    return render(request, "web/link.html", values, status=403 if error else 200)


def _get_token(request: HttpRequest) -> str:
    return request.resolver_match.kwargs["token"] if request.resolver_match else ""


def _list_files(link: DownloadLink) -> list[tuple[str, int]]:
    """Return the name and size in bytes of each file of a link."""
    if link.package is not None:
        if not link.package.files:
            return []
        pdfs = [(file["name"], file["size"]) for file in registry_packages.list_printable_copies(link.package)]
        return [
            (
                registry_packages.get_package_file_name(link.package),
                registry_packages.compute_package_size(wiring.services(), link.package),
            ),
            *pdfs,
        ]
    assert link.report is not None
    return [(file["name"], file["size"]) for file in link.report.files]


@require_http_methods(FORM)
@_wrap_link_view
def link_file(request: HttpRequest, link: DownloadLink, name: str) -> HttpResponseBase:
    """Send a file of a link. If the link has a password, only the form on the link's page can request the file."""
    if name not in [file_name for file_name, _size in _list_files(link)]:
        return render(request, "web/link-gone.html", status=404)
    if link.password and request.method != "POST":
        return redirect("link", token=_get_token(request))
    try:
        registry_links.check_link_password(link, request.POST.get("password", ""))
        response = HttpResponse() if request.method == "HEAD" else _send_file(link, name)
    except ExhibitError as error:
        return _render_link_page(request, link, in_words(error))
    if request.method != "HEAD":
        registry_links.record_download(link, name)
    return response


def _send_file(link: DownloadLink, name: str) -> HttpResponseBase:
    if link.package is not None:
        return (
            build_zip_response(link.package)
            if name == registry_packages.get_package_file_name(link.package)
            else build_pdf_response(link.package, name)
        )
    assert link.report is not None
    file = next(file for file in link.report.files if file["name"] == name)
    stream = wiring.services().blobs.open(Digest.from_hex(file["digest"]))
    return FileResponse(stream, as_attachment=True, filename=name, content_type=file["media_type"])


@member_page("web/links.html")
def links(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the owner's download links with their expiry and number of uses."""
    page = get_page(request, registry_links.list_links(owner))
    return {"page": page, "now": now()}


@decider_post()
def link_package(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Create a download link to a package."""
    return _create_link(
        request, owner, scoped.get_package(owner, number), reverse("package", args=[owner.slug, number])
    )


@decider_post()
def link_report(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Create a download link to a report."""
    return _create_link(request, owner, scoped.get_report(owner, number), reverse("downloads", args=[owner.slug]))


def _create_link(request: HttpRequest, owner: Owner, target: Package | Report, back: str) -> HttpResponse:
    """Create a download link and show it once, because only its digest is stored."""
    note, password = clean_text(request.POST.get("note", ""))[:200], request.POST.get("password", "")[:200]
    days, by = parse_number(request.POST.get("days")) or 0, request.user.get_username()
    with ErrorMessages(request):
        link, token = registry_links.create_link(owner, target, days=days, by=by, note=note, password=password)
        url = absolute_url(request, reverse("link", args=[token]))
        response = render_page(request, owner, "web/link-made.html", {"link": link, "address": url, "back": back})
        response.headers["Cache-Control"] = "no-store"
        return response
    return redirect(back)


@decider_post(back="links")
def revoke_link(request: HttpRequest, owner: Owner, number: int) -> str:
    """Revoke a download link."""
    registry_links.revoke_link(owner, number, by=request.user.get_username())
    return _("This download link is no longer valid.")
