"""Test how often a member receives mail, and when the next mail is due."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from exhibit.clock import now
from registry.events import events, mail_choices
from registry.models import Event, EventKind, MailChoice, Membership, Owner, User
from registry.notifications import due_rows
from tests.assets.rows import owner

HowOften = MailChoice.MailFrequency
STALE = timedelta(minutes=10)


@pytest.fixture
def studio(db: None) -> Owner:
    new_owner = owner("studio")
    Membership.objects.create(owner=new_owner, user=User.objects.create_user("ann", "ann@example.org"))
    return new_owner


def record_event(rights_holder: Owner, kind: EventKind = EventKind.REPORT_READY) -> Event:
    event = events.record_event(rights_holder, kind, {"report": 1, "title": "A"})
    assert event is not None
    Event.objects.update(at=now() - events.SETTLING_PERIOD - timedelta(seconds=1))
    return event


@pytest.mark.parametrize(
    ("mail_frequency", "moment", "zone", "expected"),
    [
        ("daily", "2026-11-18T05:00", "", "2026-11-18T07:00"),
        ("daily", "2026-11-18T08:00", "", "2026-11-19T07:00"),
        ("daily", "2026-11-18T20:00", "Asia/Tokyo", "2026-11-18T22:00"),
        ("weekly", "2026-11-18T08:00", "", "2026-11-23T07:00"),
        ("weekly", "2026-11-23T05:00", "", "2026-11-23T07:00"),
        ("at-once", "2026-11-18T08:00", "", "2026-11-18T08:01"),
    ],
)
def test_next_mail_is_sent_in_member_morning(
    monkeypatch: pytest.MonkeyPatch, mail_frequency: str, moment: str, zone: str, expected: str
) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    monkeypatch.setattr(mail_choices, "now", lambda: at)
    monkeypatch.setattr(timezone, "get_default_timezone", lambda: UTC)
    next_time = mail_choices.compute_next_mail_time(User(time_zone=zone), mail_frequency)
    assert next_time.astimezone(UTC).isoformat()[:16] == expected


def test_member_is_due_only_with_events_to_report(studio: Owner) -> None:
    mail_choices.create_missing_choices()
    row = MailChoice.objects.get()
    assert row.mail_frequency == "daily"
    record_event(studio, EventKind.CASE_DECIDED)  # mail does not report this event
    MailChoice.objects.update(not_before=None)
    assert due_rows.list_due_keys(MailChoice, STALE, 9) == []
    record_event(studio)
    assert due_rows.list_due_keys(MailChoice, STALE, 9) == [row.pk]
    MailChoice.objects.update(not_before=now() + timedelta(hours=1))
    assert due_rows.list_due_keys(MailChoice, STALE, 9) == []


def test_events_during_disabled_mail_are_not_sent_later(studio: Owner) -> None:
    ann = User.objects.get()
    for mail_frequency in (HowOften.NEVER, HowOften.NEVER):
        mail_choices.set_mail_settings(studio, ann, mail_frequency, by="Ann")
    record_event(studio)
    MailChoice.objects.update(not_before=None)
    assert due_rows.list_due_keys(MailChoice, STALE, 9) == []
    mail_choices.set_mail_settings(studio, ann, HowOften.AT_ONCE, by="Ann")
    assert due_rows.list_due_keys(MailChoice, STALE, 9) == []
    record_event(studio)
    assert due_rows.list_due_keys(MailChoice, STALE, 9) == [MailChoice.objects.get().pk]


def test_intervals_between_mails_grow_to_15_minutes_and_reset_after_30_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moment, before, pauses = datetime(2026, 11, 18, 8, tzinfo=UTC), None, []
    for _ in range(7):
        monkeypatch.setattr(mail_choices, "now", lambda at=moment: at)
        following = mail_choices.compute_next_mail_time(User(), HowOften.AT_ONCE, before)
        pauses.append((following - moment).total_seconds() / 60)
        before, moment = moment, following
    assert pauses == [1, 2, 4, 8, 15, 15, 15]
    later = moment + timedelta(minutes=20)
    monkeypatch.setattr(mail_choices, "now", lambda: later)
    assert mail_choices.compute_next_mail_time(User(), HowOften.AT_ONCE, before) - later == mail_choices.MIN_PAUSE
