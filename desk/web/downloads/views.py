"""Downloads: the overview, bundles, captured files and papers."""

from functools import partial

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Value
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from desk.api.common.files import download
from desk.web.common.access import log_download, log_view
from desk.web.common.pages import ErrorMessages, member_page, page_of
from evidence.documents.papers.rendering import PAPERS
from exhibit.digests import Digest
from registry import scoped
from registry.bundles.bundles import assemble, bundle_name, write_to_temporary_file
from registry.bundles.draft_documents import (
    draft_document_name,
    render_draft_document,
    sign_exhibit_sheet,
    signed_sheet_name,
)
from registry.cases.picture_usage import is_hidden
from registry.log.audit_log import Evidence
from registry.models import Owner
from workers import wiring

LISTED = 10
"""Rows per list on a page that lists both packages and reports."""


@member_page("web/downloads.html")
def downloads(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show packages and reports."""
    packed = scoped.packages(owner).annotate(
        cases=Count("bundles"), parties=ArrayAgg("bundles__case__party", distinct=True, default=Value([]))
    )
    packages = page_of(request, packed, "packages", LISTED)
    return {
        "packages": packages,
        "listed": [(package, sum(file["size"] for file in package.files)) for package in packages],
        "reports": page_of(request, scoped.reports(owner), "reports", LISTED),
    }


@member_page()
def capture_file(request: HttpRequest, owner: Owner, number: int, capture: int, name: str) -> HttpResponseBase:
    """Send a file of a visit. Screenshots are displayed; everything else is sent only as a download."""
    row = scoped.case(owner, number).captures.select_related("sighting__picture").filter(pk=capture).first()
    file = next((file for file in row.kept if file["name"] == name), None) if row else None
    if row is None or file is None or is_hidden(owner, row):
        raise Http404
    digest = Digest.from_hex(file["digest"])
    if digest not in wiring.services().blobs:
        raise Http404
    is_screenshot = file["role"] in {"screenshot", "screenshot-boxed"} and file["media_type"] == "image/png"
    if is_screenshot:
        log_view(request, owner, number)
    else:
        log_download(request, Evidence.CAPTURE, owner, case=number, file=name)
    stream = wiring.services().blobs.open(digest)
    media_type = file["media_type"] if is_screenshot else "application/octet-stream"
    return FileResponse(stream, as_attachment=not is_screenshot, filename=name, content_type=media_type)


@member_page()
def draft_document(request: HttpRequest, owner: Owner, number: int, paper: str) -> HttpResponseBase:
    """Send a draft paper about a case's newest bundle."""
    if paper not in PAPERS:
        raise Http404
    row = scoped.bundle(owner, number)
    if row.seal_digest is None:
        raise Http404
    with ErrorMessages(request):
        data = render_draft_document(wiring.services(), row, paper)
        log_download(request, Evidence.DRAFT_DOCUMENT, owner, bundle=row.number, case=number, paper=paper)
        return download(data, draft_document_name(row, paper), "application/pdf")
    return redirect("case", slug=owner.slug, number=number)


@member_page()
def signed(request: HttpRequest, owner: Owner, case: int, number: int) -> HttpResponseBase:
    """Send the exhibit sheet of a bundle as a signed PDF."""
    row = scoped.bundle(owner, case, number)
    if row.seal_digest is None:
        raise Http404
    with ErrorMessages(request):
        data = sign_exhibit_sheet(wiring.services(), row)
        log_download(request, Evidence.SHEET, owner, bundle=number, case=case)
        return download(data, signed_sheet_name(row), "application/pdf")
    return redirect("case", slug=owner.slug, number=case)


@member_page()
def bundle(request: HttpRequest, owner: Owner, case: int, number: int) -> HttpResponseBase:
    """Send a bundle with its current receipts."""
    row = scoped.bundle(owner, case, number)
    file = write_to_temporary_file(partial(assemble, wiring.services(), row))
    log_download(request, Evidence.BUNDLE, owner, bundle=number, case=case, seal=str(row.seal_digest))
    return download(file, bundle_name(row), "application/zip")
