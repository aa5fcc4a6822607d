"""Downloads: the overview, bundles, captured files and draft documents."""

from functools import partial

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Value
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from desk.api.common.files import build_download_response
from desk.web.common.access import log_download, log_view
from desk.web.common.pages import ErrorMessages, get_page, member_page
from evidence.documents.drafts.rendering import DRAFT_DOCUMENTS
from exhibit.digests import Digest
from registry import scoped
from registry.bundles.bundles import get_bundle_file_name, write_bundle_zip, write_to_temporary_file
from registry.bundles.draft_documents import (
    get_draft_file_name,
    get_signed_sheet_file_name,
    render_draft_document,
    sign_exhibit_sheet,
)
from registry.cases.picture_usage import is_visit_hidden
from registry.log.audit_log import EvidenceKind
from registry.models import Owner
from workers import wiring

ROWS_PER_LIST = 10
"""Rows per list on a page that lists both packages and reports."""


@member_page("web/downloads.html")
def downloads(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show packages and reports."""
    package_rows = scoped.list_owner_packages(owner).annotate(
        cases=Count("bundles"), parties=ArrayAgg("bundles__case__party", distinct=True, default=Value([]))
    )
    packages = get_page(request, package_rows, "packages", ROWS_PER_LIST)
    return {
        "packages": packages,
        "listed": [(package, sum(file["size"] for file in package.files)) for package in packages],
        "reports": get_page(request, scoped.list_reports(owner), "reports", ROWS_PER_LIST),
    }


@member_page()
def capture_file(request: HttpRequest, owner: Owner, number: int, capture: int, name: str) -> HttpResponseBase:
    """Send a file of a capture. Screenshots are displayed; all other files are sent as downloads."""
    row = scoped.get_case(owner, number).captures.select_related("sighting__picture").filter(pk=capture).first()
    file = next((file for file in row.stored_files if file["name"] == name), None) if row else None
    if row is None or file is None or is_visit_hidden(owner, row):
        raise Http404
    digest = Digest.from_hex(file["digest"])
    if digest not in wiring.services().blobs:
        raise Http404
    is_screenshot = file["role"] in {"screenshot", "screenshot-boxed"} and file["media_type"] == "image/png"
    if is_screenshot:
        log_view(request, owner, number)
    else:
        log_download(request, EvidenceKind.CAPTURE, owner, case=number, file=name)
    stream = wiring.services().blobs.open(digest)
    media_type = file["media_type"] if is_screenshot else "application/octet-stream"
    return FileResponse(stream, as_attachment=not is_screenshot, filename=name, content_type=media_type)


@member_page()
def draft_document(request: HttpRequest, owner: Owner, number: int, paper: str) -> HttpResponseBase:
    """Send a draft document about a case's newest bundle."""
    if paper not in DRAFT_DOCUMENTS:
        raise Http404
    row = scoped.get_bundle(owner, number)
    if row.seal_digest is None:
        raise Http404
    with ErrorMessages(request):
        data = render_draft_document(wiring.services(), row, paper)
        log_download(request, EvidenceKind.DRAFT_DOCUMENT, owner, bundle=row.number, case=number, paper=paper)
        return build_download_response(data, get_draft_file_name(row, paper), "application/pdf")
    return redirect("case", slug=owner.slug, number=number)


@member_page()
def signed_exhibit_sheet(request: HttpRequest, owner: Owner, case: int, number: int) -> HttpResponseBase:
    """Send the exhibit sheet of a bundle as a signed PDF."""
    row = scoped.get_bundle(owner, case, number)
    if row.seal_digest is None:
        raise Http404
    with ErrorMessages(request):
        data = sign_exhibit_sheet(wiring.services(), row)
        log_download(request, EvidenceKind.SHEET, owner, bundle=number, case=case)
        return build_download_response(data, get_signed_sheet_file_name(row), "application/pdf")
    return redirect("case", slug=owner.slug, number=case)


@member_page()
def bundle(request: HttpRequest, owner: Owner, case: int, number: int) -> HttpResponseBase:
    """Send a bundle with its current timestamp receipts."""
    row = scoped.get_bundle(owner, case, number)
    file = write_to_temporary_file(partial(write_bundle_zip, wiring.services(), row))
    log_download(request, EvidenceKind.BUNDLE, owner, bundle=number, case=case, seal=str(row.seal_digest))
    return build_download_response(file, get_bundle_file_name(row), "application/zip")
