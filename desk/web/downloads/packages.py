"""Bundles of several cases as one ZIP: choosing them by the party, how far it is, the sheet, the file."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.api.common.files import zip_answer
from desk.texts.sentences import in_words
from desk.web.common.access import (
    Telling,
    decider_post,
    manager_post,
    manages,
    member_page,
    number_in,
    page_of,
    said,
    show,
    takes,
)
from desk.web.downloads.witnesses import said_by
from exhibit.clock import now
from exhibit.errors import NotFoundError
from registry.accounts import people, scoped
from registry.log.audit_log import Evidence
from registry.models import Bundle, Owner, Package
from registry.models.fields import KeptFile
from workers.evidence import packages as packing
from workers.log.witness_answers import answers_of
from workers.pictures.kept_files import remove_row
from workers.services import wiring


@dataclass(frozen=True, slots=True)
class Line:
    """One bundle on a page, with a sentence for each witness, and its file in a package that is made."""

    bundle: Bundle
    said: list[str]
    file: KeptFile | None = None


@member_page
def bundles(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The sealed cases of a party, to be ticked: found by its name. Cases may be named: ``?case=3&case=4``."""
    q, party = said(request.GET.get("q", "")), said(request.GET.get("party", ""))
    chosen = {number for number in map(number_in, request.GET.getlist("case")) if number}
    rows = packing.deliverable(owner)
    left_out: list[int] = []
    if chosen:
        rows = rows.filter(number__in=chosen)
        left_out = sorted(chosen.difference(rows.values_list("number", flat=True)))
    elif party:
        rows = rows.filter(party=party)
    elif q:
        rows = rows.filter(party__icontains=q)
    page = page_of(request, rows.order_by("party", "number"))
    newest = packing.newest_bundles(owner, [case.number for case in page])
    lines = _lines(list(newest.values()))
    archive = wiring.services().config.web_archive_url
    values = {
        "archive": archive if archive and manages(owner) else "",
        "page": page,
        "lines": sorted(lines, key=lambda line: (line.bundle.case.party, line.bundle.case.number)),
        "q": q,
        "party": party,
        "chosen": chosen,
        "left_out": _(", ").join(map(str, left_out)),
    }
    return show(request, owner, "web/bundles.html", values)


def _lines(rows: list[Bundle], files: dict[int, KeptFile] | None = None) -> list[Line]:
    answers, moment = answers_of(rows), now()
    return [
        Line(row, [said_by(answer, moment) for answer in answers[row.pk]], (files or {}).get(row.pk)) for row in rows
    ]


@manager_post
def web_archive(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Have a web archive asked to save pages, too, or no more."""
    people.ask_for_archive(owner, wanted=request.POST.get("wanted") == "on", by=request.user.get_username())
    return redirect("bundles", slug=owner.slug)


@decider_post
def request_package(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Ask for the ticked cases' bundles as one ZIP; it is made in the background."""
    numbers = [number for number in map(number_in, request.POST.getlist("case")) if number]
    recipient, reason = request.POST.get("recipient", ""), said(request.POST.get("reason", ""))
    with Telling(request):
        row = packing.request_package(owner, numbers, recipient, by=request.user.get_username(), reason=reason)
        wiring.services().enqueue("package", [row.pk])
        return redirect("package", slug=owner.slug, number=row.number)
    return redirect("bundles", slug=owner.slug)


@member_page
def package(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """One package: how far it is, what is in it, which witnesses have answered; prints as one sheet."""
    return show(request, owner, "web/package.html", _values(scoped.package(owner, number)))


@member_page
def package_state(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """The changing part of its page; the answer asks for itself again until the ZIP is there."""
    return show(request, owner, "web/package-state.html", _values(scoped.package(owner, number)))


def _values(row: Package) -> dict[str, object]:
    found = row.bundles.select_related("case__work", "case__owner").order_by("case__party", "case__number")
    lines = _lines(list(found), {file["bundle"]: file for file in row.files if "bundle" in file})
    made = bool(row.made_at and row.files)
    return {
        "package": row,
        "lines": lines,
        "parties": sorted({line.bundle.case.party for line in lines}),
        "ready": sum(line.file is not None for line in lines),
        "made": made,
        "size": packing.package_size(wiring.services(), row) if made else 0,
    }


@decider_post
def package_again(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Ask for the same cases again, with the receipts of now."""
    row = scoped.package(owner, number)
    with Telling(request):
        row = packing.ask_again(row, by=request.user.get_username())
        wiring.services().enqueue("package", [row.pk])
    return redirect("package", slug=owner.slug, number=row.number)


@decider_post
def remove_package(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Remove a package with its files."""
    remove_row(wiring.services(), scoped.package(owner, number), by=request.user.get_username())
    messages.success(request, _("Removed. The bundles themselves stay, and can be put together again."))
    return redirect("downloads", slug=owner.slug)


@member_page
def package_file(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """The one ZIP, made while it is sent."""
    row = scoped.package(owner, number)
    try:
        answer = zip_answer(row)
    except NotFoundError as error:
        messages.error(request, in_words(error))
        return redirect("package", slug=owner.slug, number=number)
    seals = [str(seal) for seal in row.bundles.values_list("seal_digest", flat=True)]
    takes(request, Evidence.PACKAGE, owner, package=number, recipient=row.recipient, seals=seals)
    return answer
