"""Due dates of notices: deadlines set by law, and Exhibit's own reminders."""

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
"""Default and maximum reply period of an offer in days."""

DAYS_AHEAD = {
    "reminder": 0, "dmca-counter": 4, "prc-statement": 5, "dsa-complaint": 14, "court-filing": 0, "ccb-service": 30,
}  # fmt: skip
"""Number of days before the due date on which members are notified, so that they have time to act."""


@dataclass(frozen=True, slots=True)
class DueDate:
    """A due date of a notice and its reason, a key of ``DAYS_AHEAD``."""

    day: date
    reason: str


def build_due_soon_filter(today: date) -> Q:
    """Return a filter for notices that are overdue or due soon on a day.

    Exhibit's own reminders are suspended while a reply is unread. Legal deadlines are not.
    """
    unread_replies = NoticeReply.objects.filter(notice=OuterRef("pk"), seen_at=None)
    condition = Q(pk__in=())
    for reason, days in DAYS_AHEAD.items():
        is_near = Q(due_reason=reason, due_on__lte=today + timedelta(days=days))
        condition |= is_near & ~Q(Exists(unread_replies)) if reason == "reminder" else is_near
    return condition


def list_due(owner: Owner, today: date) -> QuerySet[Notice]:
    """Return the owner's notices that are overdue or due soon, the most urgent first."""
    return Notice.objects.filter(build_due_soon_filter(today), owner=owner).order_by("due_on", "number")


def record_due_events() -> None:
    """Record one event per due date that is near, for emails and webhooks."""
    is_unreported = ~Q(due_notified_for=F("due_on")) | Q(due_notified_for=None)
    for row in (
        Notice.objects.filter(build_due_soon_filter(localdate()), is_unreported)
        .select_related("owner")
        .order_by("pk")[:500]
    ):
        with transaction.atomic():
            updated = Notice.objects.filter(is_unreported, pk=row.pk, due_on=row.due_on).update(
                due_notified_for=row.due_on
            )
            if updated and row.due_on is not None:
                event_data = {
                    "notice": row.number,
                    "party": row.party,
                    "due": row.due_on.isoformat(),
                    "what": row.due_reason,
                }
                events.record_event(row.owner, EventKind.NOTICE_DUE, event_data)


def get_reply_days(fields: Mapping[str, Any]) -> int:
    """Return the reply period of an offer or formal demand in days, from the notice's fields."""
    text = str(fields.get("reply_days", ""))
    return min(max(int(text), 1), MAX_REPLY_DAYS) if text.isdecimal() and len(text) < 6 else REPLY_DAYS


def get_next_due(kind: str, event: str, day: date, days: int = REPLY_DAYS) -> DueDate | None:
    """Return the next due date after an event, or None. ``days`` is the reply period of an offer or formal demand.

    17 U.S.C. 512(g)(2)(C): material is put back 10 to 14 business days after a counter-notice unless the provider is
    first notified of a court action. Business days are counted without regard to holidays, so that the date is never
    too late. PRC E-Commerce Law, Art. 43: 15 days from receipt of the statement. DSA, Art. 20: six months to complain
    about a decision. PRC Civil Procedure Law, Art. 126: a court registers or rejects a complaint within 7 days. 17
    U.S.C. 1506(g): proof of service within 90 days of the Board's notice that a claim may be served. The date after a
    letter that was just sent is Exhibit's own reminder, not a legal deadline.
    """
    if (event, kind) in DEADLINES:
        name, compute_end = DEADLINES[event, kind]
        return DueDate(compute_end(day), name)
    if event == Notice.State.SENT:
        return DueDate(day + timedelta(days=days if kind in (Notice.Kind.OFFER, Notice.Kind.CEASE) else 7), "reminder")
    if event in (Notice.State.COUNTERED, Notice.State.ANSWERED, Notice.State.ONLINE):
        return DueDate(day + timedelta(days=7), "reminder")
    return None


def add_business_days(day: date, count: int) -> date:
    """Return the day ``count`` business days later (Monday to Friday; holidays are not considered)."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def add_months(day: date, months: int) -> date:
    """Return the same day a number of months later, or the last day of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


DEADLINES: Mapping[tuple[str, str], tuple[str, Callable[[date], date]]] = {
    (Notice.State.COUNTERED, Notice.Kind.DMCA): ("dmca-counter", lambda day: add_business_days(day, 10)),
    (Notice.State.COUNTERED, Notice.Kind.PRC): ("prc-statement", lambda day: day + timedelta(days=15)),
    (Notice.State.ANSWERED, Notice.Kind.DSA): ("dsa-complaint", lambda day: add_months(day, 6)),
    (Notice.State.SENT, Notice.Kind.COURT): ("court-filing", lambda day: day + timedelta(days=7)),
    (Notice.State.ANSWERED, Notice.Kind.CCB): ("ccb-service", lambda day: day + timedelta(days=90)),
}
"""Legal deadlines by event and kind of notice: their name, and a function that returns the last day."""
