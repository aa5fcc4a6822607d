"""Packages of bundles as one ZIP and as PDFs, and download links to packages and reports."""

from django.http.response import HttpResponseBase
from django.urls import reverse
from ninja import Router
from pydantic import Field

from desk.api.common.auth import SEND, WRITE, Call, of
from desk.api.common.files import FileName, pdf_answer, taken, zip_answer
from desk.api.common.idempotency import once
from desk.api.common.openapi import file_of
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import downloads as schemas, requests
from desk.schemas.base import Page
from registry import scoped
from registry.bundles import links, packages as packing
from registry.bundles.file_removal import remove_row
from registry.log.audit_log import Evidence
from registry.models import Package, Report
from registry.services.addresses import absolute
from workers import wiring

router = Router(tags=["packages"])
link_router = Router(tags=["links"])
PACKAGES, ONE = "/owners/{slug:owner}/packages", "/owners/{slug:owner}/packages/{int:number}"


class NewPackage(requests.RequestBody):
    """Confirmed cases whose latest bundles to package."""

    cases: list[requests.Number] = Field(
        min_length=1, max_length=packing.MAX_BUNDLES, examples=[[3]], description="Numbers of the cases."
    )
    recipient: Package.Recipient = Field(
        Package.Recipient.COURT, description="Recipient. A copy for the other side withholds originals."
    )
    reason: requests.Long = Field("", description="Reason why originals are withheld; stated in the copies.")


@router.get(PACKAGES, response=Page[schemas.Package])
def list_packages(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Package]:
    """List packages."""
    return page(scoped.packages(of(request)).prefetch_related(schemas.CASES), schemas.Package, cursor, limit)


@router.post(PACKAGES, response={202: schemas.Package}, auth=WRITE, operation_id="request_package")
@once
def ask_for_package(request: Call, owner: str, new: NewPackage) -> schemas.Package:
    """Request a package of the latest bundles of confirmed cases, as one ZIP and as PDFs. Poll until `kept` is true."""
    by = request.auth.by
    return _begun(packing.request_package(of(request), new.cases, new.recipient, by=by, reason=new.reason))


@router.get(ONE, response=schemas.Package)
def get_package(request: Call, owner: str, number: int) -> schemas.Package:
    """Get a package."""
    return schemas.Package.from_row(scoped.package(of(request), number))


@router.post(ONE + "/regenerate", response={202: schemas.Package}, auth=WRITE, operation_id="regenerate_package")
@once
def again(request: Call, owner: str, number: int) -> schemas.Package:
    """Generate a package again with the latest bundles and receipts. A failed package keeps its number."""
    return _begun(packing.request_again(scoped.package(of(request), number), by=request.auth.by))


@router.delete(ONE, response={204: None}, auth=WRITE, operation_id="remove_package")
def remove(request: Call, owner: str, number: int) -> None:
    """Delete a package and its files. The bundles remain."""
    remove_row(wiring.services(), scoped.package(of(request), number), by=request.auth.by)


@router.get(ONE + "/file", openapi_extra=file_of("application/zip"))
def get_package_file(request: Call, owner: str, number: int) -> HttpResponseBase:
    """Download the ZIP of a package. It is generated while it is sent."""
    row = scoped.package(of(request), number)
    answer = zip_answer(row)
    seals = [str(seal) for seal in row.bundles.values_list("seal_digest", flat=True)]
    taken(request, Evidence.PACKAGE, package=number, recipient=row.recipient, seals=seals)
    return answer


@router.get(ONE + "/pdfs/{name}", openapi_extra=file_of("application/pdf"))
def get_package_pdf(request: Call, owner: str, number: int, name: FileName) -> HttpResponseBase:
    """Download a printable copy of a package: a PDF of numbered exhibits with continuous page numbers."""
    row = scoped.package(of(request), number)
    answer = pdf_answer(row, name)
    seals = [str(seal) for seal in row.bundles.values_list("seal_digest", flat=True)]
    taken(request, Evidence.PACKAGE, package=number, recipient=row.recipient, file=name, seals=seals)
    return answer


def _begun(row: Package) -> schemas.Package:
    wiring.services().enqueue(Package, [row.pk])
    return schemas.Package.from_row(row)


OWNER = "/owners/{slug:owner}"


class NewLink(requests.RequestBody):
    """Settings of a download link."""

    valid_days: requests.Whole = Field(7, ge=1, le=links.MAX_DAYS, description="Number of days until the link expires.")
    note: str = Field(
        "", max_length=200, pattern=requests.IN_LINE, examples=["For the court clerk"], description="Note for members."
    )
    password: str = Field(
        "", max_length=200, pattern=requests.CLEAN, description="Additional password for the download; none if empty."
    )


@link_router.get(OWNER + "/links", response=Page[schemas.Link])
def list_links(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Link]:
    """List download links with their expiry and number of downloads."""
    return page(links.links_of(of(request)), schemas.Link, cursor, limit)


@link_router.post(OWNER + "/reports/{int:number}/links", response={201: schemas.LinkWithUrl}, auth=SEND)
def create_report_link(request: Call, owner: str, number: int, new: NewLink) -> schemas.LinkWithUrl:
    """Create a download link to a report. The URL is returned only once, so no idempotency key is taken."""
    return _made(request, scoped.report(of(request), number), new)


@link_router.post(OWNER + "/packages/{int:number}/links", response={201: schemas.LinkWithUrl}, auth=SEND)
def create_package_link(request: Call, owner: str, number: int, new: NewLink) -> schemas.LinkWithUrl:
    """Create a download link to a package. The URL is returned only once, so no idempotency key is taken."""
    return _made(request, scoped.package(of(request), number), new)


LINK = OWNER + "/links/{int:number}"


@link_router.delete(LINK, response={204: None}, auth=SEND)
def revoke_link(request: Call, owner: str, number: int) -> None:
    """Revoke a download link."""
    links.revoke_link(of(request), number, by=request.auth.by)


def _made(request: Call, to: Package | Report, new: NewLink) -> schemas.LinkWithUrl:
    days, note, by = new.valid_days, new.note, request.auth.by
    link, token = links.make_link(of(request), to, days=days, by=by, note=note, password=new.password)
    address = absolute(wiring.services().config, reverse("link", args=[token]))
    return schemas.LinkWithUrl.from_row(link, url=address)
