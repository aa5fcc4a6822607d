"""Case queue: groups by site or work, bulk decisions, and undoing them."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext, gettext as _, gettext_lazy, ngettext
from django.views.decorators.cache import cache_control

from desk.texts import cases as case_texts
from desk.texts.cases import describe_remarks
from desk.texts.numbers import grouped
from desk.texts.sentences import in_words
from desk.web.cases import assignments
from desk.web.common.access import clean_text, may_decide, parse_number
from desk.web.common.pages import decider_post, member_page, render_page
from exhibit.clock import now
from exhibit.errors import ExhibitError, InvalidRequestError
from exhibit.types import CaseDecision
from registry import scoped
from registry.cases import decisions, floods, queue, recaptures
from registry.cases.decisions import UNDO_PERIOD, DecisionChoice, DecisionOutcome, DecisionRequest
from registry.cases.licence_check import propose_licences
from registry.cases.other_works import find_other_works
from registry.cases.queue import CaseFilter, CaseState, Certainty, GroupKey, GroupOrder, ListedCase
from registry.cases.recaptures import PlaceState, VisitSummary
from registry.models import UNFINISHED, Case, Owner
from workers import wiring

ROWS_PER_PAGE = 30
LAST_DECISIONS_KEY = "decided-last"
"""Session key. By owner slug: the numbers of the most recently decided cases."""

STATES = (
    (CaseState.NEEDS_DECISION, gettext_lazy("Awaiting decision")),
    (CaseState.CONFIRMED, case_texts.DECISION_LABELS[CaseDecision.CONFIRMED]),
    (CaseState.LICENSED, case_texts.DECISION_LABELS[CaseDecision.LICENSED]),
    (CaseState.DISMISSED, case_texts.DECISION_LABELS[CaseDecision.DISMISSED]),
    (CaseState.DISPUTED, gettext_lazy("Disputed")),
    (CaseState.AWAITING_AGENCY, gettext_lazy("Awaiting agency reply")),
    (CaseState.RELATED, gettext_lazy("Related")),
    (CaseState.LOOK_ALIKES, gettext_lazy("Look-alikes")),
    (CaseState.ALL, gettext_lazy("All")),
)
RARE_STATES = (CaseState.DISPUTED, CaseState.AWAITING_AGENCY, CaseState.RELATED, CaseState.LOOK_ALIKES)
"""States that are offered only if there are cases in them."""
SORTS = (
    (GroupOrder.LIKELY, gettext_lazy("Most likely copies first")),
    (GroupOrder.REACH, gettext_lazy("Most pages first")),
    (GroupOrder.NEWEST, gettext_lazy("Newest first")),
    (GroupOrder.OLDEST, gettext_lazy("Oldest first")),
)
GROUPS = ((GroupKey.PARTY, gettext_lazy("By site")), (GroupKey.WORK, gettext_lazy("By work")))
CERTAINTIES = (
    (Certainty.ANY, gettext_lazy("Any")),
    (Certainty.CERTAIN, gettext_lazy("Very likely")),
    (Certainty.REVIEW, gettext_lazy("Review needed")),
    (Certainty.RELATED, gettext_lazy("Related")),
)
STATUS_CHOICES = ((None, gettext_lazy("Any")), *case_texts.STATUS_LABELS.items())
ChoiceT = TypeVar("ChoiceT", CaseState, GroupOrder, GroupKey, Certainty, PlaceState)
DefaultT = TypeVar("DefaultT")


@member_page()
@cache_control(private=True, no_store=True)  # The Back button shows the current state, even without scripts.
def cases(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the owner's cases, by default those that await a decision."""
    filters = parse_filters(request)
    skip = parse_number(request.GET.get("skip")) or 0
    listed_cases = queue.list_in_groups(owner, filters, skip, ROWS_PER_PAGE + 1)
    has_more, listed_cases = len(listed_cases) > ROWS_PER_PAGE, listed_cases[:ROWS_PER_PAGE]
    can_decide = may_decide(owner)
    empty_states = set(RARE_STATES) - queue.find_nonempty_states(owner, RARE_STATES)
    assignees = assignments.build_assignee_filters(request, owner, filters.state, filters.assigned)
    values = {
        "wanted": filters,
        "narrowed": bool(
            filters.words or filters.sure or filters.standing or filters.work or filters.party or filters.assigned
        ),
        "in_other_states": 0
        if listed_cases or skip or not filters.words
        else queue.count_in_all_states(owner, filters),
        "states": [(state, label) for state, label in STATES if state not in empty_states or state == filters.state],
        "sorts": SORTS,
        "group_kinds": GROUPS,
        "sures": CERTAINTIES,
        "standings": STATUS_CHOICES,
        "groups": _build_groups(owner, listed_cases, filters),
        "left": queue.count_pending_cases(owner, filters.assigned),
        "resembling": queue.count_related_cases(owner) if filters.state == CaseState.NEEDS_DECISION else 0,
        "skip": skip,
        "next": skip + len(listed_cases) if has_more else None,
        "back": max(skip - ROWS_PER_PAGE, 0) if skip else None,
        "may_decide": can_decide,
        "whose": assignees,
        "assigns": bool(assignees) or assignments.has_other_members(owner),
        "undo_assigned": assignments.get_recent_assignment(request, owner),
        "undo": request.session.get(LAST_DECISIONS_KEY, {}).get(owner.slug, []) if can_decide else [],
        "held": floods.list_undecided_floods().filter(work__owner=owner).exists,
        "aside": owner.group_decisions.filter(at__gt=now() - timedelta(days=1)).order_by("-pk").first(),
        "anything": bool(listed_cases) or Case.objects.filter(owner=owner).exists(),
    }
    return render_page(request, owner, "web/cases.html", values)


@decider_post()
def decide_cases(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Decide one or many cases, or undo decisions. ``decide`` contains the choice and the case numbers.

    Scripts get JSON with the number of remaining cases and a sentence for each case. Forms are redirected back.
    """
    is_script = request.headers.get("Accept") == "application/json"
    try:
        choice, outcomes = decide_from_form(request, owner)
    except ExhibitError as error:
        if is_script:
            return JsonResponse({"error": in_words(error)}, status=400)
        messages.error(request, in_words(error))
        return _redirect_to_queue(request, owner)
    if not is_script:
        _show_outcomes(request, choice, outcomes)
        return _redirect_to_queue(request, owner)
    remaining = queue.count_pending_cases(owner, assignments.parse_assignee(QueryDict(request.POST.get("query", ""))))
    return JsonResponse({"left": remaining, "cases": [_build_outcome_data(outcome) for outcome in outcomes]})


@member_page("web/cases-licences.html")
def list_licences_for_case(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show the licences that may permit the uses in a case, most likely first, and apply one to the listed cases."""
    case = scoped.get_case(owner, number)
    numbers = [number for number in map(parse_number, request.GET.get("cases", "").split()) if number] or [number]
    rows = [(fit, case_texts.describe_obstacle(fit.obstacle)) for fit in propose_licences(case)]
    return {"case": case, "fits": rows, "numbers": " ".join(map(str, numbers))}


def decide_from_form(request: HttpRequest, owner: Owner) -> tuple[str, list[DecisionOutcome]]:
    """Perform the decision in a form's ``decide`` field and remember it for undo.

    Returns:
        The choice, and the outcome for each case.

    Raises:
        ExhibitError: The field is invalid, or the decision is not possible.
    """
    action, *number_texts = request.POST.get("decide", "").split() or [""]
    choice, _colon, licence = action.partition(":")
    numbers = [number for number in map(parse_number, number_texts) if number]
    if not numbers or len(numbers) != len(number_texts):
        raise InvalidRequestError(gettext("No case was specified."))
    if choice not in set(DecisionChoice):
        raise InvalidRequestError(f"{choice!r} is not a valid decision.")
    granted_licence = (
        scoped.get_licence(owner, parse_number(licence) or 0) if choice == DecisionChoice.LICENSE else None
    )
    decision_request = DecisionRequest(
        DecisionChoice(choice), request.user.get_username(), clean_text(request.POST.get("reason", "")), granted_licence
    )
    outcomes = decisions.decide_cases(wiring.services(), owner, numbers, decision_request)
    decided_numbers = [outcome.case.number for outcome in outcomes if outcome.is_applied]
    if decided_numbers:
        decisions_by_owner = request.session.get(LAST_DECISIONS_KEY, {})
        request.session[LAST_DECISIONS_KEY] = {
            **decisions_by_owner,
            owner.slug: [] if choice == DecisionChoice.UNDO else decided_numbers,
        }
    return choice, outcomes


def _show_outcomes(request: HttpRequest, choice: str, outcomes: Sequence[DecisionOutcome]) -> None:
    if done_count := sum(1 for outcome in outcomes if outcome.is_applied):
        reopened_text = ngettext("%(n)s case was reopened.", "%(n)s cases were reopened.", done_count)
        decided_text = ngettext("%(n)s case was decided.", "%(n)s cases were decided.", done_count)
        messages.success(
            request, (reopened_text if choice == DecisionChoice.UNDO else decided_text) % {"n": grouped(done_count)}
        )
    for outcome in outcomes:
        if not outcome.is_applied:
            messages.warning(request, case_texts.describe_prior_decision(outcome.case))


def _build_outcome_data(outcome: DecisionOutcome) -> dict[str, object]:
    case = outcome.case
    values = {"one": outcome, "word": case_texts.decision_in_words(case.decision), "undo_for": UNDO_PERIOD.seconds}
    html = render_to_string("web/cases-outcome.html", values)
    case_values = {"number": case.number, "decision": case.decision, "open": case.is_pending or case.is_related}
    return case_values | {"done": outcome.is_applied, "html": html}


def _redirect_to_queue(request: HttpRequest, owner: Owner) -> HttpResponse:
    query = request.POST.get("query", "")
    url = reverse("cases", args=[owner.slug])
    return redirect(f"{url}?{query}" if query else url)


def _build_groups(owner: Owner, listed_cases: Sequence[ListedCase], filters: CaseFilter) -> list[dict[str, Any]]:
    """Return the groups of a page, with their rows and texts."""
    cases = [row.case for row in listed_cases]
    items_by_case, other_works = (
        {item["case"].pk: item for item in build_case_items(owner, cases)},
        find_other_works(cases),
    )
    groups = []
    by_site = filters.group is GroupKey.PARTY
    for __, rows in groupby(
        listed_cases, key=lambda listed_case: listed_case.case.party if by_site else listed_case.case.work_id
    ):
        group_cases = list(rows)
        group_items = [items_by_case[row.case.pk] | {"also": other_works.get(row.case.pk, ())} for row in group_cases]
        first_case = group_cases[0].case
        open_numbers = [str(item["case"].number) for item in group_items if item["case"].is_pending]
        groups.append(
            {
                "first": first_case,
                "items": group_items,
                "waiting": " ".join(open_numbers),
                "size": group_cases[0].group_size,
            }
        )
    return groups


def build_case_items(owner: Owner, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Return the template data of cases fetched with ``queue.RELATED_FIELDS``, in the given order."""
    times, visits_by_case = queue.find_seen_times(list(cases)), recaptures.summarize_visits(cases)
    hidden_ids = scoped.find_hidden_pictures(owner, [row.shown.match.found for row in cases if row.shown is not None])
    return [_build_case_item(row, times, hidden_ids, visits_by_case.get(row.pk)) for row in cases]


def _build_case_item(
    row: Case, times: dict[int, tuple[Any, Any]], hidden_ids: set[int], visits: VisitSummary | None
) -> dict[str, Any]:
    item = {
        "case": row,
        "state": case_texts.decision_in_words(row.decision),
        "now": visits and case_texts.describe_visits(visits),
    }
    if row.shown is not None:
        match = row.shown.match
        item |= {
            "match": match,
            "hidden": match.found_id in hidden_ids,
            "page": row.shown.sighting.page_url,
            "where": case_texts.shorten_url(row.shown.sighting.page_url),
            "seen": case_texts.describe_sightings(row, times[row.pk][0]),
            "how_much": case_texts.describe_overlap(match),
            "how_sure": case_texts.describe_certainty(match),
            "remarks": describe_remarks(match.reasons) if match.decision != "certain" else [],
            "grown": row.decision != Case.Decision.OPEN and row.is_pending,
        }
    return item


def parse_filters(request: HttpRequest) -> CaseFilter:
    """Parse the queue's filters from a query string."""
    return CaseFilter(
        state=_parse_choice(CaseState, request.GET.get("state", ""), CaseState.NEEDS_DECISION),
        words=clean_text(request.GET.get("q", "")),
        sure=_parse_choice(Certainty, request.GET.get("sure", ""), Certainty.ANY),
        work=parse_number(request.GET.get("work")),
        party=clean_text(request.GET.get("party", "")),
        standing=_parse_choice(PlaceState, request.GET.get("now", ""), None),
        sort=_parse_choice(GroupOrder, request.GET.get("sort", ""), GroupOrder.LIKELY),
        group=_parse_choice(GroupKey, request.GET.get("group", ""), GroupKey.PARTY),
        assigned=assignments.parse_assignee(request.GET),
    )


def _parse_choice(kind: type[ChoiceT], text: str, default: DefaultT) -> ChoiceT | DefaultT:
    return kind(text) if text in set(kind) else default


@decider_post(back="cases")
def dismiss_group(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Dismiss all undecided cases that match the filters in the query string."""
    by, reason = request.user.get_username(), clean_text(request.POST.get("reason", ""))
    group = decisions.dismiss_group(wiring.services(), owner, parse_filters(request), by=by, reason=reason)
    return redirect("group-decision", slug=owner.slug, group=group.pk)


@member_page("web/group-decision.html")
def group_decision(request: HttpRequest, owner: Owner, group: int) -> dict[str, object]:
    """Show the progress of dismissing or reopening a group of cases."""
    row = get_object_or_404(owner.group_decisions, pk=group)
    dismissed_count = row.cases.filter(decision=Case.Decision.DISMISSED).count()
    is_own = row.by == request.user.get_username()
    return {"group": row, "dismissed": dismissed_count, "goes_on": row.state in UNFINISHED, "mine": is_own}


@decider_post(back="group-decision")
def undo_group(request: HttpRequest, owner: Owner, group: int) -> str:
    """Reopen the cases that were dismissed as a group."""
    row = get_object_or_404(owner.group_decisions, pk=group)
    decisions.undo_group(wiring.services(), row, by=request.user.get_username())
    return _("The cases are being reopened one by one.")
