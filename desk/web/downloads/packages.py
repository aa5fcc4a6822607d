"""Packages of bundles: selection of cases by party, progress, timestamps, and download."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from desk.api.common.files import pdf_answer, zip_answer
from desk.texts.evidence import timestamp_service_name
from desk.web.common.access import clean_text, is_manager, log_download, parse_number
from desk.web.common.pages import ErrorMessages, decider_post, manager_post, member_page, page_of
from desk.web.downloads.reports import LANGUAGES
from exhibit.clock import now
from registry import scoped
from registry.bundles import packages as packing
from registry.bundles.file_removal import remove_row
from registry.bundles.timestamp_status import TimestampStatus, timestamp_statuses
from registry.cases.search import filter_by_words
from registry.db.fields import StoredFile
from registry.log.audit_log import Evidence
from registry.members import accounts
from registry.models import Bundle, Owner, Package
from workers import wiring


@dataclass(frozen=True, slots=True)
class Line:
    """A bundle on a page, with a sentence for each timestamp service and its file in the package."""

    bundle: Bundle
    said: list[str]
    file: StoredFile | None = None


@member_page("web/bundles.html")
def bundles(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show sealed cases to choose from. Cases may be preselected: ``?case=3&case=4``."""
    q, party = clean_text(request.GET.get("q", "")), clean_text(request.GET.get("party", ""))
    selected = {number for number in map(parse_number, request.GET.getlist("case")) if number}
    rows = packing.deliverable_cases(owner)
    left_out: list[int] = []
    if selected:
        rows = rows.filter(number__in=selected)
        left_out = sorted(selected.difference(rows.values_list("number", flat=True)))
    elif party:
        rows = rows.filter(party=party)
    elif q:
        rows = rows.filter(filter_by_words(owner, q))
    page = page_of(request, rows.order_by("party", "number"))
    newest = packing.newest_bundles(owner, [case.number for case in page])
    lines = _lines(list(newest.values()))
    archive = wiring.services().config.web_archive_url
    return {
        "archive": archive if archive and is_manager(owner) else "",
        "page": page,
        "lines": sorted(lines, key=lambda line: (line.bundle.case.party, line.bundle.case.number)),
        "q": q,
        "party": party,
        "chosen": selected,
        "left_out": _(", ").join(map(str, left_out)),
    }


def _lines(rows: list[Bundle], files: dict[int, StoredFile] | None = None) -> list[Line]:
    answers, moment = timestamp_statuses(rows), now()
    return [
        Line(row, [describe_response(answer, moment) for answer in answers[row.pk]], (files or {}).get(row.pk))
        for row in rows
    ]


@manager_post(back="bundles")
def web_archive(request: HttpRequest, owner: Owner) -> None:
    """Turn requests to save pages in a web archive on or off."""
    accounts.set_option(
        owner, "web_archive", enabled=request.POST.get("wanted") == "on", by=request.user.get_username()
    )


@decider_post(back="bundles")
def request_package(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Request the chosen cases' bundles as one ZIP, which is built in the background."""
    numbers = [number for number in map(parse_number, request.POST.getlist("case")) if number]
    recipient, reason = request.POST.get("recipient", ""), clean_text(request.POST.get("reason", ""))
    row = packing.request_package(owner, numbers, recipient, by=request.user.get_username(), reason=reason)
    wiring.services().enqueue(Package, [row.pk])
    return redirect("package", slug=owner.slug, number=row.number)


@member_page("web/package.html")
def package(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a package: progress, contents and timestamps. Prints as one sheet."""
    return _values(scoped.package(owner, number))


@member_page("web/package-state.html")
def package_state(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show the changing part of a package's page. The fragment reloads itself until the ZIP is ready."""
    return _values(scoped.package(owner, number))


def _values(row: Package) -> dict[str, object]:
    bundle_rows = row.bundles.select_related("case__work", "case__owner").order_by("case__party", "case__number")
    lines = _lines(list(bundle_rows), {file["bundle"]: file for file in row.files if "bundle" in file})
    is_made = bool(row.made_at and row.files)
    return {
        "package": row,
        "lines": lines,
        "parties": sorted({line.bundle.case.party for line in lines}),
        "ready": sum(line.file is not None for line in lines),
        "made": is_made,
        "pdfs": packing.reading_copies(row),
        "without": [LANGUAGES.get(language, language) for language in packing.skipped_languages(row)],
        "size": packing.package_size(wiring.services(), row) if is_made else 0,
    }


@decider_post(back="package")
def package_again(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Request the same cases again, with current receipts."""
    row = packing.request_again(scoped.package(owner, number), by=request.user.get_username())
    wiring.services().enqueue(Package, [row.pk])
    return redirect("package", slug=owner.slug, number=row.number)


@decider_post(back="downloads")
def remove_package(request: HttpRequest, owner: Owner, number: int) -> str:
    """Remove a package with its files."""
    remove_row(wiring.services(), scoped.package(owner, number), by=request.user.get_username())
    return _("The package was removed. The bundles are kept and can be packaged again.")


@member_page()
def package_file(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """Send the ZIP, generated on the fly."""
    row = scoped.package(owner, number)
    with ErrorMessages(request):
        answer = zip_answer(row)
        seals = [str(seal) for seal in row.bundles.values_list("seal_digest", flat=True)]
        log_download(request, Evidence.PACKAGE, owner, package=number, recipient=row.recipient, seals=seals)
        return answer
    return redirect("package", slug=owner.slug, number=number)


@member_page()
def package_pdf(request: HttpRequest, owner: Owner, number: int, name: str) -> HttpResponseBase:
    """Send one of the PDFs next to the ZIP."""
    row = scoped.package(owner, number)
    with ErrorMessages(request):
        answer = pdf_answer(row, name)
        seals = [str(seal) for seal in row.bundles.values_list("seal_digest", flat=True)]
        log_download(request, Evidence.PACKAGE, owner, package=number, recipient=row.recipient, file=name, seals=seals)
        return answer
    return redirect("package", slug=owner.slug, number=number)


SOON = timedelta(minutes=15)
EVENING, MORNING = 18, 6
"""Hours that begin and end the night in "expected tonight"."""


def describe_response(answer: TimestampStatus, moment: datetime) -> str:
    """Describe a timestamp service's answer as of a time-zone-aware moment."""
    name, expected = timestamp_service_name(answer.facts), answer.expected_at
    if answer.facts.time is not None and answer.facts.state == "complete":
        return _("%(name)s: existed no later than %(time)s") % {"name": name, "time": _moment(answer.facts.time)}
    if answer.silent_since is not None:
        since, again = _moment(answer.silent_since), _moment(answer.asked_again_at or moment)
        values = {"name": name, "since": since, "again": again}
        return _("%(name)s: no response since %(since)s; next request %(again)s") % values
    if expected is None:
        return _("%(name)s: requested") % {"name": name}
    if expected <= moment:
        return _("%(name)s: was expected by %(time)s; requested again") % {"name": name, "time": _moment(expected)}
    return _expected(name, expected, moment)


def _expected(name: str, expected: datetime, moment: datetime) -> str:
    if expected - moment <= SOON:
        return _("%(name)s: expected within minutes") % {"name": name}
    then, today = localtime(expected), localtime(moment)
    days = (then.date() - today.date()).days
    if (days == 0 and then.hour >= EVENING) or (days == 1 and then.hour < MORNING):
        return _("%(name)s: expected tonight") % {"name": name}
    if days == 0:
        return _("%(name)s: expected today") % {"name": name}
    if days == 1:
        return _("%(name)s: expected tomorrow") % {"name": name}
    return _("%(name)s: expected on %(day)s") % {"name": name, "day": date_format(then, "DATE_FORMAT")}


def _moment(at: datetime) -> str:
    return date_format(localtime(at), "DATETIME_FORMAT")
