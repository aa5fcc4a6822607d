"""Drafting of notices: selection of cases and notice type, the form, and senders."""

from collections.abc import Container, Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_http_methods

from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, get_user, parse_number
from desk.web.common.pages import FORM, ErrorMessages, decider_form, render_page
from desk.web.notices import words
from desk.web.parties.words import format_amount
from exhibit.errors import InvalidRequestError
from registry.models import Case, Notice, Owner, Sender
from registry.notices import notices, senders
from registry.notices.addressees import propose_addressees, to_notice_fields
from registry.notices.checker import Gap, find_gaps
from registry.notices.contents import FIELDS, QUESTIONS, NoticeItem, build_items
from registry.notices.enclosures import list_packages, load_last_deposits
from registry.parties.proposed_fees import propose_fees_for_cases, sum_proposed_fees
from workers import wiring

CASES_PER_PAGE = 20
"""Number of cases per page whose questions are shown."""

MAX_SITES = 50
"""Maximum number of sites offered for a new notice. Those with the most cases that are not licensed are offered."""

MAX_GAPS = 10
"""Maximum number of missing items listed. Further ones are counted."""

CLAIM_CHECK_ID = "claims"
"""ID of the claim check on a notice's page."""


@decider_form()
def new_notice(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the form to start a notice, or create the draft: site, cases that are not licensed, and notice type.

    The query string can preselect cases (``?case=3&case=4``), or all of a site's cases (``?party=shop.example&all=1``).
    """
    fields = request.POST if request.method == "POST" else request.GET
    numbers = [number for number in map(parse_number, fields.getlist("case")) if number]
    party, problem = clean_text(fields.get("party", "")), ""
    if not party and numbers:
        party = Case.objects.filter(owner=owner, number=numbers[0]).values_list("party", flat=True).first() or ""
    if request.method == "POST":
        kind, _sep, language = fields.get("kind", "").partition(".")
        try:
            draft = notices.create_draft(owner, numbers, kind, language, by=request.user.get_username())
            return redirect("edit-notice", slug=owner.slug, number=draft.number)
        except InvalidRequestError as error:
            problem = in_words(error)
    kinds = [
        (
            f"{kind}.{language}",
            words.describe_kind(kind, language),
            words.KIND_DESCRIPTIONS[kind],
            words.LANGUAGES[language],
        )
        for kind, languages in notices.LANGUAGES.items()
        for language in languages
    ]
    confirmed = Case.objects.filter(owner=owner, decision=Case.Decision.CONFIRMED)
    parties = confirmed.values_list("party").annotate(n=Count("pk")).order_by("-n", "party")[: MAX_SITES + 1]
    values = {
        "party": party,
        **(_build_case_choices(owner, party, numbers, select_all="all" in fields) if party else {}),
        "kinds": kinds,
        "kind": fields.get("kind", ""),
        "parties": [] if party else list(parties[:MAX_SITES]),
        "more_parties": not party and len(parties) > MAX_SITES,
        "problem": problem,
    }
    return render_page(request, owner, "web/notice-new.html", values)


def _build_case_choices(owner: Owner, party: str, numbers: list[int], *, select_all: bool) -> dict[str, object]:
    """Return a site's cases, with all, the given ones, or by default those without a notice preselected."""
    rows = notices.list_cases_for_notice(owner, party, numbers)
    cases = [(row, getattr(row, "noticed", None)) for row in rows[: notices.MAX_CASES]]
    choices = [
        (case, notice, select_all or (case.number in numbers if numbers else notice is None)) for case, notice in cases
    ]
    excluded_numbers = sorted(set(numbers).difference(case.number for case, __ in cases))
    return {
        "cases": choices,
        "unticked": not all(is_selected for _case, _notice, is_selected in choices),
        "every": "?" + urlencode({"party": party, "all": 1}),
        "more": rows.count() - len(choices),
        "left_out": _(", ").join(map(str, excluded_numbers)),
    }


@decider_form()
def edit_notice(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Edit the fields of a draft, and the signer's considerations about each case."""
    row = notices.get_notice(owner, number)
    if row.state != Notice.State.DRAFT:
        return redirect("notice", slug=owner.slug, number=number)
    url = reverse("edit-notice", args=[owner.slug, number])
    if request.method == "POST":
        with ErrorMessages(request):
            _save_form(request, row)
        if "read" in request.POST:
            return redirect("notice", slug=owner.slug, number=number)
        page_number = request.POST.get("next", "") or request.GET.get("page", "")
        return redirect(f"{url}?page={page_number}#cases" if page_number.isdecimal() and len(page_number) < 5 else url)
    items = build_items(row)
    gaps = find_gaps(row, items)
    user = get_user(request)
    page = Paginator(items, CASES_PER_PAGE).get_page(request.GET.get("page"))
    fields = {"sender_name": user.get_full_name(), "sender_email": user.email} | row.fields
    is_chinese = row.kind in (Notice.Kind.PRC, Notice.Kind.COURT)
    values = {
        "notice": row,
        "kind": words.describe_kind(row.kind, row.language),
        "fields": fields,
        "sender_fields": words.build_sender_fields(fields, "sender_", is_chinese=is_chinese),
        "page": page,
        "cases": _build_case_questions(row, page, {gap.field_name for gap in gaps}),
        "fair_use": row.kind == Notice.Kind.DMCA,
        "proposals": [(proposal, words.describe_source(proposal)) for proposal in propose_addressees(row)],
        "senders": Sender.objects.filter(owner=owner).defer("file"),
        "files": row.kind in notices.FILINGS,
        "chinese": is_chinese,
        "undertakings": (
            (None, _("Choose")),
            ("none", _("Not requested")),
            ("within", _("Enclosed; not considerably broader than the uses described")),
            ("beyond", _("Enclosed; considerably broader than the uses described")),
        ),
        "smaller": ((None, "–"), ("yes", _("Yes, as a smaller claim")), ("no", _("No"))),
        **words.build_language_choices(row),
        **_build_enclosure_options(row, items),
        **(_build_fee_proposal(row, items) if row.kind == Notice.Kind.OFFER else {}),
        "lacking": {gap.field_name.partition("_")[0] for gap in gaps},
        **build_gap_links(items, gaps),
    }
    return render_page(request, owner, "web/notice-edit.html", values)


def _build_enclosure_options(row: Notice, items: Sequence[NoticeItem]) -> dict[str, object]:
    """Return the possible enclosures: deposit records, and packages if links can be created."""
    count = len(load_last_deposits([item.row.case for item in items]))
    deposits = ngettext("Enclose %(n)d deposit record", "Enclose %(n)d deposit records", count) % {"n": count}
    offered_packages = list_packages(row)[:20] if wiring.services().config.public_url else ()
    package_options = [(str(package.number), _("ZIP %(n)d") % {"n": package.number}) for package in offered_packages]
    return {
        "deposits": [(None, _("Enclose none")), ("1", deposits)] if count else [],
        "packages": [(None, _("No download link")), *package_options] if package_options else [],
    }


def _build_fee_proposal(row: Notice, items: Sequence[NoticeItem]) -> dict[str, object]:
    """Return the fee proposed for the uses of an offer, and a link to the reasons."""
    cases = [item.row.case.number for item in items]
    query = urlencode({"party": row.party, "case": cases}, doseq=True)
    try:
        proposal = sum_proposed_fees(propose_fees_for_cases(row.owner, row.party, cases))
    except InvalidRequestError:  # The decision of a case has changed since.
        return {}
    if proposal is None:
        return {"fee_reasons": f"?{query}"}
    help_text = _("Your fee tables propose %(amount)s.") % {"amount": format_amount(proposal.amount, proposal.currency)}
    return {"fee_reasons": f"?{query}", "fee_help": help_text}


def _build_case_questions(row: Notice, items: Iterable[NoticeItem], incomplete: Container[str]) -> list[dict[str, Any]]:
    """Return the cases on a page of the form, with their questions. The first incomplete case is expanded."""
    entries: list[dict[str, Any]] = []
    for item in items:
        number, answers = item.row.case.number, item.row.answers
        questions = words.QUESTIONS if row.kind == Notice.Kind.DMCA else ()
        values = {
            "item": item,
            "number": number,
            "places": len(item.current_places),
            "answers": answers,
            "lacks": f"case-{number}" in incomplete,
        }
        values["questions"] = [
            (f"{name}-{number}", question, ((None, _("Choose")), *choices), answers.get(name))
            for name, question, choices in questions
        ]
        values["open"] = values["lacks"] and not any(entry["lacks"] for entry in entries)
        entries.append(values)
    return entries


def build_gap_links(items: Sequence[NoticeItem], gaps: Sequence[Gap], form: str = "") -> dict[str, object]:
    """Return the missing items with links to their fields: in the form at this URL, or on the current page."""
    page_numbers = {f"case-{item.row.case.number}": n // CASES_PER_PAGE + 1 for n, item in enumerate(items)}
    page_queries = {field_name: f"?page={n}" for field_name, n in page_numbers.items() if len(items) > CASES_PER_PAGE}
    links = [
        (
            f"#{gap.field_name}"
            if gap.field_name == CLAIM_CHECK_ID
            else f"{form}{page_queries.get(gap.field_name, '')}#{gap.field_name}",
            gap.sentence,
        )
        for gap in gaps[:MAX_GAPS]
    ]
    return {"gaps": links, "more_gaps": len(gaps[MAX_GAPS:]), "all_gaps": len(gaps)}


def _save_form(request: HttpRequest, row: Notice) -> None:
    """Save the form. Cases on other pages of the form are not affected."""
    fields = {name: clean_text(request.POST.get(name, "")) for name in FIELDS if name in request.POST}
    if (addressee_index := request.POST.get("use", "")).isdecimal() and len(addressee_index) < 3:
        addressees = propose_addressees(row)
        fields |= to_notice_fields(addressees[int(addressee_index)]) if int(addressee_index) < len(addressees) else {}
    notices.save_fields(row, fields, list(fields))
    if number := parse_number(request.POST.get("sender")):
        senders.copy_to_draft(row, senders.get_sender(row.owner, number))
    if language := request.POST.get("language"):
        notices.change_language(row, language)
    for number in row.notice_cases.values_list("case__number", flat=True):
        if f"case-{number}" in request.POST:
            answers = {name: clean_text(request.POST.get(f"{name}-{number}", "")) for name in (*QUESTIONS, "words")}
            notices.save_considerations(row, number, answers)


@require_http_methods(FORM)
@decider_form()
def edit_sender(request: HttpRequest, owner: Owner, number: int = 0) -> HttpResponse:
    """Show the senders, and a form to save or remove a sender and upload its business licence."""
    row = senders.get_sender(owner, number) if number else None
    values, problem = {name: getattr(row, name, "") for name in senders.MAX_FIELD_LENGTHS}, ""
    if request.method == "POST":
        by, file = request.user.get_username(), request.FILES.get("file")
        values = {name: clean_text(request.POST.get(name, "")) for name in senders.MAX_FIELD_LENGTHS}
        try:
            if row is not None and "remove" in request.POST:
                senders.remove_sender(owner, row.number, by=by)
                messages.success(request, _("The sender was removed. Signed notices are not changed."))
            else:
                data = b"" if file is None else file.read(senders.MAX_FILE_BYTES + 1)
                name = "" if file is None else file.name or ""
                senders.save_sender(owner, row.number if row else None, values, by=by, file=data, name=name)
                messages.success(request, _("The sender was saved. You can select it in drafts."))
            return redirect("senders", slug=owner.slug)
        except InvalidRequestError as error:
            problem = in_words(error)
    status = 400 if problem else 200
    rows = Sender.objects.filter(owner=owner).defer("file")
    fields = words.build_sender_fields(values)
    context = {"senders": rows, "sender": row, "sender_fields": fields, "problem": problem}
    return render_page(request, owner, "web/sender.html", context, status)
