"""Mail settings of members: the frequency of their mails, and which mails are due."""

from datetime import datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from exhibit.clock import now
from registry.accounts.models import Membership, Owner, User
from registry.db import steps
from registry.db.rows import lock_row, update_row
from registry.events import events
from registry.events.models import Event, EventKind, MailChoice
from registry.log import audit_log

REPORTED_KINDS = (
    EventKind.CASE_OPENED,
    EventKind.NOTICE_DUE,
    EventKind.NOTICE_REPLIED,
    EventKind.NOTICE_VISITED,
    EventKind.KNOWN_COPY_MISSED,
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

The minimum applies after half an hour without a mail; otherwise, the pause is twice the time since the last mail, up to
the maximum.
"""
MailFrequency = MailChoice.MailFrequency


def get_mail_settings(owner: Owner, user: User) -> MailChoice:
    """Return a member's mail settings; the default is a daily mail."""
    initial_values = {
        "notified_until": events.get_newest_number(owner),
        "not_before": compute_next_mail_time(user, MailFrequency.DAILY),
    }
    return MailChoice.objects.get_or_create(owner=owner, user=user, defaults=initial_values)[0]


def set_mail_settings(
    owner: Owner, user: User, mail_frequency: MailFrequency, *, by: str, sends_replies_at_once: bool | None = None
) -> None:
    """Record a member's mail settings.

    Events before the change are still reported in the next mail, unless the setting was ``never``.

    Args:
        owner: The owner whose events are reported.
        user: The member.
        mail_frequency: The new frequency.
        by: Account recorded in the audit log.
        sends_replies_at_once: Report replies to notices immediately; unchanged if ``None``.
    """
    with lock_row(get_mail_settings(owner, user)) as row:
        if sends_replies_at_once is not None and row.sends_replies_at_once != sends_replies_at_once:
            update_row(row, sends_replies_at_once=sends_replies_at_once)
            about = {"answers at once": sends_replies_at_once, "user": user.get_username()}
            audit_log.log_change("mail choice", by=by, owner=owner, details=about)
        if row.mail_frequency == mail_frequency:
            return
        last_reported = (
            events.get_newest_number(owner) if row.mail_frequency == MailFrequency.NEVER else row.notified_until
        )
        next_mail_at = None if mail_frequency == MailFrequency.AT_ONCE else compute_next_mail_time(user, mail_frequency)
        update_row(
            row,
            mail_frequency=mail_frequency,
            notified_until=last_reported,
            **{**steps.build_reset_columns(), "not_before": next_mail_at},
        )
        about = {"how often": str(mail_frequency), "user": user.get_username()}
        audit_log.log_change("mail choice", by=by, owner=owner, details=about)


def compute_next_mail_time(user: User, mail_frequency: str, last_mail_at: datetime | None = None) -> datetime:
    """Return the time when the next mail may be sent: 7:00 in the member's time zone, on Mondays if weekly.

    The pause between immediate mails grows while mails follow each other closely; ``last_mail_at`` is the time of the
    last mail.
    """
    if mail_frequency == MailFrequency.AT_ONCE:
        elapsed = now() - last_mail_at if last_mail_at else 2 * MAX_PAUSE
        return now() + (MIN_PAUSE if elapsed >= 2 * MAX_PAUSE else min(max(2 * elapsed, MIN_PAUSE), MAX_PAUSE))
    local_time = now().astimezone(get_time_zone(user))
    day = local_time.date() + timedelta(days=0 if local_time.time() < MAIL_TIME else 1)
    if mail_frequency == MailFrequency.WEEKLY:
        day += timedelta(days=-day.weekday() % 7)
    return datetime.combine(day, MAIL_TIME, local_time.tzinfo)


def schedule_mails_soon(owner: Owner) -> None:
    """Schedule mails about an event that is about to be recorded, for when it has settled, unless members opted out."""
    for member in owner.memberships.select_related("user"):
        get_mail_settings(owner, member.user)
    soon = now() + events.SETTLING_PERIOD
    rows = MailChoice.objects.filter(
        owner=owner, sends_replies_at_once=True, mail_frequency__in=(MailFrequency.DAILY, MailFrequency.WEEKLY)
    )
    rows.filter(not_before__gt=soon).update(not_before=soon)


def compute_time_after_mail(row: MailChoice, notified_until: int) -> datetime:
    """Return the time of the next mail after one that reported events up to ``notified_until``.

    The next mail is sent soon if a reply to a notice has not been reported yet.
    """
    next_mail_at = compute_next_mail_time(row.user, row.mail_frequency, row.sent_at)
    if not row.sends_replies_at_once or row.mail_frequency == MailFrequency.AT_ONCE:
        return next_mail_at
    unreported_events = Event.objects.filter(owner=row.owner, pk__gt=notified_until, kind__in=IMMEDIATE_KINDS)
    return min(next_mail_at, now() + events.SETTLING_PERIOD) if unreported_events.exists() else next_mail_at


def get_time_zone(user: User) -> tzinfo:
    """Return a member's time zone: the one last reported by the browser, or the installation's."""
    return ZoneInfo(user.time_zone) if user.time_zone else timezone.get_default_timezone()


def create_missing_choices() -> None:
    """Create default mail settings for members without settings."""
    choices = MailChoice.objects.filter(user=OuterRef("user"), owner=OuterRef("owner"))
    for member in Membership.objects.filter(~Exists(choices)).select_related("owner", "user")[:1000]:
        get_mail_settings(member.owner, member.user)


def build_news_condition(at: datetime | None = None) -> Q:
    """Return a condition for mail settings of members with unreported events."""
    new_events = Event.objects.filter(
        owner=OuterRef("owner"), pk__gt=OuterRef("notified_until"), kind__in=REPORTED_KINDS
    )
    return ~Q(mail_frequency=MailFrequency.NEVER) & Q(Exists(new_events.filter(events.build_settled_condition(at))))
