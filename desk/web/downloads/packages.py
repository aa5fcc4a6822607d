"""Packages of bundles: selection of cases by site, progress, timestamps, and download."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from desk.api.common.files import build_pdf_response, build_zip_response
from desk.texts.evidence import get_service_name
from desk.web.common.access import clean_text, is_manager, log_download, parse_number
from desk.web.common.pages import ErrorMessages, decider_post, get_page, manager_post, member_page
from desk.web.downloads.reports import LANGUAGE_LABELS
from exhibit.clock import now
from registry import scoped
from registry.bundles import packages as registry_packages
from registry.bundles.file_removal import remove_row
from registry.bundles.timestamp_status import TimestampStatus, load_timestamp_statuses
from registry.cases.search import build_search_condition
from registry.db.fields import StoredFile
from registry.log.audit_log import EvidenceKind
from registry.members import accounts
from registry.models import Bundle, Owner, Package
from workers import wiring


@dataclass(frozen=True, slots=True)
class BundleRow:
    """Row of a bundle list: the bundle, a sentence for each timestamp service, and the bundle's file in the package."""

    bundle: Bundle
    timestamp_texts: list[str]
    file: StoredFile | None = None


@member_page("web/bundles.html")
def bundles(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show sealed cases for selection. The query string can preselect cases: ``?case=3&case=4``."""
    q, party = clean_text(request.GET.get("q", "")), clean_text(request.GET.get("party", ""))
    selected_numbers = {number for number in map(parse_number, request.GET.getlist("case")) if number}
    rows = registry_packages.list_deliverable_cases(owner)
    excluded_numbers: list[int] = []
    if selected_numbers:
        rows = rows.filter(number__in=selected_numbers)
        excluded_numbers = sorted(selected_numbers.difference(rows.values_list("number", flat=True)))
    elif party:
        rows = rows.filter(party=party)
    elif q:
        rows = rows.filter(build_search_condition(owner, q))
    page = get_page(request, rows.order_by("party", "number"))
    newest = registry_packages.find_newest_bundles(owner, [case.number for case in page])
    lines = _build_rows(list(newest.values()))
    archive = wiring.services().config.web_archive_url
    return {
        "archive": archive if archive and is_manager(owner) else "",
        "page": page,
        "lines": sorted(lines, key=lambda line: (line.bundle.case.party, line.bundle.case.number)),
        "q": q,
        "party": party,
        "chosen": selected_numbers,
        "left_out": _(", ").join(map(str, excluded_numbers)),
    }


def _build_rows(rows: list[Bundle], files: dict[int, StoredFile] | None = None) -> list[BundleRow]:
    statuses, current_time = load_timestamp_statuses(rows), now()
    return [
        BundleRow(
            row, [describe_response(status, current_time) for status in statuses[row.pk]], (files or {}).get(row.pk)
        )
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
    row = registry_packages.request_package(owner, numbers, recipient, by=request.user.get_username(), reason=reason)
    wiring.services().enqueue(Package, [row.pk])
    return redirect("package", slug=owner.slug, number=row.number)


@member_page("web/package.html")
def package(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a package: progress, contents and timestamps. The page prints on one sheet."""
    return _build_values(scoped.get_package(owner, number))


@member_page("web/package-state.html")
def package_state(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show the changing part of a package's page. The fragment reloads itself until the ZIP is ready."""
    return _build_values(scoped.get_package(owner, number))


def _build_values(row: Package) -> dict[str, object]:
    bundle_rows = row.bundles.select_related("case__work", "case__owner").order_by("case__party", "case__number")
    lines = _build_rows(list(bundle_rows), {file["bundle"]: file for file in row.files if "bundle" in file})
    is_ready = bool(row.made_at and row.files)
    return {
        "package": row,
        "lines": lines,
        "parties": sorted({line.bundle.case.party for line in lines}),
        "ready": sum(line.file is not None for line in lines),
        "made": is_ready,
        "pdfs": registry_packages.list_printable_copies(row),
        "without": [
            LANGUAGE_LABELS.get(language, language) for language in registry_packages.list_skipped_languages(row)
        ],
        "size": registry_packages.compute_package_size(wiring.services(), row) if is_ready else 0,
    }


@decider_post(back="package")
def regenerate_package(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Request the same cases again, with current timestamp receipts."""
    row = registry_packages.request_package_again(scoped.get_package(owner, number), by=request.user.get_username())
    wiring.services().enqueue(Package, [row.pk])
    return redirect("package", slug=owner.slug, number=row.number)


@decider_post(back="downloads")
def remove_package(request: HttpRequest, owner: Owner, number: int) -> str:
    """Remove a package with its files."""
    remove_row(wiring.services(), scoped.get_package(owner, number), by=request.user.get_username())
    return _("The ZIP was removed. The bundles are kept, and you can create the ZIP again.")


@member_page()
def package_file(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """Send a package as a ZIP that is generated during the download."""
    row = scoped.get_package(owner, number)
    with ErrorMessages(request):
        response = build_zip_response(row)
        seals = [str(seal) for seal in row.bundles.values_list("seal_digest", flat=True)]
        log_download(request, EvidenceKind.PACKAGE, owner, package=number, recipient=row.recipient, seals=seals)
        return response
    return redirect("package", slug=owner.slug, number=number)


@member_page()
def package_pdf(request: HttpRequest, owner: Owner, number: int, name: str) -> HttpResponseBase:
    """Send one of the PDFs next to the ZIP."""
    row = scoped.get_package(owner, number)
    with ErrorMessages(request):
        response = build_pdf_response(row, name)
        seals = [str(seal) for seal in row.bundles.values_list("seal_digest", flat=True)]
        log_download(
            request, EvidenceKind.PACKAGE, owner, package=number, recipient=row.recipient, file=name, seals=seals
        )
        return response
    return redirect("package", slug=owner.slug, number=number)


SOON_PERIOD = timedelta(minutes=15)
EVENING_HOUR, MORNING_HOUR = 18, 6
"""Hours that begin and end the night in "expected tonight"."""


def describe_response(status: TimestampStatus, current_time: datetime) -> str:
    """Describe the status of a timestamp at a time-zone-aware time."""
    name, expected = get_service_name(status.facts), status.expected_at
    if status.facts.time is not None and status.facts.state == "complete":
        return _("%(name)s: the bundle existed no later than %(time)s") % {
            "name": name,
            "time": _format_time(status.facts.time),
        }
    if status.unresponsive_since is not None:
        since, next_request = (
            _format_time(status.unresponsive_since),
            _format_time(status.next_request_at or current_time),
        )
        values = {"name": name, "since": since, "again": next_request}
        return _("%(name)s: no response since %(since)s; next request %(again)s") % values
    if expected is None:
        return _("%(name)s: timestamp requested") % {"name": name}
    if expected <= current_time:
        return _("%(name)s: timestamp overdue since %(time)s; requested again") % {
            "name": name,
            "time": _format_time(expected),
        }
    return _describe_expected_time(name, expected, current_time)


def _describe_expected_time(name: str, expected: datetime, current_time: datetime) -> str:
    if expected - current_time <= SOON_PERIOD:
        return _("%(name)s: timestamp expected within minutes") % {"name": name}
    expected_local, current_local = localtime(expected), localtime(current_time)
    days = (expected_local.date() - current_local.date()).days
    if (days == 0 and expected_local.hour >= EVENING_HOUR) or (days == 1 and expected_local.hour < MORNING_HOUR):
        return _("%(name)s: timestamp expected tonight") % {"name": name}
    if days == 0:
        return _("%(name)s: timestamp expected today") % {"name": name}
    if days == 1:
        return _("%(name)s: timestamp expected tomorrow") % {"name": name}
    return _("%(name)s: timestamp expected on %(day)s") % {
        "name": name,
        "day": date_format(expected_local, "DATE_FORMAT"),
    }


def _format_time(at: datetime) -> str:
    return date_format(localtime(at), "DATETIME_FORMAT")
