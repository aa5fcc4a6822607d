"""Reports."""

from enum import StrEnum

from django.http.response import HttpResponseBase
from ninja import Router
from pydantic import Field

from desk.api.common.auth import WRITE, Call, of
from desk.api.common.files import FileName, download, taken
from desk.api.common.idempotency import once
from desk.api.common.openapi import file_of
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import downloads as schemas, requests
from desk.schemas.base import Piece
from evidence.documents.report.facts import ReportScope
from evidence.documents.report.volumes import FORMATS
from exhibit.digests import Digest
from exhibit.types import CaseDecision
from registry import scoped
from registry.db.rows import there
from registry.log.audit_log import Evidence
from registry.models import Report
from registry.reports.requests import ask_again, remove_report, request_report
from registry.reports.scope import MAX_WORKS, Wanted
from workers import wiring

router = Router(tags=["reports"])
REPORTS, ONE = "/owners/{slug:owner}/reports", "/owners/{slug:owner}/reports/{int:number}"


class Format(StrEnum):
    """A file of a report."""

    PDF = "pdf"
    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


class NewReport(requests.Given):
    """What a report is limited to; what is left out has no limit."""

    title: str = Field("", max_length=200, pattern=requests.IN_LINE, examples=["November"])
    watch: str = Field("", max_length=200, pattern=requests.IN_LINE, description="The name of one.")
    works: list[requests.Number] = Field([], max_length=MAX_WORKS, description="Their numbers; all when empty.")
    every_work: requests.Flag = Field(default=False, description="Whether each work is named, with or without finds.")
    decisions: list[CaseDecision] = Field(
        [CaseDecision.OPEN, CaseDecision.CONFIRMED, CaseDecision.LICENSED],
        min_length=1,
        max_length=4,
        description="Cases with one of these are listed.",
    )
    first: requests.Date | None = Field(None, examples=["2026-11-01"])
    last: requests.Date | None = Field(None, examples=["2026-11-30"])
    formats: list[Format] = Field(list(Format), min_length=1, max_length=4)
    languages: list[requests.Language] = Field(
        [], max_length=2, description="Of the PDFs; the installation's when empty."
    )


@router.get(REPORTS, response=Piece[schemas.Report])
def list_reports(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Piece[schemas.Report]:
    """The reports."""
    return page(scoped.reports(of(request)), schemas.Report, cursor, limit)


@router.post(REPORTS, response={202: schemas.Report}, auth=WRITE, operation_id="request_report")
@once
def ask_for_report(request: Call, owner: str, new: NewReport) -> schemas.Report:
    """Ask for a report; it is made in the background, and is there when its `state` is `done`."""
    days = {name: day.isoformat() for name, day in (("first", new.first), ("last", new.last)) if day is not None}
    decisions = tuple(dict.fromkeys(decision.value for decision in new.decisions))
    works = tuple(sorted(set(new.works)))
    scope = ReportScope(watch=new.watch, works=works, decisions=decisions, every_work=new.every_work, **days)
    formats = tuple(dict.fromkeys(wanted_format.value for wanted_format in new.formats))
    wanted = Wanted(scope, formats, tuple(dict.fromkeys(language.value for language in new.languages)))
    return _begun(request_report(of(request), preparer=request.auth.by, title=new.title.strip(), wanted=wanted))


@router.get(ONE, response=schemas.Report)
def get_report(request: Call, owner: str, number: int) -> schemas.Report:
    """One report."""
    return schemas.Report.from_row(scoped.report(of(request), number))


@router.post(ONE + "/again", response={202: schemas.Report}, auth=WRITE, operation_id="make_report_again")
@once
def again(request: Call, owner: str, number: int) -> schemas.Report:
    """Ask for the same report anew; one that failed is tried again under its number."""
    return _begun(ask_again(scoped.report(of(request), number), by=request.auth.by))


@router.delete(ONE, response={204: None}, auth=WRITE, operation_id="remove_report")
def remove(request: Call, owner: str, number: int) -> None:
    """Remove a report with its files; its number isn't given again."""
    remove_report(wiring.services(), scoped.report(of(request), number), by=request.auth.by)


@router.get(ONE + "/files/{name}", openapi_extra=file_of(*FORMATS.values()))
def get_report_file(request: Call, owner: str, number: int, name: FileName) -> HttpResponseBase:
    """One file of a report."""
    row = scoped.report(of(request), number)
    found = next((file for file in row.files if file["name"] == name), None)
    file = there(found, f"Report {number} has no such file.")
    stream = wiring.services().blobs.open(Digest.from_hex(file["digest"]))
    taken(request, Evidence.REPORT, report=number, file=name)
    return download(stream, name, file["media_type"])


def _begun(row: Report) -> schemas.Report:
    wiring.services().enqueue(Report, [row.pk])
    return schemas.Report.from_row(row)
