"""Parties of an owner's cases: counts for lists, details of one party, registry lookups, and outcomes of notices."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median_low
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Greatest, TruncDate

from exhibit.clock import now
from exhibit.errors import NotFoundError
from registry.accounts.models import Owner
from registry.cases import scoped
from registry.cases.models import Case, CaseSighting
from registry.cases.recaptures import last_online
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.rows import write
from registry.notices.models import Notice, NoticeEvent
from registry.notices.notices import State
from registry.notices.refuted import with_refuted
from registry.parties.models import PartyLookup
from registry.works.models import Work

FEW = 12
"""Maximum number of works, cases and places on a party's page; the counts include all of them."""
KEPT = timedelta(days=1)
"""Time for which a registry's answer is reused instead of sending a new query."""


@dataclass(frozen=True, slots=True)
class PartyLine:
    """A party's row in a list."""

    party: str
    cases: int
    waiting: int  # Cases awaiting a decision.
    confirmed: int
    removed: int  # Cases for which the last visits no longer found any place.
    places: int
    newest: datetime  # When its latest case was opened.


@dataclass(frozen=True, slots=True)
class Place:
    """A page of a party that showed an image of a case."""

    case: int
    page_url: str
    first_seen: datetime | None
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of notices of one kind, as recorded by members."""

    kind: str
    sent: int
    removed: int
    answered: int  # Answered by the addressee, including counter-notices.
    days_to_removal: int | None  # Median number of days from sending.
    days_to_answer: int | None

    @property
    def removed_share(self) -> int:
        """Percentage of sent notices, rounded down."""
        return 100 * self.removed // self.sent

    @property
    def answered_share(self) -> int:
        """Percentage of sent notices, rounded down."""
        return 100 * self.answered // self.sent


def parties(of: Owner, words: str = "") -> QuerySet[Case, Any]:
    """Return the parties of an owner's cases with counts, ordered by most confirmed, then most waiting cases."""
    rows = Case.objects.filter(owner=of, resembles=False).exclude(party="")
    rows = rows.filter(party__icontains=words) if words else rows
    counted = (
        rows.order_by()
        .values("party")
        .annotate(
            cases=Count("pk"),
            waiting=Count("pk", filter=Q(waits=True)),
            confirmed=Count("pk", filter=Q(decision=Case.Decision.CONFIRMED)),
            removed=Count("pk", filter=Q(standing="removed")),
            all_places=Sum("places"),
            newest=Max("opened_at"),
        )
    )
    return counted.order_by("-confirmed", "-waiting", "party")


def lines(found: Iterable[dict[str, Any]]) -> list[PartyLine]:
    """Convert rows of :func:`parties` to :class:`PartyLine`."""
    return [
        PartyLine(**{"places" if name == "all_places" else name: value for name, value in row.items()}) for row in found
    ]


def party(of: Owner, name: str) -> PartyLine:
    """Return one party of an owner.

    Raises:
        NotFoundError: The owner has no case of this party.
    """
    rows = lines(parties(of).filter(party=name))
    if not rows:
        raise NotFoundError(f"{of.name} has no case of {name}.")
    return rows[0]


def cases_of(of: Owner, name: str) -> QuerySet[Case]:
    """Return the owner's cases of a party: waiting cases first, then the newest."""
    return scoped.cases(of).filter(party=name, resembles=False).order_by("-waits", "-number")


def works_of(of: Owner, name: str) -> QuerySet[Work]:
    """Return the owner's works that the party showed; ``seen`` is the number of cases of each."""
    mine = Q(cases__party=name)
    return Work.objects.filter(mine, owner=of).annotate(seen=Count("cases", filter=mine)).order_by("-seen", "number")


def places_of(of: Owner, name: str, most: int = FEW) -> list[Place]:
    """Return pages of the party that showed the owner's works, most recently seen first."""
    mine = CaseSighting.objects.filter(case__owner=of, case__party=name)
    rows = mine.values("case", "case__number", "sighting__page_key", "sighting__page_url")
    online = last_online(case=OuterRef("case"), page_key=OuterRef("sighting__page_key"))
    seen = rows.annotate(first=Min("sighting__first_seen"), seen=Max("sighting__last_seen"), online=online)
    seen = seen.annotate(last=Greatest("seen", "online"))
    seen = seen.order_by(F("last").desc(nulls_last=True))
    return [Place(row["case__number"], row["sighting__page_url"], row["first"], row["last"]) for row in seen[:most]]


def contacts_of(of: Owner, name: str) -> list[tuple[str, str, str, int]]:
    """Return past addressees of notices to the party: name, email address, its source, number of the last notice."""
    rows = Notice.objects.filter(owner=of, party=name).exclude(state=State.DISCARDED).order_by("-number")
    contacts: dict[tuple[str, str], tuple[str, str, str, int]] = {}
    for number, fields in rows.values_list("number", "fields")[:50]:
        who = (fields.get("addressee_name", ""), fields.get("addressee_email", ""))
        if any(who):
            contacts.setdefault(who, (*who, fields.get("addressee_source", ""), number))
    return list(contacts.values())


def look_up(of: Owner, name: str, *, by: str) -> PartyLookup:
    """Queue a registry lookup of a party at a member's request. Answers less than a day old are reused.

    Raises:
        NotFoundError: The owner has no case of this party.
    """
    party(of, name)
    with transaction.atomic():
        values = {"asked_by": by, "asked_at": now()}
        rows = PartyLookup.objects.select_for_update(no_key=True)
        row, is_new = rows.get_or_create(owner=of, party=name, defaults=values)
        if not is_new and is_old(row):
            write(row, **values, **steps.afresh())
    return row


def is_old(row: PartyLookup | None) -> bool:
    """Return True if registries may be queried: no lookup exists, the last one failed, or it is over a day old."""
    if row is None or row.state == StepState.FAILED:
        return True
    return row.state == StepState.DONE and row.asked_at < now() - KEPT


def lookup_of(of: Owner, name: str) -> PartyLookup | None:
    """Return the lookup of a party (finished or pending), or None if no member requested one."""
    return PartyLookup.objects.filter(owner=of, party=name).first()


def outcomes(of: Owner) -> list[Outcome]:
    """Summarise the outcomes of sent notices by kind."""
    day = Coalesce("day", TruncDate("at"))

    def first(*kinds: str) -> Subquery:
        events = NoticeEvent.objects.filter(notice=OuterRef("pk"), kind__in=kinds).order_by()
        return Subquery(events.values("notice").annotate(first=Min(day)).values("first"))

    sent = Notice.objects.filter(owner=of, sent_at__isnull=False).exclude(state=State.DISCARDED)
    rows = with_refuted(sent).annotate(
        on=TruncDate("sent_at"), gone=first("removed"), answer=first("answered", "countered", "reply")
    )
    by_kind: dict[str, list[tuple[date, date | None, date | None]]] = {}
    for kind, on, gone, answer, refuted in rows.values_list("kind", "on", "gone", "answer", "refuted"):
        by_kind.setdefault(kind, []).append((on, None if refuted else gone, answer))
    return [_outcome(kind, by_kind[kind]) for kind in Notice.Kind.values if kind in by_kind]


def _outcome(kind: str, rows: list[tuple[date, date | None, date | None]]) -> Outcome:
    gone = [max(0, (day - on).days) for on, day, _ in rows if day is not None]
    answered = [max(0, (day - on).days) for on, _, day in rows if day is not None]
    medians = [median_low(days) if days else None for days in (gone, answered)]
    return Outcome(kind, len(rows), len(gone), len(answered), *medians)
