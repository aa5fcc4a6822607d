"""List of sites with outcomes of notices, and the page of a site."""

from django.db.models import OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from desk.web.common.access import clean_text
from desk.web.common.pages import ErrorMessages, decider_post, get_page, member_page
from desk.web.notices import words as notice_words
from desk.web.parties import words
from registry.bundles import packages as registry_packages
from registry.cases.work_search import build_thumbnail_subquery
from registry.models import UNFINISHED, Case, Notice, NoticeReply, Owner, WorkPicture
from registry.notices import notices
from registry.parties import demands, parties
from registry.parties.rdap import request_lookup
from workers import wiring


@member_page("web/parties.html")
def party_list(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the sites of the owner's cases, and outcomes of notices."""
    q = clean_text(request.GET.get("q", ""))
    page = get_page(request, parties.list_parties(owner, q))
    return {
        "page": page,
        "lines": parties.to_party_rows(page),
        "q": q,
        "outcomes": [
            (notice_words.KIND_LABELS[Notice.Kind(outcome.kind)], outcome)
            for outcome in parties.summarise_outcomes(owner)
        ],
    }


@member_page("web/party.html")
def party(request: HttpRequest, owner: Owner, name: str) -> dict[str, object]:
    """Show a site: its cases, works, pages, notices, bundles, contacts, payments and registry data."""
    line, lookup = parties.get_party(owner, name), parties.get_lookup(owner, name)
    notice_rows = notices.list_notices(owner).filter(party=name)
    replies = NoticeReply.objects.filter(notice__in=notice_rows).select_related("notice").order_by("-at")
    sealed_numbers = (
        registry_packages.list_deliverable_cases(owner)
        .filter(party=name)
        .order_by("number")
        .values_list("number", flat=True)
    )
    return {
        "party": line,
        "next": _suggest_next_step(line, is_sealed=sealed_numbers.exists(), has_notice=notice_rows.exists()),
        "cases": parties.list_cases(owner, name).annotate(thumbnail=build_thumbnail_subquery(_select_pictures("work")))[
            : parties.MAX_LISTED
        ],
        "works": parties.list_works(owner, name).annotate(thumbnail=build_thumbnail_subquery(_select_pictures("pk")))[
            : parties.MAX_LISTED
        ],
        "places": parties.list_pages(owner, name),
        "notices": [(row, notice_words.describe_state(row)) for row in notice_rows[: parties.MAX_LISTED]],
        "replies": [
            (row, notice_words.REPLY_LABELS[NoticeReply.Kind(row.kind)]) for row in replies[: parties.MAX_LISTED]
        ],
        "sealed": list(sealed_numbers[: registry_packages.MAX_BUNDLES]),
        "packages": owner.packages.filter(bundles__case__party=name, removed_at=None)
        .distinct()
        .order_by("-number")[:3],
        "contacts": parties.list_contacts(owner, name),
        "lookup": lookup,
        "looking": lookup is not None and lookup.state in UNFINISHED,
        "answers": [(entry, words.MISSING_LABELS.get(entry["missing"])) for entry in lookup.answers] if lookup else [],
        "can_look_up": bool(wiring.services().config.rdap_url) and parties.is_outdated(lookup),
        "demands": demands.list_demands(owner, name),
        "askable": Case.objects.filter(owner=owner, party=name, decision=Case.Decision.CONFIRMED)
        .order_by("number")
        .values_list("number", flat=True)[: demands.MAX_CASES],
    }


def _select_pictures(work: str) -> QuerySet[WorkPicture]:
    return WorkPicture.objects.filter(work=OuterRef(work))


def _suggest_next_step(line: parties.PartySummary, *, is_sealed: bool, has_notice: bool) -> str:
    """Return the suggested next step: decide open cases, write the first notice, download a bundle, or none."""
    if line.waiting:
        return "decide"
    if line.confirmed and not has_notice:
        return "notice"
    return "bundle" if is_sealed else ""


@decider_post()
def look_up(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Request registry data about a site's domain and host."""
    name = clean_text(request.POST.get("party", ""))
    parties.get_party(owner, name)
    with ErrorMessages(request):
        request_lookup(wiring.services(), owner, name, by=request.user.get_username())
    return redirect("party", slug=owner.slug, name=name)
