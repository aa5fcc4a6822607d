"""The case queue: groups by party or work, bulk decisions, and their undo."""

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

from desk.texts import cases as case_words
from desk.texts.cases import remarks_of
from desk.texts.numbers import grouped
from desk.texts.sentences import in_words
from desk.web.cases import assignments
from desk.web.common.access import clean_text, may_decide, parse_number
from desk.web.common.pages import decider_post, member_page, show
from exhibit.clock import now
from exhibit.errors import ExhibitError, WrongUseError
from exhibit.types import CaseDecision
from registry import scoped
from registry.cases import decisions, floods, queue, recaptures
from registry.cases.decisions import UNDO_FOR, Choice, DecisionRequest, Outcome
from registry.cases.licence_check import find_fitting
from registry.cases.other_works import find_other_works
from registry.cases.queue import CaseFilter, Certainty, Group, ListedCase, Sort, State
from registry.cases.recaptures import Standing, VisitSummary
from registry.models import UNFINISHED, Case, Owner
from workers import wiring

ROWS = 30
LAST = "decided-last"
"""Session key. By owner slug: the numbers of the cases decided last."""

STATES = (
    (State.NEEDS_DECISION, gettext_lazy("Awaiting decision")),
    (State.CONFIRMED, case_words.DECISION_LABELS[CaseDecision.CONFIRMED]),
    (State.LICENSED, case_words.DECISION_LABELS[CaseDecision.LICENSED]),
    (State.DISMISSED, case_words.DECISION_LABELS[CaseDecision.CLEARED]),
    (State.DISPUTED, gettext_lazy("Disputed")),
    (State.AWAITING_AGENCY, gettext_lazy("Awaiting agency reply")),
    (State.RESEMBLES, gettext_lazy("Related")),
    (State.LOOK_ALIKES, gettext_lazy("Look-alikes")),
    (State.ALL, gettext_lazy("All")),
)
RARE_STATES = (State.DISPUTED, State.AWAITING_AGENCY, State.RESEMBLES, State.LOOK_ALIKES)
"""States that are offered only if some case is in them."""
SORTS = (
    (Sort.LIKELY, gettext_lazy("Most likely copies first")),
    (Sort.REACH, gettext_lazy("Most pages first")),
    (Sort.NEWEST, gettext_lazy("Newest first")),
    (Sort.OLDEST, gettext_lazy("Oldest first")),
)
GROUPS = ((Group.PARTY, gettext_lazy("By site")), (Group.WORK, gettext_lazy("By work")))
CERTAINTIES = (
    (Certainty.ANY, gettext_lazy("Any")),
    (Certainty.CERTAIN, gettext_lazy("Very likely")),
    (Certainty.REVIEW, gettext_lazy("Review needed")),
    (Certainty.RESEMBLES, gettext_lazy("Related")),
)
STANDINGS = ((None, gettext_lazy("Any")), *case_words.STANDINGS.items())
One = TypeVar("One", State, Sort, Group, Certainty, Standing)
Otherwise = TypeVar("Otherwise")


@member_page()
@cache_control(private=True, no_store=True)  # Going back shows the current state, even without a script.
def cases(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the owner's cases, by default those that await a decision."""
    filters = filters_in(request)
    skip = parse_number(request.GET.get("skip")) or 0
    listed_cases = queue.list_in_groups(owner, filters, skip, ROWS + 1)
    more, listed_cases = len(listed_cases) > ROWS, listed_cases[:ROWS]
    decides = may_decide(owner)
    empty = set(RARE_STATES) - queue.find_nonempty_states(owner, RARE_STATES)
    assignees = assignments.assignee_filters(request, owner, filters.state, filters.assigned)
    values = {
        "wanted": filters,
        "narrowed": bool(
            filters.words or filters.sure or filters.standing or filters.work or filters.party or filters.assigned
        ),
        "in_other_states": 0
        if listed_cases or skip or not filters.words
        else queue.count_in_other_states(owner, filters),
        "states": [(state, words) for state, words in STATES if state not in empty or state == filters.state],
        "sorts": SORTS,
        "group_kinds": GROUPS,
        "sures": CERTAINTIES,
        "standings": STANDINGS,
        "groups": _groups(owner, listed_cases, filters),
        "left": queue.count_waiting(owner, filters.assigned),
        "resembling": queue.count_related(owner) if filters.state == State.NEEDS_DECISION else 0,
        "skip": skip,
        "next": skip + len(listed_cases) if more else None,
        "back": max(skip - ROWS, 0) if skip else None,
        "may_decide": decides,
        "whose": assignees,
        "assigns": bool(assignees) or assignments.has_other_members(owner),
        "undo_assigned": assignments.recent_assignment(request, owner),
        "undo": request.session.get(LAST, {}).get(owner.slug, []) if decides else [],
        "held": floods.undecided_floods().filter(work__owner=owner).exists,
        "aside": owner.group_decisions.filter(at__gt=now() - timedelta(days=1)).order_by("-pk").first(),
        "anything": bool(listed_cases) or Case.objects.filter(owner=owner).exists(),
    }
    return show(request, owner, "web/cases.html", values)


@decider_post()
def decide_cases(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Decide one or many cases, or undo decisions. ``decide`` contains the choice and the case numbers.

    Scripts get JSON with the number of remaining cases and a sentence for each case. Forms are redirected back.
    """
    script = request.headers.get("Accept") == "application/json"
    try:
        choice, outcomes = decide_from_form(request, owner)
    except ExhibitError as error:
        if script:
            return JsonResponse({"error": in_words(error)}, status=400)
        messages.error(request, in_words(error))
        return _back(request, owner)
    if not script:
        _show_outcomes(request, choice, outcomes)
        return _back(request, owner)
    remaining = queue.count_waiting(owner, assignments.assignee_in(QueryDict(request.POST.get("query", ""))))
    return JsonResponse({"left": remaining, "cases": [_outcome_data(outcome) for outcome in outcomes]})


@member_page("web/cases-licences.html")
def licences_for(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show the licences that may permit the uses in a case, likeliest first, to be applied to the listed cases."""
    case = scoped.case(owner, number)
    numbers = [number for number in map(parse_number, request.GET.get("cases", "").split()) if number] or [number]
    fits = [(fit, case_words.describe_obstacle(fit.obstacle)) for fit in find_fitting(case)]
    return {"case": case, "fits": fits, "numbers": " ".join(map(str, numbers))}


def decide_from_form(request: HttpRequest, owner: Owner) -> tuple[str, list[Outcome]]:
    """Perform the decision in a form's ``decide`` field and remember it for undo. Raises ``ExhibitError``."""
    action, *numbers_given = request.POST.get("decide", "").split() or [""]
    word, _colon, licence = action.partition(":")
    numbers = [number for number in map(parse_number, numbers_given) if number]
    if not numbers or len(numbers) != len(numbers_given):
        raise WrongUseError(gettext("No case was specified."))
    if word not in set(Choice):
        raise WrongUseError(f"{word!r} is no decision.")
    granted = scoped.licence(owner, parse_number(licence) or 0) if word == Choice.LICENSE else None
    wish = DecisionRequest(
        Choice(word), request.user.get_username(), clean_text(request.POST.get("reason", "")), granted
    )
    outcomes = decisions.decide_each(wiring.services(), owner, numbers, wish)
    done = [outcome.case.number for outcome in outcomes if outcome.done]
    if done:
        last = request.session.get(LAST, {})
        request.session[LAST] = {**last, owner.slug: [] if word == Choice.UNDO else done}
    return word, outcomes


def _show_outcomes(request: HttpRequest, choice: str, outcomes: Sequence[Outcome]) -> None:
    if done := sum(1 for outcome in outcomes if outcome.done):
        undone = ngettext("%(n)s case was reopened.", "%(n)s cases were reopened.", done)
        decided = ngettext("%(n)s case was decided.", "%(n)s cases were decided.", done)
        messages.success(request, (undone if choice == Choice.UNDO else decided) % {"n": grouped(done)})
    for outcome in outcomes:
        if not outcome.done:
            messages.warning(request, case_words.describe_prior_decision(outcome.case))


def _outcome_data(outcome: Outcome) -> dict[str, object]:
    case = outcome.case
    values = {"one": outcome, "word": case_words.decision_in_words(case.decision), "undo_for": UNDO_FOR.seconds}
    html = render_to_string("web/cases-outcome.html", values)
    values_of_case = {"number": case.number, "decision": case.decision, "open": case.waits or case.resembles}
    return values_of_case | {"done": outcome.done, "html": html}


def _back(request: HttpRequest, owner: Owner) -> HttpResponse:
    query = request.POST.get("query", "")
    address = reverse("cases", args=[owner.slug])
    return redirect(f"{address}?{query}" if query else address)


def _groups(owner: Owner, listed_cases: Sequence[ListedCase], filters: CaseFilter) -> list[dict[str, Any]]:
    """Return the groups of a page, with their rows and texts."""
    cases = [row.case for row in listed_cases]
    items_of, also = {item["case"].pk: item for item in case_items(owner, cases)}, find_other_works(cases)
    groups = []
    by_party = filters.group is Group.PARTY
    for __, rows in groupby(
        listed_cases, key=lambda listed_case: listed_case.case.party if by_party else listed_case.case.work_id
    ):
        listed = list(rows)
        of_group = [items_of[row.case.pk] | {"also": also.get(row.case.pk, ())} for row in listed]
        first = listed[0].case
        open_numbers = [str(item["case"].number) for item in of_group if item["case"].waits]
        groups.append(
            {"first": first, "items": of_group, "waiting": " ".join(open_numbers), "size": listed[0].group_size}
        )
    return groups


def case_items(owner: Owner, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Return the template data of cases fetched with ``queue.SHOWN``, in the given order."""
    times, visited = queue.find_seen_times(list(cases)), recaptures.summarize_visits(cases)
    hidden_ids = scoped.find_hidden(owner, [row.shown.match.found for row in cases if row.shown is not None])
    return [_item(row, times, hidden_ids, visited.get(row.pk)) for row in cases]


def _item(
    row: Case, times: dict[int, tuple[Any, Any]], hidden_ids: set[int], now: VisitSummary | None
) -> dict[str, Any]:
    item = {
        "case": row,
        "state": case_words.decision_in_words(row.decision),
        "now": now and case_words.describe_visits(now),
    }
    if row.shown is not None:
        match = row.shown.match
        item |= {
            "match": match,
            "hidden": match.found_id in hidden_ids,
            "page": row.shown.sighting.page_url,
            "where": case_words.shorten_url(row.shown.sighting.page_url),
            "seen": case_words.describe_sightings(row, times[row.pk][0]),
            "how_much": case_words.describe_share(match),
            "how_sure": case_words.describe_certainty(match),
            "remarks": remarks_of(match.reasons) if match.decision != "certain" else [],
            "grown": row.decision != Case.Decision.OPEN and row.waits,
        }
    return item


def filters_in(request: HttpRequest) -> CaseFilter:
    """Parse the queue's filters from a query string."""
    return CaseFilter(
        state=_parse_choice(State, request.GET.get("state", ""), State.NEEDS_DECISION),
        words=clean_text(request.GET.get("q", "")),
        sure=_parse_choice(Certainty, request.GET.get("sure", ""), Certainty.ANY),
        work=parse_number(request.GET.get("work")),
        party=clean_text(request.GET.get("party", "")),
        standing=_parse_choice(Standing, request.GET.get("now", ""), None),
        sort=_parse_choice(Sort, request.GET.get("sort", ""), Sort.LIKELY),
        group=_parse_choice(Group, request.GET.get("group", ""), Group.PARTY),
        assigned=assignments.assignee_in(request.GET),
    )


def _parse_choice(kind: type[One], word: str, otherwise: Otherwise) -> One | Otherwise:
    return kind(word) if word in set(kind) else otherwise


@decider_post(back="cases")
def dismiss_group(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Clear all waiting cases that match the filters in the query string."""
    by, reason = request.user.get_username(), clean_text(request.POST.get("reason", ""))
    group = decisions.dismiss_group(wiring.services(), owner, filters_in(request), by=by, reason=reason)
    return redirect("group-decision", slug=owner.slug, group=group.pk)


@member_page("web/group-decision.html")
def group_decision(request: HttpRequest, owner: Owner, group: int) -> dict[str, object]:
    """Show the progress of clearing or reopening a group of cases."""
    row = get_object_or_404(owner.group_decisions, pk=group)
    cleared = row.cases.filter(decision=Case.Decision.CLEARED).count()
    is_own = row.by == request.user.get_username()
    return {"group": row, "cleared": cleared, "goes_on": row.state in UNFINISHED, "mine": is_own}


@decider_post(back="group-decision")
def undo_group(request: HttpRequest, owner: Owner, group: int) -> str:
    """Reopen the cases that were cleared as a group."""
    row = get_object_or_404(owner.group_decisions, pk=group)
    decisions.undo_group(wiring.services(), row, by=request.user.get_username())
    return _("The cases are being reopened one by one.")
