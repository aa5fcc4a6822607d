"""Reports."""

from enum import StrEnum

from django.http.response import HttpResponseBase
from ninja import Router
from pydantic import Field

from desk.api.common.auth import WRITE, Call, get_request_owner
from desk.api.common.files import FileName, build_download_response, log_download
from desk.api.common.idempotency import make_idempotent
from desk.api.common.openapi import describe_file_response
from desk.api.common.pagination import Cursor, Limit, get_page
from desk.schemas import downloads as schemas, requests
from desk.schemas.base import Page
from evidence.documents.report.facts import ReportScope
from evidence.documents.report.volumes import FORMATS
from exhibit.digests import Digest
from exhibit.types import CaseDecision
from registry import scoped
from registry.db.rows import require
from registry.log.audit_log import EvidenceKind
from registry.models import Report
from registry.reports.requests import remove_report, repeat_report, request_report
from registry.reports.scope import MAX_WORKS, ReportRequest
from workers import wiring

router = Router(tags=["reports"])
REPORTS, REPORT_PATH = "/owners/{slug:owner}/reports", "/owners/{slug:owner}/reports/{int:number}"


class Format(StrEnum):
    """File format of a report."""

    PDF = "pdf"
    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


class NewReport(requests.RequestBody):
    """A report to generate. Without filters, it includes all watches and works."""

    title: str = Field(
        "", max_length=200, pattern=requests.LINE_PATTERN, examples=["November"], description="Title of the report."
    )
    watch: str = Field(
        "",
        max_length=200,
        pattern=requests.LINE_PATTERN,
        description="Name of the watch to include; if empty, all watches are included.",
    )
    works: list[requests.Number] = Field(
        [], max_length=MAX_WORKS, description="Numbers of the works to include; if empty, all works are included."
    )
    all_works: requests.Flag = Field(default=False, description="Whether to include works without matches.")
    decisions: list[CaseDecision] = Field(
        [CaseDecision.OPEN, CaseDecision.CONFIRMED, CaseDecision.LICENSED],
        min_length=1,
        max_length=4,
        description="Include only cases with one of these decisions.",
    )
    start_date: requests.Date | None = Field(
        None, examples=["2026-11-01"], description="First day of the period; if null, the period has no start date."
    )
    end_date: requests.Date | None = Field(
        None, examples=["2026-11-30"], description="Last day of the period; if null, the period has no end date."
    )
    formats: list[Format] = Field(list(Format), min_length=1, max_length=4, description="File formats to generate.")
    languages: list[requests.Language] = Field(
        [], max_length=2, description="Languages of the PDFs; if empty, the languages of the installation are used."
    )


@router.get(REPORTS, response=Page[schemas.Report])
def list_reports(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Report]:
    """List reports."""
    return get_page(scoped.list_reports(get_request_owner(request)), schemas.Report, cursor, limit)


@router.post(REPORTS, response={202: schemas.Report}, auth=WRITE, operation_id="request_report")
@make_idempotent
def create_report(request: Call, owner: str, new: NewReport) -> schemas.Report:
    """Request a report. It is generated in the background; poll until `state` is `done`."""
    days = {
        name: day.isoformat() for name, day in (("first", new.start_date), ("last", new.end_date)) if day is not None
    }
    decisions = tuple(dict.fromkeys(decision.value for decision in new.decisions))
    works = tuple(sorted(set(new.works)))
    scope = ReportScope(watch=new.watch, works=works, decisions=decisions, every_work=new.all_works, **days)
    formats = tuple(dict.fromkeys(file_format.value for file_format in new.formats))
    options = ReportRequest(scope, formats, tuple(dict.fromkeys(language.value for language in new.languages)))
    return _enqueue_report(
        request_report(get_request_owner(request), preparer=request.auth.by, title=new.title.strip(), request=options)
    )


@router.get(REPORT_PATH, response=schemas.Report)
def get_report(request: Call, owner: str, number: int) -> schemas.Report:
    """Get a report."""
    return schemas.Report.from_row(scoped.get_report(get_request_owner(request), number))


@router.post(REPORT_PATH + "/regenerate", response={202: schemas.Report}, auth=WRITE, operation_id="regenerate_report")
@make_idempotent
def regenerate_report(request: Call, owner: str, number: int) -> schemas.Report:
    """Generate a report again as a new report. A failed report is retried and keeps its number."""
    return _enqueue_report(repeat_report(scoped.get_report(get_request_owner(request), number), by=request.auth.by))


@router.delete(REPORT_PATH, response={204: None}, auth=WRITE, operation_id="remove_report")
def delete_report(request: Call, owner: str, number: int) -> None:
    """Delete a report and its files. Its number is not reused."""
    remove_report(wiring.services(), scoped.get_report(get_request_owner(request), number), by=request.auth.by)


@router.get(REPORT_PATH + "/files/{name}", openapi_extra=describe_file_response(*FORMATS.values()))
def get_report_file(request: Call, owner: str, number: int, name: FileName) -> HttpResponseBase:
    """Download a file of a report."""
    row = scoped.get_report(get_request_owner(request), number)
    report_file = next((file for file in row.files if file["name"] == name), None)
    file = require(report_file, f"Report {number} has no such file.")
    stream = wiring.services().blobs.open(Digest.from_hex(file["digest"]))
    log_download(request, EvidenceKind.REPORT, report=number, file=name)
    return build_download_response(stream, name, file["media_type"])


def _enqueue_report(row: Report) -> schemas.Report:
    wiring.services().enqueue(Report, [row.pk])
    return schemas.Report.from_row(row)
