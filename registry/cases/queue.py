"""The queue of cases: filters, sorting and grouping of an owner's cases."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum, Window

from exhibit.periods import latest
from exhibit.types import Decision
from registry.accounts.models import Owner
from registry.cases import scoped
from registry.cases.models import Case, CaseSighting
from registry.cases.recaptures import Standing, last_online
from registry.cases.search import filter_by_words

MAX_CASES = 200  # maximum number of cases decided or assigned at once


class State(StrEnum):
    """A filter by state."""

    NEEDS_DECISION = "waiting"
    CONFIRMED = "confirmed"
    LICENSED = "licensed"
    DISMISSED = "cleared"
    DISPUTED = "disputed"
    AWAITING_AGENCY = "asked"
    RESEMBLES = "resembles"
    LOOK_ALIKES = "look-alikes"
    ALL = "all"


class Sort(StrEnum):
    """The order of groups."""

    LIKELY = "likely"
    REACH = "reach"
    NEWEST = "newest"
    OLDEST = "oldest"


class Group(StrEnum):
    """The property by which cases are grouped."""

    PARTY = "party"
    WORK = "work"


class Certainty(StrEnum):
    """A filter by the certainty of the comparison."""

    ANY = ""
    CERTAIN = "certain"
    REVIEW = "review"
    RESEMBLES = "resembles"


UNASSIGNED = "nobody"
"""Value of :attr:`CaseFilter.assigned` for cases that are assigned to no member."""


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """A filter, sort order and grouping of cases; ``None`` and empty values match all."""

    state: State = State.NEEDS_DECISION
    words: str = ""  # part of the site's name, the work's title or a URL, or the case number
    sure: Certainty = Certainty.ANY
    work: int | None = None  # the work's number
    party: str = ""  # the site's full name
    standing: Standing | None = None  # state of its places at the last visits
    sort: Sort = Sort.LIKELY  # the order of groups
    group: Group = Group.PARTY
    assigned: str = ""  # the primary key of the assigned user, or NOBODY


_STATES = {
    State.NEEDS_DECISION: Q(waits=True),
    State.CONFIRMED: Q(decision=Case.Decision.CONFIRMED),
    State.LICENSED: Q(decision=Case.Decision.LICENSED),
    State.DISMISSED: Q(decision=Case.Decision.CLEARED),
    State.DISPUTED: Q(disputed_at__isnull=False),
    State.AWAITING_AGENCY: Q(asked_at__isnull=False),
    State.RESEMBLES: Q(resembles=True),
    State.LOOK_ALIKES: Q(waits=False, resembles=False, decision=Case.Decision.OPEN),
    State.ALL: Q(),
}
_LIKELIEST_FIRST = ("-likelihood", "-places")
"""Order of cases within a group."""
RELATED_FIELDS = ("shown__match__registered", "shown__match__found", "shown__sighting", "assigned_to")
"""Relations that lists of cases show, fetched with each case."""
_RANKS = {
    Sort.LIKELY: Sum("likelihood"),
    Sort.REACH: Sum("places"),
    Sort.NEWEST: Max("opened_at"),
    Sort.OLDEST: Min("opened_at"),
}
"""Aggregates by which groups are sorted."""


def count_waiting(owner: Owner, assigned: str = "") -> int:
    """Count the waiting cases, either all or those assigned as :attr:`CaseFilter.assigned` says."""
    return filter_cases(owner, CaseFilter(assigned=assigned)).count()


def count_related(owner: Owner) -> int:
    """Count the cases that only resemble a work and need no decision."""
    return Case.objects.filter(owner=owner, resembles=True).count()


def find_nonempty_states(owner: Owner, states: Iterable[State]) -> set[State]:
    """Return those of some states that have at least one case."""
    states = list(states)
    cases = Case.objects.filter(owner=OuterRef("pk"))
    conditions = [Exists(cases.filter(_STATES[state])) for state in states]
    flags = Owner.objects.filter(pk=owner.pk).values_list(*conditions).get()
    return {state for state, is_filled in zip(states, flags, strict=True) if is_filled}


def count_in_other_states(owner: Owner, case_filter: CaseFilter) -> int:
    """Count the cases in any state that match all other criteria; 0 if ``case_filter`` already covers all states."""
    return 0 if case_filter.state == State.ALL else filter_cases(owner, replace(case_filter, state=State.ALL)).count()


def filter_cases(owner: Owner, case_filter: CaseFilter) -> QuerySet[Case]:
    """Return the cases that match a filter, unordered. Enum fields may be plain strings, as stored in JSON."""
    rows = scoped.cases(owner).filter(_STATES[case_filter.state]).order_by()
    if case_filter.words:
        rows = rows.filter(filter_by_words(owner, case_filter.words))
    if case_filter.party:
        rows = rows.filter(party=case_filter.party)
    if case_filter.work is not None:
        rows = rows.filter(work__number=case_filter.work)
    if case_filter.standing is not None:
        rows = rows.filter(standing=case_filter.standing)
    if case_filter.assigned:
        person = None if case_filter.assigned == UNASSIGNED else int(case_filter.assigned)
        rows = rows.filter(assigned_to=person)
    if case_filter.sure == Certainty.REVIEW:
        rows = rows.exclude(shown__match__decision__in=[Decision.CERTAIN, Decision.RESEMBLES])
    elif case_filter.sure != Certainty.ANY:
        rows = rows.filter(shown__match__decision=case_filter.sure)
    return rows


@dataclass(frozen=True, slots=True)
class ListedCase:
    """A case in a list, with the related objects that are shown and the size of its group."""

    case: Case
    group_size: int


def list_in_groups(owner: Owner, case_filter: CaseFilter, skip: int, limit: int) -> list[ListedCase]:
    """Return a page of the cases that match a filter, group by group: ``limit`` at most, after the first ``skip``.

    Groups are sorted by the expected number of copies (the sum of likelihoods), by the number of places, or by the
    newest or oldest case. Within a group, the likeliest cases come first, then those with the most places. The order is
    computed without the related objects, which are fetched only for the listed cases. Each case gets an ``answered``
    annotation: True if an answer to one of its notices is unread.
    """
    ordered = _order_by_group(owner, case_filter).values_list("pk", "group_size")
    sizes = dict(ordered[skip : skip + limit])
    reply = "notice_cases__notice__replies"
    unread = Case.objects.filter(pk=OuterRef("pk"), **{f"{reply}__isnull": False, f"{reply}__seen_at": None})
    has_unread_reply = Exists(unread.annotate(notice=F("notice_cases__notice__state")).exclude(notice="discarded"))
    cases = scoped.cases(owner).select_related(*RELATED_FIELDS).annotate(answered=has_unread_reply).in_bulk(list(sizes))
    return [ListedCase(cases[pk], size) for pk, size in sizes.items() if pk in cases]


def next_case_number(case: Case) -> int | None:
    """Return the number of the case after this one in the owner's queue in its default order, or ``None``.

    For a case that is not waiting, for example because it was just decided, this is the first case.
    """
    waiting_cases = filter_cases(case.owner, CaseFilter())
    if case.waits:
        fewer_places = Q(places__lt=case.places) | Q(places=case.places, number__gt=case.number)
        after = Q(likelihood__lt=case.likelihood) | Q(likelihood=case.likelihood) & fewer_places
        number = _first(waiting_cases.filter(after, party=case.party))
        if number is not None:
            return number
    likely = waiting_cases.values("party").annotate(group_rank=Sum("likelihood")).order_by("-group_rank", "party")
    parties = list(likely.values_list("party", flat=True))
    # the case may have been decided since it was loaded
    position = parties.index(case.party) + 1 if case.waits and case.party in parties else 0
    return _first(waiting_cases.filter(party=parties[position])) if position < len(parties) else None


def _first(rows: QuerySet[Case]) -> int | None:
    return rows.order_by(*_LIKELIEST_FIRST, "number").values_list("number", flat=True).first()


def _order_by_group(owner: Owner, case_filter: CaseFilter) -> QuerySet[Any, Any]:
    """Return the cases that match a filter in the order of their groups, each annotated with its group's size."""
    name = "party" if case_filter.group is Group.PARTY else "work_id"
    aggregate = _RANKS[case_filter.sort]
    if case_filter.state is State.RESEMBLES and case_filter.sort is Sort.LIKELY:
        aggregate = Max("likelihood")  # the highest likelihood first, however large the group is
    rank, size = (Window(measure, partition_by=F(name)) for measure in (aggregate, Count("pk")))
    rows = filter_cases(owner, case_filter).annotate(group_rank=rank, group_size=size)
    if case_filter.sort is Sort.OLDEST:
        return rows.order_by("group_rank", name, "opened_at", "number")
    return rows.order_by("-group_rank", name, *_LIKELIEST_FIRST, "number")


def find_seen_times(cases: list[Case]) -> dict[int, tuple[datetime | None, datetime | None]]:
    """Return the times of the first and last sighting of each case, by primary key; ``None`` if no time is known."""
    rows = CaseSighting.objects.filter(case__in=cases).values("case").order_by()
    times = rows.annotate(first=Min("sighting__first_seen"), last=Max("sighting__last_seen"))
    times = times.annotate(online=last_online(case=OuterRef("case")))
    return {row["case"]: (row["first"], latest((row["last"], row["online"]))) for row in times}
