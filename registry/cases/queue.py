"""The queue of cases: filters, sorting and grouping of an owner's cases."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum, Window

from exhibit.periods import get_latest_time
from exhibit.types import Decision
from registry.accounts.models import Owner
from registry.cases import scoped
from registry.cases.models import Case, CaseSighting
from registry.cases.recaptures import PlaceState, build_last_online_subquery
from registry.cases.search import build_search_condition

MAX_CASES = 200  # maximum number of cases decided or assigned at once


class CaseState(StrEnum):
    """State by which cases are filtered."""

    NEEDS_DECISION = "waiting"
    CONFIRMED = "confirmed"
    LICENSED = "licensed"
    DISMISSED = "dismissed"
    DISPUTED = "disputed"
    AWAITING_AGENCY = "awaiting-agency"
    RELATED = "related"
    LOOK_ALIKES = "look-alikes"
    ALL = "all"


class GroupOrder(StrEnum):
    """Order of the groups of cases."""

    LIKELY = "likely"
    REACH = "reach"
    NEWEST = "newest"
    OLDEST = "oldest"


class GroupKey(StrEnum):
    """Property by which cases are grouped."""

    PARTY = "party"
    WORK = "work"


class Certainty(StrEnum):
    """Certainty of the comparison by which cases are filtered."""

    ANY = ""
    CERTAIN = "certain"
    REVIEW = "review"
    RELATED = "related"


UNASSIGNED = "nobody"
"""Value of :attr:`CaseFilter.assigned` for cases that are assigned to no member."""


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """A filter, sort order and grouping of cases; ``None`` and empty values match all."""

    state: CaseState = CaseState.NEEDS_DECISION
    words: str = ""  # part of the site's name, the work's title or a URL, or the case number
    sure: Certainty = Certainty.ANY
    work: int | None = None  # the work's number
    party: str = ""  # the site's full name
    standing: PlaceState | None = None  # state of the case's places at their last visits
    sort: GroupOrder = GroupOrder.LIKELY  # the order of groups
    group: GroupKey = GroupKey.PARTY
    assigned: str = ""  # primary key of the assigned user, or UNASSIGNED


_STATE_CONDITIONS = {
    CaseState.NEEDS_DECISION: Q(is_pending=True),
    CaseState.CONFIRMED: Q(decision=Case.Decision.CONFIRMED),
    CaseState.LICENSED: Q(decision=Case.Decision.LICENSED),
    CaseState.DISMISSED: Q(decision=Case.Decision.DISMISSED),
    CaseState.DISPUTED: Q(disputed_at__isnull=False),
    CaseState.AWAITING_AGENCY: Q(agency_asked_at__isnull=False),
    CaseState.RELATED: Q(is_related=True),
    CaseState.LOOK_ALIKES: Q(is_pending=False, is_related=False, decision=Case.Decision.OPEN),
    CaseState.ALL: Q(),
}
_LIKELIEST_FIRST = ("-likelihood", "-places")
"""Order of cases within a group."""
RELATED_FIELDS = ("shown__match__registered", "shown__match__found", "shown__sighting", "assigned_to")
"""Relations that lists of cases show, fetched with each case."""
_GROUP_AGGREGATES = {
    GroupOrder.LIKELY: Sum("likelihood"),
    GroupOrder.REACH: Sum("places"),
    GroupOrder.NEWEST: Max("opened_at"),
    GroupOrder.OLDEST: Min("opened_at"),
}
"""Aggregates by which groups are sorted."""


def count_pending_cases(owner: Owner, assigned: str = "") -> int:
    """Count the cases that need a decision, optionally only those with a :attr:`CaseFilter.assigned` value."""
    return filter_cases(owner, CaseFilter(assigned=assigned)).count()


def count_related_cases(owner: Owner) -> int:
    """Count the cases with only related pictures, which need no decision."""
    return Case.objects.filter(owner=owner, is_related=True).count()


def find_nonempty_states(owner: Owner, states: Iterable[CaseState]) -> set[CaseState]:
    """Return the given states in which the owner has at least one case."""
    states = list(states)
    cases = Case.objects.filter(owner=OuterRef("pk"))
    conditions = [Exists(cases.filter(_STATE_CONDITIONS[state])) for state in states]
    existence_flags = Owner.objects.filter(pk=owner.pk).values_list(*conditions).get()
    return {state for state, has_cases in zip(states, existence_flags, strict=True) if has_cases}


def count_in_all_states(owner: Owner, case_filter: CaseFilter) -> int:
    """Count the cases in all states that match the other criteria; 0 if ``case_filter`` already includes all states."""
    return (
        0
        if case_filter.state == CaseState.ALL
        else filter_cases(owner, replace(case_filter, state=CaseState.ALL)).count()
    )


def filter_cases(owner: Owner, case_filter: CaseFilter) -> QuerySet[Case]:
    """Return the cases that match a filter, unordered. Enum fields may be plain strings, as stored in JSON."""
    rows = scoped.list_owner_cases(owner).filter(_STATE_CONDITIONS[case_filter.state]).order_by()
    if case_filter.words:
        rows = rows.filter(build_search_condition(owner, case_filter.words))
    if case_filter.party:
        rows = rows.filter(party=case_filter.party)
    if case_filter.work is not None:
        rows = rows.filter(work__number=case_filter.work)
    if case_filter.standing is not None:
        rows = rows.filter(standing=case_filter.standing)
    if case_filter.assigned:
        user_id = None if case_filter.assigned == UNASSIGNED else int(case_filter.assigned)
        rows = rows.filter(assigned_to=user_id)
    if case_filter.sure == Certainty.REVIEW:
        rows = rows.exclude(shown__match__decision__in=[Decision.CERTAIN, Decision.RELATED])
    elif case_filter.sure != Certainty.ANY:
        rows = rows.filter(shown__match__decision=case_filter.sure)
    return rows


@dataclass(frozen=True, slots=True)
class ListedCase:
    """A case in a list, with the related objects to show and the size of its group."""

    case: Case
    group_size: int


def list_in_groups(owner: Owner, case_filter: CaseFilter, skip: int, limit: int) -> list[ListedCase]:
    """Return a page of the cases that match a filter, group by group.

    Groups are sorted by the expected number of copies (the sum of likelihoods), by the number of places, or by the
    newest or oldest case. Within a group, the likeliest cases come first, then those with the most places. The order is
    computed without the related objects, which are fetched only for the listed cases. Each case gets an ``answered``
    annotation: True if a reply to one of its notices is unread.

    Args:
        owner: The owner.
        case_filter: Filter, order and grouping.
        skip: Number of cases before the page.
        limit: Maximum number of cases on the page.
    """
    ordered_rows = _order_by_group(owner, case_filter).values_list("pk", "group_size")
    sizes = dict(ordered_rows[skip : skip + limit])
    reply_relation = "notice_cases__notice__replies"
    unread_cases = Case.objects.filter(
        pk=OuterRef("pk"), **{f"{reply_relation}__isnull": False, f"{reply_relation}__seen_at": None}
    )
    has_unread_reply = Exists(
        unread_cases.annotate(notice=F("notice_cases__notice__state")).exclude(notice="discarded")
    )
    cases = (
        scoped.list_owner_cases(owner)
        .select_related(*RELATED_FIELDS)
        .annotate(answered=has_unread_reply)
        .in_bulk(list(sizes))
    )
    return [ListedCase(cases[pk], size) for pk, size in sizes.items() if pk in cases]


def find_next_case_number(case: Case) -> int | None:
    """Return the number of the next case in the owner's queue in default order, or ``None``.

    If the given case needs no decision, for example because it was just decided, this is the first case of the queue.
    """
    waiting_cases = filter_cases(case.owner, CaseFilter())
    if case.is_pending:
        fewer_places = Q(places__lt=case.places) | Q(places=case.places, number__gt=case.number)
        later_cases = Q(likelihood__lt=case.likelihood) | Q(likelihood=case.likelihood) & fewer_places
        number = _get_first_number(waiting_cases.filter(later_cases, party=case.party))
        if number is not None:
            return number
    ranked_parties = (
        waiting_cases.values("party").annotate(group_rank=Sum("likelihood")).order_by("-group_rank", "party")
    )
    parties = list(ranked_parties.values_list("party", flat=True))
    # the case may have been decided since it was loaded
    position = parties.index(case.party) + 1 if case.is_pending and case.party in parties else 0
    return _get_first_number(waiting_cases.filter(party=parties[position])) if position < len(parties) else None


def _get_first_number(rows: QuerySet[Case]) -> int | None:
    return rows.order_by(*_LIKELIEST_FIRST, "number").values_list("number", flat=True).first()


def _order_by_group(owner: Owner, case_filter: CaseFilter) -> QuerySet[Any, Any]:
    """Return the cases that match a filter, in the order of their groups and annotated with the group size."""
    group_field = "party" if case_filter.group is GroupKey.PARTY else "work_id"
    aggregate = _GROUP_AGGREGATES[case_filter.sort]
    if case_filter.state is CaseState.RELATED and case_filter.sort is GroupOrder.LIKELY:
        aggregate = Max("likelihood")  # the highest likelihood first, regardless of the group size
    rank, size = (Window(measure, partition_by=F(group_field)) for measure in (aggregate, Count("pk")))
    rows = filter_cases(owner, case_filter).annotate(group_rank=rank, group_size=size)
    if case_filter.sort is GroupOrder.OLDEST:
        return rows.order_by("group_rank", group_field, "opened_at", "number")
    return rows.order_by("-group_rank", group_field, *_LIKELIEST_FIRST, "number")


def find_seen_times(cases: list[Case]) -> dict[int, tuple[datetime | None, datetime | None]]:
    """Return the times of the first and last sighting of each case, by primary key; ``None`` if no time is known."""
    rows = CaseSighting.objects.filter(case__in=cases).values("case").order_by()
    annotated_rows = rows.annotate(first=Min("sighting__first_seen"), last=Max("sighting__last_seen"))
    annotated_rows = annotated_rows.annotate(online=build_last_online_subquery(case=OuterRef("case")))
    return {row["case"]: (row["first"], get_latest_time((row["last"], row["online"]))) for row in annotated_rows}
