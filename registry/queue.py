"""The queue of cases: which of an owner's cases are asked for, and in which order, group by group."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum, Window

from exhibit.types import Decision
from registry import owned
from registry.models import Case, CaseSighting, Owner


class State(StrEnum):
    """Which cases."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    LICENSED = "licensed"
    CLEARED = "cleared"
    DISPUTED = "disputed"
    LOOK_ALIKES = "look-alikes"
    ALL = "all"


class Sort(StrEnum):
    """Which groups come first."""

    LIKELY = "likely"
    REACH = "reach"
    NEWEST = "newest"
    OLDEST = "oldest"


class Group(StrEnum):
    """What makes a group."""

    PARTY = "party"
    WORK = "work"


class Sure(StrEnum):
    """How sure the comparison is."""

    ANY = ""
    CERTAIN = "certain"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        state: which cases.
        words: in the party's name or the work's title.
        sure: how sure the comparison is.
        work: number of a work, or ``None`` for all.
        sort: which groups come first.
        group: by what.
    """

    state: State = State.WAITING
    words: str = ""
    sure: Sure = Sure.ANY
    work: int | None = None
    sort: Sort = Sort.LIKELY
    group: Group = Group.PARTY


_STATES = {
    State.WAITING: Q(waits=True),
    State.CONFIRMED: Q(decision=Case.Decision.CONFIRMED),
    State.LICENSED: Q(decision=Case.Decision.LICENSED),
    State.CLEARED: Q(decision=Case.Decision.CLEARED),
    State.DISPUTED: Q(disputed_at__isnull=False),
    State.LOOK_ALIKES: Q(waits=False, decision=Case.Decision.OPEN),
    State.ALL: Q(),
}


def left(of: Owner) -> int:
    """How many cases wait for a person."""
    return Case.objects.filter(owner=of, waits=True).count()


def chosen(of: Owner, wanted: Wanted) -> QuerySet[Case]:
    """The cases that are asked for, in no order."""
    rows = owned.cases(of).filter(_STATES[wanted.state]).order_by()
    if wanted.words:
        rows = rows.filter(Q(party__icontains=wanted.words) | Q(work__title__icontains=wanted.words))
    if wanted.work is not None:
        rows = rows.filter(work__number=wanted.work)
    if wanted.sure is Sure.CERTAIN:
        rows = rows.filter(shown__match__decision=Decision.CERTAIN)
    elif wanted.sure is Sure.REVIEW:
        rows = rows.exclude(shown__match__decision=Decision.CERTAIN)
    return rows


def in_groups(of: Owner, wanted: Wanted) -> QuerySet[Case]:
    """The cases that are asked for, group by group, with ``group_size``, and all that a list shows of each.

    The groups in which the most copies are to be expected come first (the sum of likelihoods), or those at the most
    places, or with the newest or oldest case; within a group the likeliest, then those at the most places.
    """
    by = F("party") if wanted.group is Group.PARTY else F("work_id")
    measure = {
        Sort.LIKELY: Window(Sum("likelihood"), partition_by=by),
        Sort.REACH: Window(Sum("places"), partition_by=by),
        Sort.NEWEST: Window(Max("opened_at"), partition_by=by),
        Sort.OLDEST: Window(Min("opened_at"), partition_by=by),
    }[wanted.sort]
    rows = chosen(of, wanted).annotate(group_rank=measure, group_size=Window(Count("pk"), partition_by=by))
    rank = F("group_rank").asc() if wanted.sort is Sort.OLDEST else F("group_rank").desc()
    within = ("opened_at",) if wanted.sort is Sort.OLDEST else ("-likelihood", "-places")
    name = "party" if wanted.group is Group.PARTY else "work_id"
    shown = ("shown__match__registered", "shown__match__found", "shown__sighting", "shown__licence")
    return rows.order_by(rank, name, *within, "number").select_related("work", "owner", *shown)


def seen_between(cases: list[Case]) -> dict[int, tuple[datetime, datetime]]:
    """When what each case holds was seen first and last, by primary key of the case."""
    rows = CaseSighting.objects.filter(case__in=cases).values("case").order_by()
    times = rows.annotate(first=Min("sighting__first_seen"), last=Max("sighting__last_seen"))
    return {row["case"]: (row["first"], row["last"]) for row in times}
