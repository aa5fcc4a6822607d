"""Mail settings of members: the frequency of their mails, and which mails are due."""

from datetime import datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from exhibit.clock import now
from registry.accounts.models import Membership, Owner, User
from registry.db import steps
from registry.db.rows import lock_row, write
from registry.events import events
from registry.events.models import Event, EventKind, MailChoice
from registry.log import audit_log

REPORTED_KINDS = (
    EventKind.CASE_OPENED,
    EventKind.NOTICE_DUE,
    EventKind.NOTICE_REPLIED,
    EventKind.NOTICE_VISITED,
    EventKind.CANARY_MISSED,
    EventKind.WORK_HELD,
    EventKind.REPORT_READY,
    EventKind.WEBHOOK_PAUSED,
)
"""Kinds of events that mails report."""

IMMEDIATE_KINDS = (EventKind.NOTICE_REPLIED,)
"""Kinds of events that are reported without waiting for the daily or weekly mail, unless the member opted out."""

MAIL_TIME = time(7)
MIN_PAUSE, MAX_PAUSE = timedelta(minutes=1), timedelta(minutes=15)
"""Pauses between immediate mails.

The minimum applies after half a quiet hour; then each pause is twice the time since the last mail, up to the maximum.
"""
HowOften = MailChoice.HowOften


def get_choice(owner: Owner, user: User) -> MailChoice:
    """Return a member's mail settings; the default is a daily mail."""
    initial_values = {"told_until": events.newest_number(owner), "not_before": next_mail(user, HowOften.DAILY)}
    return MailChoice.objects.get_or_create(owner=owner, user=user, defaults=initial_values)[0]


def set_choice(owner: Owner, user: User, how_often: HowOften, *, by: str, answers_at_once: bool | None = None) -> None:
    """Record a member's mail settings.

    Events before the change are still reported at the next mail, unless the setting was ``never``.

    Args:
        owner: The owner whose events are reported.
        user: The member.
        how_often: The new frequency.
        by: Account recorded in the audit log.
        answers_at_once: Report replies to notices immediately; unchanged if ``None``.
    """
    with lock_row(get_choice(owner, user)) as row:
        if answers_at_once is not None and row.answers_at_once != answers_at_once:
            write(row, answers_at_once=answers_at_once)
            about = {"answers at once": answers_at_once, "user": user.get_username()}
            audit_log.log_change("mail choice", by=by, owner=owner, about=about)
        if row.how_often == how_often:
            return
        last_reported = events.newest_number(owner) if row.how_often == HowOften.NEVER else row.told_until
        later = None if how_often == HowOften.AT_ONCE else next_mail(user, how_often)
        write(row, how_often=how_often, told_until=last_reported, **{**steps.reset_columns(), "not_before": later})
        about = {"how often": str(how_often), "user": user.get_username()}
        audit_log.log_change("mail choice", by=by, owner=owner, about=about)


def next_mail(user: User, how_often: str, before: datetime | None = None) -> datetime:
    """Return when the next mail may be sent: at 7:00 in the member's time zone, on Mondays if weekly.

    Immediate mails are further apart while mail follows mail; ``before`` is when the last mail was sent.
    """
    if how_often == HowOften.AT_ONCE:
        passed = now() - before if before else 2 * MAX_PAUSE
        return now() + (MIN_PAUSE if passed >= 2 * MAX_PAUSE else min(max(2 * passed, MIN_PAUSE), MAX_PAUSE))
    local_time = now().astimezone(zone_of(user))
    day = local_time.date() + timedelta(days=0 if local_time.time() < MAIL_TIME else 1)
    if how_often == HowOften.WEEKLY:
        day += timedelta(days=-day.weekday() % 7)
    return datetime.combine(day, MAIL_TIME, local_time.tzinfo)


def schedule_soon(owner: Owner) -> None:
    """Notify members of an event that is about to be recorded as soon as it has settled, unless they opted out."""
    for member in owner.memberships.select_related("user"):
        get_choice(owner, member.user)
    soon = now() + events.SETTLING_PERIOD
    rows = MailChoice.objects.filter(owner=owner, answers_at_once=True, how_often__in=(HowOften.DAILY, HowOften.WEEKLY))
    rows.filter(not_before__gt=soon).update(not_before=soon)


def after_mail(row: MailChoice, told_until: int) -> datetime:
    """Return when the next mail may be sent after one that reported events up to ``told_until``.

    This is soon if a reply to a notice has not been reported yet.
    """
    until = next_mail(row.user, row.how_often, row.sent_at)
    if not row.answers_at_once or row.how_often == HowOften.AT_ONCE:
        return until
    unreported = Event.objects.filter(owner=row.owner, pk__gt=told_until, kind__in=IMMEDIATE_KINDS)
    return min(until, now() + events.SETTLING_PERIOD) if unreported.exists() else until


def zone_of(user: User) -> tzinfo:
    """Return a member's time zone: the browser's last, or the installation's."""
    return ZoneInfo(user.time_zone) if user.time_zone else timezone.get_default_timezone()


def create_missing() -> None:
    """Create the default mail settings for members without any."""
    choices = MailChoice.objects.filter(user=OuterRef("user"), owner=OuterRef("owner"))
    for member in Membership.objects.filter(~Exists(choices)).select_related("owner", "user")[:1000]:
        get_choice(member.owner, member.user)


def news_condition(moment: datetime | None = None) -> Q:
    """Return a condition for mail settings of members with unreported events."""
    new = Event.objects.filter(owner=OuterRef("owner"), pk__gt=OuterRef("told_until"), kind__in=REPORTED_KINDS)
    return ~Q(how_often=HowOften.NEVER) & Q(Exists(new.filter(events.settled_condition(moment))))
