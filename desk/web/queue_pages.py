"""The queue of cases: groups of a party or a work, many decided at once, and what was decided taken back."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from desk import case_words
from desk.remarks import remarks_of
from desk.web.access import forbidden, may_decide, member_view, said
from exhibit.errors import ExhibitError, WrongUseError
from registry import owned, queue
from registry.licence_check import fitting
from registry.models import BytesState, Case, Owner, PictureReport
from registry.queue import Group, Listed, Sort, State, Sure, Wanted
from workers import decisions
from workers.decisions import Choice, Outcome, Wish
from workers.wiring import house

ROWS = 40
LAST = "decided-last"
"""In a session: the numbers of the cases that were decided last, by the owner's short name."""

STATES = (
    (State.WAITING, gettext_lazy("To decide")),
    (State.CONFIRMED, gettext_lazy("Not licensed")),
    (State.LICENSED, gettext_lazy("Licensed")),
    (State.CLEARED, gettext_lazy("Cleared")),
    (State.DISPUTED, gettext_lazy("Disputed")),
    (State.LOOK_ALIKES, gettext_lazy("Look-alikes")),
    (State.ALL, gettext_lazy("All")),
)
SORTS = (
    (Sort.LIKELY, gettext_lazy("Most likely copies first")),
    (Sort.REACH, gettext_lazy("Most places first")),
    (Sort.NEWEST, gettext_lazy("Newest first")),
    (Sort.OLDEST, gettext_lazy("Oldest first")),
)
GROUPS = ((Group.PARTY, gettext_lazy("By party")), (Group.WORK, gettext_lazy("By work")))
SURES = (
    (Sure.ANY, gettext_lazy("Any")),
    (Sure.CERTAIN, gettext_lazy("Very likely")),
    (Sure.REVIEW, gettext_lazy("To look at closely")),
)
One = TypeVar("One", State, Sort, Group, Sure)


@require_safe
@member_view
def cases(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The owner's cases, those that wait for a person first asked for."""
    wanted = _wanted(request)
    skip = _number(request.GET.get("skip")) or 0
    found = queue.in_groups(owner, wanted, skip, ROWS + 1)
    more, found = len(found) > ROWS, found[:ROWS]
    decides = may_decide(request, owner)
    values = {
        "owner": owner,
        "wanted": wanted,
        "states": STATES,
        "sorts": SORTS,
        "group_kinds": GROUPS,
        "sures": SURES,
        "groups": _groups(found, wanted),
        "left": queue.left(owner),
        "skip": skip,
        "next": skip + len(found) if more else None,
        "back": max(skip - ROWS, 0) if skip else None,
        "may_decide": decides,
        "undo": request.session.get(LAST, {}).get(owner.slug, []) if decides else [],
        "anything": bool(found) or Case.objects.filter(owner=owner).exists(),
    }
    return render(request, "web/cases.html", values)


@require_POST
@member_view
def decide_cases(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Decide one or many cases, or take back what was decided: ``decide`` is a choice and the numbers.

    A script is answered in JSON: how many are left, and a sentence for each case. A form goes back to where it was.
    """
    if not may_decide(request, owner):
        return forbidden()
    script = request.headers.get("Accept") == "application/json"
    try:
        choice, outcomes = _decided(request, owner)
    except ExhibitError as error:
        if script:
            return JsonResponse({"error": f"{error.message} {error.hint}".strip()}, status=400)
        messages.error(request, str(error))
        return _back(request, owner)
    done = [one.case.number for one in outcomes if one.done]
    last = request.session.get(LAST, {})
    request.session[LAST] = {**last, owner.slug: [] if choice == "undo" else done}
    if not script:
        _tell(request, choice, outcomes)
        return _back(request, owner)
    told = [
        {
            "number": one.case.number,
            "done": one.done,
            "open": one.case.waits,
            "html": render_to_string("web/cases-outcome.html", {"one": one, "word": case_words.state_of(one.case)}),
        }
        for one in outcomes
    ]
    return JsonResponse({"left": queue.left(owner), "cases": told})


@require_safe
@member_view
def licences_for(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """The licences that may permit what a case holds, the likeliest first; for these cases, this one among them."""
    case = owned.case(owner, number)
    numbers = [one for one in map(_number, request.GET.get("cases", "").split()) if one] or [number]
    values = {"owner": owner, "case": case, "fits": fitting(case), "numbers": " ".join(map(str, numbers))}
    return render(request, "web/cases-licences.html", values)


def _decided(request: HttpRequest, owner: Owner) -> tuple[str, list[Outcome]]:
    word, *rest = request.POST.get("decide", "").split()[:1] or [""]
    word, _colon, licence = word.partition(":")
    rest = request.POST.get("decide", "").split()[1:]
    numbers = [one for one in map(_number, rest) if one]
    if not numbers or len(numbers) != len(rest):
        raise WrongUseError("No case is named.")
    by = request.user.get_username()
    if word == "undo":
        return word, decisions.undo_each(owner, numbers, by=by)
    if word not in set(Choice):
        raise WrongUseError(f"{word!r} is no decision.")
    granted = owned.licence(owner, _number(licence) or 0) if word == Choice.LICENSE else None
    wish = Wish(Choice(word), by, said(request.POST.get("reason", "")), granted)
    return word, decisions.decide_each(house(), owner, numbers, wish)


def _tell(request: HttpRequest, choice: str, outcomes: Sequence[Outcome]) -> None:
    done = sum(1 for one in outcomes if one.done)
    if done and choice == "undo":
        words = ngettext("%(n)d case is open again.", "%(n)d cases are open again.", done)
        messages.success(request, words % {"n": done})
    elif done:
        messages.success(request, ngettext("%(n)d case was decided.", "%(n)d cases were decided.", done) % {"n": done})
    for one in outcomes:
        if not one.done:
            messages.warning(request, case_words.taken(one.case))


def _back(request: HttpRequest, owner: Owner) -> HttpResponse:
    query = request.POST.get("query", "")
    address = reverse("cases", args=[owner.slug])
    return redirect(f"{address}?{query}" if query else address)


def _groups(found: Sequence[Listed], wanted: Wanted) -> list[dict[str, Any]]:
    """The rows of a page, group by group, with the words of each."""
    cases = [one.case for one in found]
    times = queue.seen_between(cases)
    pictures = [row.shown.match.found_id for row in cases if row.shown is not None]
    mine = PictureReport.objects.filter(owner__in={row.owner_id for row in cases}, picture__in=pictures)
    reported = set(mine.values_list("picture", flat=True))
    made = []
    by_party = wanted.group is Group.PARTY
    for __, rows in groupby(found, key=lambda one: one.case.party if by_party else one.case.work_id):
        listed = list(rows)
        items = [_item(one.case, times, reported) for one in listed]
        first = listed[0].case
        waiting = [str(one["case"].number) for one in items if one["case"].waits]
        made.append({"first": first, "items": items, "waiting": " ".join(waiting), "size": listed[0].group_size})
    return made


def _item(row: Case, times: dict[int, tuple[Any, Any]], reported: set[int]) -> dict[str, Any]:
    item: dict[str, Any] = {"case": row, "state": case_words.state_of(row)}
    if row.shown is not None:
        match = row.shown.match
        item |= {
            "match": match,
            "hidden": match.found.bytes_state == BytesState.PURGED or match.found_id in reported,
            "sighting": row.shown.sighting,
            "where": case_words.where(row.shown.sighting.page_url),
            "seen": case_words.seen(row, times[row.pk][0]),
            "how_much": case_words.how_much(match),
            "how_sure": case_words.how_sure(match),
            "remarks": remarks_of(match.reasons) if match.decision == "review" else [],
            "grown": row.decision != Case.Decision.OPEN and row.waits,
        }
    return item


def _wanted(request: HttpRequest) -> Wanted:
    return Wanted(
        state=_one_of(State, request.GET.get("state", ""), State.WAITING),
        words=said(request.GET.get("q", "")),
        sure=_one_of(Sure, request.GET.get("sure", ""), Sure.ANY),
        work=_number(request.GET.get("work")),
        sort=_one_of(Sort, request.GET.get("sort", ""), Sort.LIKELY),
        group=_one_of(Group, request.GET.get("group", ""), Group.PARTY),
    )


def _one_of(kind: type[One], word: str, otherwise: One) -> One:
    return kind(word) if word in set(kind) else otherwise


def _number(word: str | None) -> int | None:
    """A number in an address or a form, as rows can hold it."""
    found = int(word) if word and word.isdecimal() and len(word) < 10 else None
    return found if found is not None and found < 2**31 else None
