"""Download links for outsiders: their page, and their management by members."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from allauth.decorators import rate_limit
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from desk.api.common.files import pdf_answer, zip_answer
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, parse_number
from desk.web.common.pages import FORM, ErrorMessages, decider_post, member_page, page_of, show
from desk.web.middleware.requests import absolute_url
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from registry import scoped
from registry.bundles import links as outside_links, packages as packing
from registry.models import DownloadLink, Owner, Package, Report
from workers import wiring

P = ParamSpec("P")


def _link_view(
    view: Callable[Concatenate[HttpRequest, DownloadLink, P], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Decorate a view for holders of a link. Invalid links get the same response whatever the reason.

    Requests are rate-limited by address, like sign-ins.
    """

    @wraps(view)
    def checked(request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        answer: HttpResponseBase
        if (link := outside_links.find_by_token(token)) is None:
            answer = render(request, "web/link-gone.html", status=404)
        else:
            answer = view(request, link, *args, **kwargs)
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["X-Robots-Tag"] = "noindex, nofollow"
        return answer

    limited: Callable[..., HttpResponseBase] = rate_limit(action="link", limit_get=True)(checked)
    return limited


@require_safe
@_link_view
def link_page(request: HttpRequest, link: DownloadLink) -> HttpResponse:
    """Show a link's sender, files, sizes and expiry."""
    return _page(request, link)


def _page(request: HttpRequest, link: DownloadLink, error: str = "") -> HttpResponse:
    values = {"link": link, "token": _token(request), "files": _files(link), "error": error}
    return render(request, "web/link.html", values, status=403 if error else 200)


def _token(request: HttpRequest) -> str:
    return request.resolver_match.kwargs["token"] if request.resolver_match else ""


def _files(link: DownloadLink) -> list[tuple[str, int]]:
    """Return the name and size in bytes of each file of a link."""
    if link.package is not None:
        if not link.package.files:
            return []
        pdfs = [(file["name"], file["size"]) for file in packing.reading_copies(link.package)]
        return [(packing.package_name(link.package), packing.package_size(wiring.services(), link.package)), *pdfs]
    assert link.report is not None
    return [(file["name"], file["size"]) for file in link.report.files]


@require_http_methods(FORM)
@_link_view
def link_file(request: HttpRequest, link: DownloadLink, name: str) -> HttpResponseBase:
    """Send a file of a link. A password is submitted with the form on the link's page."""
    if name not in [file_name for file_name, _size in _files(link)]:
        return render(request, "web/link-gone.html", status=404)
    if link.password and request.method != "POST":
        return redirect("link", token=_token(request))
    try:
        outside_links.check_link_password(link, request.POST.get("password", ""))
        answer = HttpResponse() if request.method == "HEAD" else _file(link, name)
    except ExhibitError as error:
        return _page(request, link, in_words(error))
    if request.method != "HEAD":
        outside_links.record_download(link, name)
    return answer


def _file(link: DownloadLink, name: str) -> HttpResponseBase:
    if link.package is not None:
        return (
            zip_answer(link.package) if name == packing.package_name(link.package) else pdf_answer(link.package, name)
        )
    assert link.report is not None
    file = next(file for file in link.report.files if file["name"] == name)
    stream = wiring.services().blobs.open(Digest.from_hex(file["digest"]))
    return FileResponse(stream, as_attachment=True, filename=name, content_type=file["media_type"])


@member_page("web/links.html")
def links(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the owner's links with their expiry and number of uses."""
    page = page_of(request, outside_links.links_of(owner))
    return {"page": page, "now": now()}


@decider_post()
def link_package(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Create a link to a package."""
    return _create_link(request, owner, scoped.package(owner, number), reverse("package", args=[owner.slug, number]))


@decider_post()
def link_report(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Create a link to a report."""
    return _create_link(request, owner, scoped.report(owner, number), reverse("downloads", args=[owner.slug]))


def _create_link(request: HttpRequest, owner: Owner, to: Package | Report, back: str) -> HttpResponse:
    """Create a link and show it once, because only its digest is stored."""
    note, password = clean_text(request.POST.get("note", ""))[:200], request.POST.get("password", "")[:200]
    days, by = parse_number(request.POST.get("days")) or 0, request.user.get_username()
    with ErrorMessages(request):
        link, token = outside_links.make_link(owner, to, days=days, by=by, note=note, password=password)
        address = absolute_url(request, reverse("link", args=[token]))
        answer = show(request, owner, "web/link-made.html", {"link": link, "address": address, "back": back})
        answer.headers["Cache-Control"] = "no-store"
        return answer
    return redirect(back)


@decider_post(back="links")
def revoke_link(request: HttpRequest, owner: Owner, number: int) -> str:
    """Revoke a link."""
    outside_links.revoke_link(owner, number, by=request.user.get_username())
    return _("This download link is no longer valid.")
