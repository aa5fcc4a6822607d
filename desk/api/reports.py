"""Reports."""

from http import HTTPStatus
from typing import Annotated

from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from ninja import Path, Router

from desk import shapes
from desk.api import answers, given
from desk.api.actors import WRITE, Call, of
from desk.api.document import file_of
from desk.api.files import download, taken
from desk.api.paging import Cursor, Limit, each, page
from desk.api.repeats import once
from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from registry import owned
from registry.trail import Evidence
from workers import wiring
from workers.steps.report import request_report

router = Router(tags=["reports"])
REPORTS, ONE = "/owners/{slug:owner}/reports", "/owners/{slug:owner}/reports/{int:number}"


@router.get(REPORTS, response=answers.Piece[answers.Report], operation_id="list_reports")
def list_reports(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> JsonResponse:
    """The reports."""
    return page(owned.reports(of(request)), each(shapes.report), cursor, limit)


@router.post(REPORTS, auth=WRITE, response={202: answers.Report}, operation_id="request_report")
@once
def ask_for_report(request: Call, owner: str, new: given.NewReport) -> HttpResponse:
    """Ask for a report; it is made in the background, and is there when its `state` is `done`."""
    row = request_report(of(request), preparer=request.auth.by, title=new.title.strip())
    wiring.house().hint("report", [row.pk])
    return JsonResponse(shapes.report(row), status=HTTPStatus.ACCEPTED)


@router.get(ONE, response=answers.Report, operation_id="get_report")
def get_report(request: Call, owner: str, number: int) -> JsonResponse:
    """One report."""
    return JsonResponse(shapes.report(owned.report(of(request), number)))


@router.get(ONE + "/files/{name}", operation_id="get_report_file", openapi_extra=file_of("application/octet-stream"))
def get_report_file(
    request: Call, owner: str, number: int, name: Annotated[str, Path(max_length=200)]
) -> HttpResponseBase:
    """One file of a report."""
    row = owned.report(of(request), number)
    file = next((one for one in row.files if one["name"] == name), None)
    if file is None:
        raise NotFoundError(f"Report {number} has no such file.")
    stream = wiring.house().blobs.open(Digest.from_hex(file["digest"]))
    taken(request, Evidence.REPORT, report=number, file=name)
    return download(stream, name, file["media_type"])
