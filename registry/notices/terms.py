"""By when somebody has to look at a notice again: terms of law, and reminders of ours."""

from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.timezone import localdate

from registry.accounts.models import Owner
from registry.events import events
from registry.events.models import EventKind
from registry.notices.models import Notice, NoticeReply

REPLY_DAYS, MAX_REPLY_DAYS = 14, 365
"""In which an offer asks for an answer."""

AHEAD = {
    "reminder": 0, "dmca-counter": 4, "prc-statement": 5, "dsa-complaint": 14, "court-filing": 0, "ccb-service": 30,
}  # fmt: skip
"""So many days before the due day members are told: a term of law leaves time to act."""


@dataclass(frozen=True, slots=True)
class Due:
    """By when somebody has to look at a notice again, and why: a key of a sentence."""

    day: date
    what: str


def due_soon(today: date) -> Q:
    """Notices that somebody has to look at, by a day: those whose time is over, and those whose time nears.

    A reminder of ours waits while a reply is unread; a term of law doesn't.
    """
    unseen = NoticeReply.objects.filter(notice=OuterRef("pk"), seen_at=None)
    found = Q(pk__in=())
    for what, days in AHEAD.items():
        near = Q(due_what=what, due_on__lte=today + timedelta(days=days))
        found |= near & ~Q(Exists(unseen)) if what == "reminder" else near
    return found


def due(of: Owner, today: date) -> QuerySet[Notice]:
    """The owner's notices that somebody has to look at, the most urgent first."""
    return Notice.objects.filter(due_soon(today), owner=of).order_by("due_on", "number")


def tell_due() -> None:
    """Write down once of each due day that it nears, for mails and webhooks."""
    untold = ~Q(told_due=F("due_on")) | Q(told_due=None)
    for row in Notice.objects.filter(due_soon(localdate()), untold).select_related("owner").order_by("pk")[:500]:
        with transaction.atomic():
            told = Notice.objects.filter(untold, pk=row.pk, due_on=row.due_on).update(told_due=row.due_on)
            if told and row.due_on is not None:
                about = {"notice": row.number, "party": row.party, "due": row.due_on.isoformat(), "what": row.due_what}
                events.record(row.owner, EventKind.NOTICE_DUE, about)


def reply_days(given: Mapping[str, Any]) -> int:
    """In how many days an offer or a formal demand asks for an answer, by a notice's fields."""
    said = str(given.get("reply_days", ""))
    return min(max(int(said), 1), MAX_REPLY_DAYS) if said.isdecimal() and len(said) < 6 else REPLY_DAYS


def due_after(kind: str, what: str, day: date, days: int = REPLY_DAYS) -> Due | None:
    """By when to look again after something happened; an offer and a formal demand ask for an answer in so many days.

    17 U.S.C. 512(g)(2)(C): material is put back 10 to 14 business days after a counter-notice unless the provider is
    told before that of an action; business days are counted without regard to holidays, so that the day is never late.
    PRC E-Commerce Law, Art. 43: 15 days from the statement's arrival. DSA, Art. 20: six months to complain of a
    decision. PRC Civil Procedure Law, Art. 126: a court registers a complaint or rejects it within 7 days. 17 U.S.C.
    1506(g): proof of service within 90 days of the Board's word that a claim may be served. What follows a letter that
    was just sent is a reminder of ours and no term of law.
    """
    if (what, kind) in TERMS:
        name, ends = TERMS[what, kind]
        return Due(ends(day), name)
    if what == Notice.State.SENT:
        return Due(day + timedelta(days=days if kind in (Notice.Kind.OFFER, Notice.Kind.CEASE) else 7), "reminder")
    if what in (Notice.State.COUNTERED, Notice.State.ANSWERED, Notice.State.ONLINE):
        return Due(day + timedelta(days=7), "reminder")
    return None


def business_day(day: date, count: int) -> date:
    """The day that many business days later, Monday to Friday; holidays aren't known here."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def months_later(day: date, months: int) -> date:
    """The same day some months later, or the last day of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


TERMS: Mapping[tuple[str, str], tuple[str, Callable[[date], date]]] = {
    (Notice.State.COUNTERED, Notice.Kind.DMCA): ("dmca-counter", lambda day: business_day(day, 10)),
    (Notice.State.COUNTERED, Notice.Kind.PRC): ("prc-statement", lambda day: day + timedelta(days=15)),
    (Notice.State.ANSWERED, Notice.Kind.DSA): ("dsa-complaint", lambda day: months_later(day, 6)),
    (Notice.State.SENT, Notice.Kind.COURT): ("court-filing", lambda day: day + timedelta(days=7)),
    (Notice.State.ANSWERED, Notice.Kind.CCB): ("ccb-service", lambda day: day + timedelta(days=90)),
}
"""Terms of law, by what has happened to which kind: their name, and the day on which they end."""
