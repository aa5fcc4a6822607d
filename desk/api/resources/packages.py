"""Packages of bundles as one ZIP and as PDFs, and download links to packages and reports."""

from django.http.response import HttpResponseBase
from django.urls import reverse
from ninja import Router
from pydantic import Field

from desk.api.common.auth import SEND, WRITE, Call, get_request_owner
from desk.api.common.files import FileName, build_pdf_response, build_zip_response, log_download
from desk.api.common.idempotency import make_idempotent
from desk.api.common.openapi import describe_file_response
from desk.api.common.pagination import Cursor, Limit, get_page
from desk.schemas import downloads as schemas, requests
from desk.schemas.base import Page
from registry import scoped
from registry.bundles import links, packages as packing
from registry.bundles.file_removal import remove_row
from registry.log.audit_log import EvidenceKind
from registry.models import Package, Report
from registry.services.addresses import build_absolute_url
from workers import wiring

router = Router(tags=["packages"])
link_router = Router(tags=["links"])
PACKAGES, PACKAGE_PATH = "/owners/{slug:owner}/packages", "/owners/{slug:owner}/packages/{int:number}"


class NewPackage(requests.RequestBody):
    """A package of the latest bundles of confirmed cases."""

    cases: list[requests.Number] = Field(
        min_length=1, max_length=packing.MAX_BUNDLES, examples=[[3]], description="Case numbers."
    )
    recipient: Package.Recipient = Field(
        Package.Recipient.COURT,
        description="Recipient of the package. Originals are withheld from a copy for the other side.",
    )
    reason: requests.LongText = Field("", description="Reason for withholding originals. It is included in the copies.")


@router.get(PACKAGES, response=Page[schemas.Package])
def list_packages(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Package]:
    """List packages."""
    return get_page(
        scoped.list_owner_packages(get_request_owner(request)).prefetch_related(schemas.CASES_PREFETCH),
        schemas.Package,
        cursor,
        limit,
    )


@router.post(PACKAGES, response={202: schemas.Package}, auth=WRITE, operation_id="request_package")
@make_idempotent
def request_package(request: Call, owner: str, new: NewPackage) -> schemas.Package:
    """Request a package of the latest bundles of confirmed cases, as one ZIP and as PDFs.

    It is generated in the background; poll until `is_ready` is true.
    """
    by = request.auth.by
    return _enqueue_package(
        packing.request_package(get_request_owner(request), new.cases, new.recipient, by=by, reason=new.reason)
    )


@router.get(PACKAGE_PATH, response=schemas.Package)
def get_package(request: Call, owner: str, number: int) -> schemas.Package:
    """Get a package."""
    return schemas.Package.from_row(scoped.get_package(get_request_owner(request), number))


@router.post(
    PACKAGE_PATH + "/regenerate", response={202: schemas.Package}, auth=WRITE, operation_id="regenerate_package"
)
@make_idempotent
def regenerate_package(request: Call, owner: str, number: int) -> schemas.Package:
    """Generate a package again as a new package, with the latest bundles and receipts.

    A failed package is retried and keeps its number.
    """
    return _enqueue_package(
        packing.request_package_again(scoped.get_package(get_request_owner(request), number), by=request.auth.by)
    )


@router.delete(PACKAGE_PATH, response={204: None}, auth=WRITE, operation_id="remove_package")
def remove_package(request: Call, owner: str, number: int) -> None:
    """Delete a package and its files. The bundles of the cases remain."""
    remove_row(wiring.services(), scoped.get_package(get_request_owner(request), number), by=request.auth.by)


@router.get(PACKAGE_PATH + "/file", openapi_extra=describe_file_response("application/zip"))
def get_package_file(request: Call, owner: str, number: int) -> HttpResponseBase:
    """Download the ZIP of a package. It is generated while it is sent."""
    row = scoped.get_package(get_request_owner(request), number)
    response = build_zip_response(row)
    seals = [str(seal) for seal in row.bundles.values_list("seal_digest", flat=True)]
    log_download(request, EvidenceKind.PACKAGE, package=number, recipient=row.recipient, seals=seals)
    return response


@router.get(PACKAGE_PATH + "/pdfs/{name}", openapi_extra=describe_file_response("application/pdf"))
def get_package_pdf(request: Call, owner: str, number: int, name: FileName) -> HttpResponseBase:
    """Download a printable copy of a package: a PDF of numbered exhibits with continuous page numbers."""
    row = scoped.get_package(get_request_owner(request), number)
    response = build_pdf_response(row, name)
    seals = [str(seal) for seal in row.bundles.values_list("seal_digest", flat=True)]
    log_download(request, EvidenceKind.PACKAGE, package=number, recipient=row.recipient, file=name, seals=seals)
    return response


def _enqueue_package(row: Package) -> schemas.Package:
    wiring.services().enqueue(Package, [row.pk])
    return schemas.Package.from_row(row)


OWNER = "/owners/{slug:owner}"


class NewLink(requests.RequestBody):
    """Settings of a download link."""

    valid_days: requests.StrictInteger = Field(
        7, ge=1, le=links.MAX_DAYS, description="Number of days until the link expires."
    )
    note: str = Field(
        "",
        max_length=200,
        pattern=requests.LINE_PATTERN,
        examples=["For the court clerk"],
        description="Note about the link, which only members can see.",
    )
    password: str = Field(
        "",
        max_length=200,
        pattern=requests.TEXT_PATTERN,
        description="Password that the download requires in addition to the link; if empty, no password is required.",
    )


@link_router.get(OWNER + "/links", response=Page[schemas.Link])
def list_links(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Link]:
    """List download links with their expiry times and numbers of downloads."""
    return get_page(links.list_links(get_request_owner(request)), schemas.Link, cursor, limit)


@link_router.post(OWNER + "/reports/{int:number}/links", response={201: schemas.LinkWithUrl}, auth=SEND)
def create_report_link(request: Call, owner: str, number: int, new: NewLink) -> schemas.LinkWithUrl:
    """Create a download link to a report.

    The URL is returned only once, so the operation does not accept an idempotency key.
    """
    return _create_link(request, scoped.get_report(get_request_owner(request), number), new)


@link_router.post(OWNER + "/packages/{int:number}/links", response={201: schemas.LinkWithUrl}, auth=SEND)
def create_package_link(request: Call, owner: str, number: int, new: NewLink) -> schemas.LinkWithUrl:
    """Create a download link to a package.

    The URL is returned only once, so the operation does not accept an idempotency key.
    """
    return _create_link(request, scoped.get_package(get_request_owner(request), number), new)


LINK_PATH = OWNER + "/links/{int:number}"


@link_router.delete(LINK_PATH, response={204: None}, auth=SEND)
def revoke_link(request: Call, owner: str, number: int) -> None:
    """Revoke a download link."""
    links.revoke_link(get_request_owner(request), number, by=request.auth.by)


def _create_link(request: Call, target: Package | Report, new: NewLink) -> schemas.LinkWithUrl:
    days, note, by = new.valid_days, new.note, request.auth.by
    link, token = links.create_link(
        get_request_owner(request), target, days=days, by=by, note=note, password=new.password
    )
    url = build_absolute_url(wiring.services().config, reverse("link", args=[token]))
    return schemas.LinkWithUrl.from_row(link, url=url)
