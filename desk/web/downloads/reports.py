"""Reports: request form, progress, files, regeneration, removal, and descriptions of the scope."""

import re
from collections.abc import Iterator
from datetime import date

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from desk.texts.cases import DECISION_LABELS
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, log_download
from desk.web.common.pages import decider_page, decider_post, member_page, render_page
from evidence.documents.report.facts import ReportScope
from exhibit.digests import Digest
from exhibit.errors import ExhibitError, NotFoundError
from exhibit.types import CaseDecision
from registry import scoped
from registry.bundles.documents import list_languages
from registry.db.fields import StoredFile
from registry.log.audit_log import EvidenceKind
from registry.models import Owner, Package, Report
from registry.reports import requests as report_requests
from registry.reports.scope import DEFAULT_SCOPE, ReportRequest, parse_request, parse_work_numbers
from workers import wiring

FORMAT_LABELS = {
    "pdf": gettext_lazy("PDF, for reading and printing"),
    "xlsx": gettext_lazy("XLSX, for spreadsheets"),
    "csv": gettext_lazy("CSV, for spreadsheets and programs"),
    "json": gettext_lazy("JSON, complete data for programs"),
}
LANGUAGE_LABELS = {"en": gettext_lazy("English"), "zh-Hans": gettext_lazy("Chinese")}

_VOLUME = re.compile(r"-volume-([0-9]+)(?:[.]|$)")
MAX_LISTED_WORKS = 8
"""Maximum number of works listed in a report's description."""

MAX_WATCHES = 500
"""Maximum number of watches offered in the form, to keep the page small."""


@decider_page()
def report_form(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the form for a report with default values."""
    fields = QueryDict(mutable=True)
    fields.setlist("decision", list(ReportScope().decisions))
    fields.setlist("format", list(FORMAT_LABELS))
    fields.setlist("language", list_languages(wiring.services()))
    fields.update({name: request.GET[name] for name in ("watch", "works", "every_work") if name in request.GET})
    return _render_form(request, owner, fields)


@decider_post(back="downloads")
def request_report(request: HttpRequest, owner: Owner) -> HttpResponse | None:
    """Request a report, which is generated in the background."""
    try:
        options = _parse_form(request.POST)
        title = clean_text(request.POST.get("title", ""))[:200]
        report = report_requests.request_report(
            owner, preparer=request.user.get_username(), title=title, request=options
        )
    except ExhibitError as error:
        return _render_form(request, owner, request.POST, in_words(error))
    wiring.services().enqueue(Report, [report.pk])
    return None


def _render_form(request: HttpRequest, owner: Owner, fields: QueryDict, error: str = "") -> HttpResponse:
    watches = scoped.list_watches(owner).values_list("name", "name")[:MAX_WATCHES]
    values = {
        "error": error,
        "fields": fields,
        "watches": [("", _("all")), *watches],
        "decisions": [(name, label, name in fields.getlist("decision")) for name, label in DECISION_LABELS.items()],
        "formats": [(name, label, name in fields.getlist("format")) for name, label in FORMAT_LABELS.items()],
        "pdf_languages": [(name, label, name in fields.getlist("language")) for name, label in LANGUAGE_LABELS.items()],
    }
    return render_page(request, owner, "web/report-form.html", values, status=422 if error else 200)


def _parse_form(fields: QueryDict) -> ReportRequest:
    """Parse the form. Empty fields mean no limit."""
    limits = {name: clean_text(fields.get(name, "")) for name in ("watch", "first", "last")}
    decisions = tuple(decision.value for decision in DECISION_LABELS if decision in fields.getlist("decision"))
    works, every_work = parse_work_numbers(clean_text(fields.get("works", ""))), "every_work" in fields
    scope = ReportScope(works=works, decisions=decisions, every_work=every_work, **limits)
    formats = tuple(name for name in FORMAT_LABELS if name in fields.getlist("format"))
    return ReportRequest(
        scope, formats, tuple(language for language in LANGUAGE_LABELS if language in fields.getlist("language"))
    )


@member_page("web/report-state.html")
def report_state(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a report's progress. The fragment reloads itself until the report is ready."""
    return {"report": scoped.get_report(owner, number)}


@decider_post(back="downloads")
def regenerate_report(request: HttpRequest, owner: Owner, number: int) -> None:
    """Request the same report again."""
    report = scoped.get_report(owner, number)
    wiring.services().enqueue(Report, [report_requests.repeat_report(report, by=request.user.get_username()).pk])


@decider_post(back="downloads")
def remove_report(request: HttpRequest, owner: Owner, number: int) -> None:
    """Remove a report with its files."""
    report_requests.remove_report(wiring.services(), scoped.get_report(owner, number), by=request.user.get_username())


@member_page()
def report_file(request: HttpRequest, owner: Owner, number: int, name: str) -> HttpResponseBase:
    """Send a file of a report."""
    report = scoped.get_report(owner, number)
    file = next((file for file in report.files if file["name"] == name), None)
    if file is None:
        raise Http404
    try:
        stream = wiring.services().blobs.open(Digest.from_hex(file["digest"]))
    except NotFoundError:
        message = _("%(name)s contained a picture that was permanently removed. Request a new report.") % {"name": name}
        messages.error(request, message)
        return redirect("downloads", slug=owner.slug)
    log_download(request, EvidenceKind.REPORT, owner, report=number, file=name)
    return FileResponse(stream, as_attachment=True, filename=name, content_type=file["media_type"])


def report_title(report: Report) -> str:
    """Return a report's title; a default title is translated."""
    return report_requests.format_title(report.parameters["title"], report.number, report.owner.name)


def report_heading(report: Report) -> str:
    """Return a report's heading: its title, if a member entered one, and its date. Reports cover all sites."""
    title = report_requests.get_chosen_title(report.parameters["title"], report.number, report.owner.name)
    values = {"title": title, "day": date_format(timezone.localtime(report.created_at), "DATE_FORMAT")}
    return (_("%(title)s: all sites, %(day)s") if title else _("All sites, %(day)s")) % values


def report_files(report: Report) -> list[tuple[StoredFile, str]]:
    """Return a report's files with their format, volume and language."""
    return [(file, _(", ").join(_iter_file_labels(file["name"]))) for file in report.files]


def _iter_file_labels(name: str) -> Iterator[str]:
    stem, _dot, extension = name.rpartition(".")
    yield _("CSV, one row per work") if stem.endswith("-works") and extension == "csv" else extension.upper()
    if volume := _VOLUME.search(stem):
        yield _("volume %(n)s") % {"n": int(volume[1])}
    if language_label := LANGUAGE_LABELS.get(stem.rpartition(".")[2]):
        yield str(language_label)


def report_limits(report: Report) -> Iterator[str]:
    """Describe each limit of a report's scope. The default scope, all cases except dismissed ones, has none."""
    scope = parse_request(report.parameters).scope
    if scope.watch:
        yield _("watch “%(name)s”") % {"name": scope.watch}
    if scope.works:
        numbers = _(", ").join(map(str, scope.works[:MAX_LISTED_WORKS])) + (
            " …" if len(scope.works) > MAX_LISTED_WORKS else ""
        )
        yield ngettext("work %(numbers)s", "works %(numbers)s", len(scope.works)) % {"numbers": numbers}
    if scope.every_work:
        yield _("every work, with or without matches")
    if scope.first:
        yield _("last seen on or after %(day)s") % {"day": day_in_words(scope.first)}
    if scope.last:
        yield _("first seen on or before %(day)s") % {"day": day_in_words(scope.last)}
    if scope.decisions != DEFAULT_SCOPE.decisions:
        yield _(", ").join(str(DECISION_LABELS[CaseDecision(decision)]) for decision in scope.decisions)


def day_in_words(text: str) -> str:
    """Format an ISO 8601 date for the reader."""
    return date_format(date.fromisoformat(text), "DATE_FORMAT")


def package_heading(package: Package) -> str:
    """Return the heading of a package, according to its recipient."""
    return _("Bundles for the court") if package.recipient == "court" else _("Bundles for the other side")
