"""The queue of cases: which of an owner's cases are asked for, and in which order, group by group."""

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

MAX_CASES = 200  # that are decided or assigned in one go


class State(StrEnum):
    """Which cases."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    LICENSED = "licensed"
    CLEARED = "cleared"
    DISPUTED = "disputed"
    ASKED = "asked"
    RESEMBLES = "resembles"
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
    RESEMBLES = "resembles"


NOBODY = "nobody"
"""Stands for the cases that are assigned to no member, where a member's key would stand."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; ``None`` for all."""

    state: State = State.WAITING
    words: str = ""  # in the party's name, the work's title or a URL, or the case's number
    sure: Sure = Sure.ANY
    work: int | None = None  # its number
    party: str = ""  # its whole name
    standing: Standing | None = None  # how its places stood at the last visits
    sort: Sort = Sort.LIKELY  # which groups come first
    group: Group = Group.PARTY
    assigned: str = ""  # the primary key of the user who looks after it, or NOBODY


_STATES = {
    State.WAITING: Q(waits=True),
    State.CONFIRMED: Q(decision=Case.Decision.CONFIRMED),
    State.LICENSED: Q(decision=Case.Decision.LICENSED),
    State.CLEARED: Q(decision=Case.Decision.CLEARED),
    State.DISPUTED: Q(disputed_at__isnull=False),
    State.ASKED: Q(asked_at__isnull=False),
    State.RESEMBLES: Q(resembles=True),
    State.LOOK_ALIKES: Q(waits=False, resembles=False, decision=Case.Decision.OPEN),
    State.ALL: Q(),
}
_LIKELIEST = ("-likelihood", "-places")
"""Which of a group's cases come first."""
SHOWN = ("shown__match__registered", "shown__match__found", "shown__sighting", "assigned_to")
"""What lists show of a case, fetched with it."""
_RANKS = {
    Sort.LIKELY: Sum("likelihood"),
    Sort.REACH: Sum("places"),
    Sort.NEWEST: Max("opened_at"),
    Sort.OLDEST: Min("opened_at"),
}
"""By what groups are sorted."""


def left(of: Owner, assigned: str = "") -> int:
    """How many cases wait for a person: for anybody, or those assigned as :attr:`Wanted.assigned` says."""
    return chosen(of, Wanted(assigned=assigned)).count()


def resembling(of: Owner) -> int:
    """How many cases only resemble a work, and ask nobody."""
    return Case.objects.filter(owner=of, resembles=True).count()


def filled(of: Owner, states: Iterable[State]) -> set[State]:
    """Those of some states in which there is a case."""
    states = list(states)
    cases = Case.objects.filter(owner=OuterRef("pk"))
    asked = [Exists(cases.filter(_STATES[state])) for state in states]
    found = Owner.objects.filter(pk=of.pk).values_list(*asked).get()
    return {state for state, there in zip(states, found, strict=True) if there}


def count_in_other_states(of: Owner, wanted: Wanted) -> int:
    """Count the cases for which everything but the state holds, if none in that state does."""
    return 0 if wanted.state == State.ALL else chosen(of, replace(wanted, state=State.ALL)).count()


def chosen(of: Owner, wanted: Wanted) -> QuerySet[Case]:
    """The cases that are asked for, in no order; a row may keep what is asked for as plain words."""
    rows = scoped.cases(of).filter(_STATES[wanted.state]).order_by()
    if wanted.words:
        rows = rows.filter(filter_by_words(of, wanted.words))
    if wanted.party:
        rows = rows.filter(party=wanted.party)
    if wanted.work is not None:
        rows = rows.filter(work__number=wanted.work)
    if wanted.standing is not None:
        rows = rows.filter(standing=wanted.standing)
    if wanted.assigned:
        person = None if wanted.assigned == NOBODY else int(wanted.assigned)
        rows = rows.filter(assigned_to=person)
    if wanted.sure == Sure.REVIEW:
        rows = rows.exclude(shown__match__decision__in=[Decision.CERTAIN, Decision.RESEMBLES])
    elif wanted.sure != Sure.ANY:
        rows = rows.filter(shown__match__decision=wanted.sure)
    return rows


@dataclass(frozen=True, slots=True)
class Listed:
    """A case as the queue lists it: with all that is shown of it, and the size of its group."""

    case: Case
    group_size: int


def in_groups(of: Owner, wanted: Wanted, skip: int, most: int) -> list[Listed]:
    """Some of the cases that are asked for, group by group: ``most`` at most, after the first ``skip``.

    The groups in which the most copies are to be expected come first (the sum of likelihoods), or those at the most
    places, or with the newest or oldest case; within a group the likeliest, then those at the most places. The order is
    found without what the list shows: that is fetched for the few that are listed. Each case has ``answered``, whether
    an answer to a notice about it waits to be read.
    """
    ordered = _in_order(of, wanted).values_list("pk", "group_size")
    sizes = dict(ordered[skip : skip + most])
    reply = "notice_cases__notice__replies"
    unread = Case.objects.filter(pk=OuterRef("pk"), **{f"{reply}__isnull": False, f"{reply}__seen_at": None})
    answered = Exists(unread.annotate(notice=F("notice_cases__notice__state")).exclude(notice="discarded"))
    cases = scoped.cases(of).select_related(*SHOWN).annotate(answered=answered).in_bulk(list(sizes))
    return [Listed(cases[pk], size) for pk, size in sizes.items() if pk in cases]


def following(case: Case) -> int | None:
    """The number of the case that stands after this one in its owner's queue as that begins, if one does.

    After one that doesn't wait, as when it was just decided, that is the first.
    """
    waiting = chosen(case.owner, Wanted())
    if case.waits:
        fewer_places = Q(places__lt=case.places) | Q(places=case.places, number__gt=case.number)
        after = Q(likelihood__lt=case.likelihood) | Q(likelihood=case.likelihood) & fewer_places
        number = _first(waiting.filter(after, party=case.party))
        if number is not None:
            return number
    likely = waiting.values("party").annotate(group_rank=Sum("likelihood")).order_by("-group_rank", "party")
    parties = list(likely.values_list("party", flat=True))
    # it may have been decided since it was read
    place = parties.index(case.party) + 1 if case.waits and case.party in parties else 0
    return _first(waiting.filter(party=parties[place])) if place < len(parties) else None


def _first(rows: QuerySet[Case]) -> int | None:
    return rows.order_by(*_LIKELIEST, "number").values_list("number", flat=True).first()


def _in_order(of: Owner, wanted: Wanted) -> QuerySet[Any, Any]:
    """The cases that are asked for, group by group, each with the size of its group."""
    name = "party" if wanted.group is Group.PARTY else "work_id"
    by = _RANKS[wanted.sort]
    if wanted.state is State.RESEMBLES and wanted.sort is Sort.LIKELY:
        by = Max("likelihood")  # the highest odds first, however many a group has
    rank, size = (Window(measure, partition_by=F(name)) for measure in (by, Count("pk")))
    rows = chosen(of, wanted).annotate(group_rank=rank, group_size=size)
    if wanted.sort is Sort.OLDEST:
        return rows.order_by("group_rank", name, "opened_at", "number")
    return rows.order_by("-group_rank", name, *_LIKELIEST, "number")


def seen_between(cases: list[Case]) -> dict[int, tuple[datetime | None, datetime | None]]:
    """When what each case holds was seen first and last, by primary key; ``None`` where no moment is known."""
    rows = CaseSighting.objects.filter(case__in=cases).values("case").order_by()
    times = rows.annotate(first=Min("sighting__first_seen"), last=Max("sighting__last_seen"))
    times = times.annotate(online=last_online(case=OuterRef("case")))
    return {row["case"]: (row["first"], latest((row["last"], row["online"]))) for row in times}
