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
from desk.web.cases import assigning
from desk.web.common.access import may_decide, number_in, said
from desk.web.common.pages import decider_post, member_page, show
from exhibit.clock import now
from exhibit.errors import ExhibitError, WrongUseError
from exhibit.types import CaseDecision
from registry import scoped
from registry.cases import decisions, floods, queue, recaptures
from registry.cases.also_shown import also_shown
from registry.cases.decisions import UNDO_FOR, Choice, Outcome, Wish
from registry.cases.licence_check import fitting
from registry.cases.queue import Group, Listed, Sort, State, Sure, Wanted
from registry.cases.recaptures import Standing, Visited
from registry.models import UNFINISHED, Case, Owner
from workers import wiring

ROWS = 30
LAST = "decided-last"
"""Session key. By owner slug: the numbers of the cases decided last."""

STATES = (
    (State.WAITING, gettext_lazy("Awaiting decision")),
    (State.CONFIRMED, case_words.OFFERED[CaseDecision.CONFIRMED]),
    (State.LICENSED, case_words.OFFERED[CaseDecision.LICENSED]),
    (State.CLEARED, case_words.OFFERED[CaseDecision.CLEARED]),
    (State.DISPUTED, gettext_lazy("Disputed")),
    (State.ASKED, gettext_lazy("Awaiting agency reply")),
    (State.RESEMBLES, gettext_lazy("Related")),
    (State.LOOK_ALIKES, gettext_lazy("Look-alikes")),
    (State.ALL, gettext_lazy("All")),
)
RARE = (State.DISPUTED, State.ASKED, State.RESEMBLES, State.LOOK_ALIKES)
"""States that are offered only if some case is in them."""
SORTS = (
    (Sort.LIKELY, gettext_lazy("Most likely copies first")),
    (Sort.REACH, gettext_lazy("Most pages first")),
    (Sort.NEWEST, gettext_lazy("Newest first")),
    (Sort.OLDEST, gettext_lazy("Oldest first")),
)
GROUPS = ((Group.PARTY, gettext_lazy("By site")), (Group.WORK, gettext_lazy("By work")))
SURES = (
    (Sure.ANY, gettext_lazy("Any")),
    (Sure.CERTAIN, gettext_lazy("Very likely")),
    (Sure.REVIEW, gettext_lazy("Review needed")),
    (Sure.RESEMBLES, gettext_lazy("Related")),
)
STANDINGS = ((None, gettext_lazy("Any")), *case_words.STANDINGS.items())
One = TypeVar("One", State, Sort, Group, Sure, Standing)
Otherwise = TypeVar("Otherwise")


@member_page()
@cache_control(private=True, no_store=True)  # Going back shows the current state, even without a script.
def cases(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the owner's cases, by default those that await a decision."""
    filters = wanted_in(request)
    skip = number_in(request.GET.get("skip")) or 0
    listed_cases = queue.in_groups(owner, filters, skip, ROWS + 1)
    more, listed_cases = len(listed_cases) > ROWS, listed_cases[:ROWS]
    decides = may_decide(owner)
    empty = set(RARE) - queue.filled(owner, RARE)
    whose = assigning.filters_of(request, owner, filters.state, filters.assigned)
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
        "sures": SURES,
        "standings": STANDINGS,
        "groups": _groups(owner, listed_cases, filters),
        "left": queue.left(owner, filters.assigned),
        "resembling": queue.resembling(owner) if filters.state == State.WAITING else 0,
        "skip": skip,
        "next": skip + len(listed_cases) if more else None,
        "back": max(skip - ROWS, 0) if skip else None,
        "may_decide": decides,
        "whose": whose,
        "assigns": bool(whose) or assigning.shared(owner),
        "undo_assigned": assigning.undo_of(request, owner),
        "undo": request.session.get(LAST, {}).get(owner.slug, []) if decides else [],
        "held": floods.undecided().filter(work__owner=owner).exists,
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
        choice, outcomes = decided(request, owner)
    except ExhibitError as error:
        if script:
            return JsonResponse({"error": in_words(error)}, status=400)
        messages.error(request, in_words(error))
        return _back(request, owner)
    if not script:
        _tell(request, choice, outcomes)
        return _back(request, owner)
    left = queue.left(owner, assigning.whose(QueryDict(request.POST.get("query", ""))))
    return JsonResponse({"left": left, "cases": [_told(outcome) for outcome in outcomes]})


@member_page("web/cases-licences.html")
def licences_for(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show the licences that may permit the uses in a case, likeliest first, to be applied to the listed cases."""
    case = scoped.case(owner, number)
    numbers = [number for number in map(number_in, request.GET.get("cases", "").split()) if number] or [number]
    fits = [(fit, case_words.why_not(fit.obstacle)) for fit in fitting(case)]
    return {"case": case, "fits": fits, "numbers": " ".join(map(str, numbers))}


def decided(request: HttpRequest, owner: Owner) -> tuple[str, list[Outcome]]:
    """Perform the decision in a form's ``decide`` field and remember it for undo. Raises ``ExhibitError``."""
    deed, *numbers_given = request.POST.get("decide", "").split() or [""]
    word, _colon, licence = deed.partition(":")
    numbers = [number for number in map(number_in, numbers_given) if number]
    if not numbers or len(numbers) != len(numbers_given):
        raise WrongUseError(gettext("No case was specified."))
    if word not in set(Choice):
        raise WrongUseError(f"{word!r} is no decision.")
    granted = scoped.licence(owner, number_in(licence) or 0) if word == Choice.LICENSE else None
    wish = Wish(Choice(word), request.user.get_username(), said(request.POST.get("reason", "")), granted)
    outcomes = decisions.decide_each(wiring.services(), owner, numbers, wish)
    done = [outcome.case.number for outcome in outcomes if outcome.done]
    if done:
        last = request.session.get(LAST, {})
        request.session[LAST] = {**last, owner.slug: [] if word == Choice.UNDO else done}
    return word, outcomes


def _tell(request: HttpRequest, choice: str, outcomes: Sequence[Outcome]) -> None:
    if done := sum(1 for outcome in outcomes if outcome.done):
        undone = ngettext("%(n)s case was reopened.", "%(n)s cases were reopened.", done)
        decided = ngettext("%(n)s case was decided.", "%(n)s cases were decided.", done)
        messages.success(request, (undone if choice == Choice.UNDO else decided) % {"n": grouped(done)})
    for outcome in outcomes:
        if not outcome.done:
            messages.warning(request, case_words.taken(outcome.case))


def _told(outcome: Outcome) -> dict[str, object]:
    case = outcome.case
    values = {"one": outcome, "word": case_words.decision_in_words(case.decision), "undo_for": UNDO_FOR.seconds}
    html = render_to_string("web/cases-outcome.html", values)
    values_of_case = {"number": case.number, "decision": case.decision, "open": case.waits or case.resembles}
    return values_of_case | {"done": outcome.done, "html": html}


def _back(request: HttpRequest, owner: Owner) -> HttpResponse:
    query = request.POST.get("query", "")
    address = reverse("cases", args=[owner.slug])
    return redirect(f"{address}?{query}" if query else address)


def _groups(owner: Owner, found: Sequence[Listed], wanted: Wanted) -> list[dict[str, Any]]:
    """Return the groups of a page, with their rows and texts."""
    cases = [row.case for row in found]
    items_of, also = {item["case"].pk: item for item in items(owner, cases)}, also_shown(cases)
    groups = []
    by_party = wanted.group is Group.PARTY
    for __, rows in groupby(found, key=lambda one: one.case.party if by_party else one.case.work_id):
        listed = list(rows)
        of_group = [items_of[row.case.pk] | {"also": also.get(row.case.pk, ())} for row in listed]
        first = listed[0].case
        waiting = [str(item["case"].number) for item in of_group if item["case"].waits]
        groups.append({"first": first, "items": of_group, "waiting": " ".join(waiting), "size": listed[0].group_size})
    return groups


def items(owner: Owner, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Return the template data of cases fetched with ``queue.SHOWN``, in the given order."""
    times, visited = queue.seen_between(list(cases)), recaptures.visited(cases)
    hidden = scoped.hidden_among(owner, [row.shown.match.found for row in cases if row.shown is not None])
    return [_item(row, times, hidden, visited.get(row.pk)) for row in cases]


def _item(row: Case, times: dict[int, tuple[Any, Any]], hidden: set[int], now: Visited | None) -> dict[str, Any]:
    item = {"case": row, "state": case_words.decision_in_words(row.decision), "now": now and case_words.visited(now)}
    if row.shown is not None:
        match = row.shown.match
        item |= {
            "match": match,
            "hidden": match.found_id in hidden,
            "page": row.shown.sighting.page_url,
            "where": case_words.where(row.shown.sighting.page_url),
            "seen": case_words.seen(row, times[row.pk][0]),
            "how_much": case_words.how_much(match),
            "how_sure": case_words.how_sure(match),
            "remarks": remarks_of(match.reasons) if match.decision != "certain" else [],
            "grown": row.decision != Case.Decision.OPEN and row.waits,
        }
    return item


def wanted_in(request: HttpRequest) -> Wanted:
    """Parse the queue's filters from a query string."""
    return Wanted(
        state=_one_of(State, request.GET.get("state", ""), State.WAITING),
        words=said(request.GET.get("q", "")),
        sure=_one_of(Sure, request.GET.get("sure", ""), Sure.ANY),
        work=number_in(request.GET.get("work")),
        party=said(request.GET.get("party", "")),
        standing=_one_of(Standing, request.GET.get("now", ""), None),
        sort=_one_of(Sort, request.GET.get("sort", ""), Sort.LIKELY),
        group=_one_of(Group, request.GET.get("group", ""), Group.PARTY),
        assigned=assigning.whose(request.GET),
    )


def _one_of(kind: type[One], word: str, otherwise: Otherwise) -> One | Otherwise:
    return kind(word) if word in set(kind) else otherwise


@decider_post(back="cases")
def put_aside(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Clear all waiting cases that match the filters in the query string."""
    by, reason = request.user.get_username(), said(request.POST.get("reason", ""))
    group = decisions.clear_group(wiring.services(), owner, wanted_in(request), by=by, reason=reason)
    return redirect("group-decision", slug=owner.slug, group=group.pk)


@member_page("web/group-decision.html")
def group_decision(request: HttpRequest, owner: Owner, group: int) -> dict[str, object]:
    """Show the progress of clearing or reopening a group of cases."""
    row = get_object_or_404(owner.group_decisions, pk=group)
    cleared = row.cases.filter(decision=Case.Decision.CLEARED).count()
    mine = row.by == request.user.get_username()
    return {"group": row, "cleared": cleared, "goes_on": row.state in UNFINISHED, "mine": mine}


@decider_post(back="group-decision")
def undo_group(request: HttpRequest, owner: Owner, group: int) -> str:
    """Reopen the cases that were cleared as a group."""
    row = get_object_or_404(owner.group_decisions, pk=group)
    decisions.undo_group(wiring.services(), row, by=request.user.get_username())
    return _("The cases are being reopened one by one.")
