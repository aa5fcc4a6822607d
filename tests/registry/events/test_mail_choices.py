"""Test how often a member gets mails, and when the next one is due."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from exhibit.clock import now
from registry.events import events, mail_choices
from registry.models import Event, EventKind, MailChoice, Membership, Owner, User
from registry.notifications import news
from tests.assets.rows import owner

HowOften = MailChoice.HowOften
STALE = timedelta(minutes=10)


@pytest.fixture
def studio(db: None) -> Owner:
    made = owner("studio")
    Membership.objects.create(owner=made, user=User.objects.create_user("ann", "ann@example.org"))
    return made


def happened(to: Owner, kind: EventKind = EventKind.REPORT_READY) -> Event:
    event = events.record(to, kind, {"report": 1, "title": "A"})
    assert event is not None
    Event.objects.update(at=now() - events.SETTLING - timedelta(seconds=1))
    return event


@pytest.mark.parametrize(
    ("how_often", "moment", "zone", "wanted"),
    [
        ("daily", "2026-11-18T05:00", "", "2026-11-18T07:00"),
        ("daily", "2026-11-18T08:00", "", "2026-11-19T07:00"),
        ("daily", "2026-11-18T20:00", "Asia/Tokyo", "2026-11-18T22:00"),
        ("weekly", "2026-11-18T08:00", "", "2026-11-23T07:00"),
        ("weekly", "2026-11-23T05:00", "", "2026-11-23T07:00"),
        ("at-once", "2026-11-18T08:00", "", "2026-11-18T08:01"),
    ],
)
def test_the_next_mail_goes_in_the_morning_of_the_members_day(
    monkeypatch: pytest.MonkeyPatch, how_often: str, moment: str, zone: str, wanted: str
) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    monkeypatch.setattr(mail_choices, "now", lambda: at)
    monkeypatch.setattr(timezone, "get_default_timezone", lambda: UTC)
    found = mail_choices.next_mail(User(time_zone=zone), how_often)
    assert found.astimezone(UTC).isoformat()[:16] == wanted


def test_a_member_is_due_when_the_time_has_come_and_there_is_something_to_tell(studio: Owner) -> None:
    mail_choices.make_missing()
    row = MailChoice.objects.get()
    assert row.how_often == "daily"
    happened(studio, EventKind.CASE_DECIDED)  # no mail reports that
    MailChoice.objects.update(not_before=None)
    assert news.due(MailChoice, STALE, 9) == []
    happened(studio)
    assert news.due(MailChoice, STALE, 9) == [row.pk]
    MailChoice.objects.update(not_before=now() + timedelta(hours=1))
    assert news.due(MailChoice, STALE, 9) == []


def test_who_wanted_none_is_not_told_afterwards_what_happened_meanwhile(studio: Owner) -> None:
    ann = User.objects.get()
    for how_often in (HowOften.NEVER, HowOften.NEVER):
        mail_choices.choose(studio, ann, how_often, by="Ann")
    happened(studio)
    MailChoice.objects.update(not_before=None)
    assert news.due(MailChoice, STALE, 9) == []
    mail_choices.choose(studio, ann, HowOften.AT_ONCE, by="Ann")
    assert news.due(MailChoice, STALE, 9) == []
    happened(studio)
    assert news.due(MailChoice, STALE, 9) == [MailChoice.objects.get().pk]


def test_mail_follows_mail_in_pauses_that_grow_to_a_quarter_of_an_hour_and_begin_anew_after_a_quiet_half_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moment, before, pauses = datetime(2026, 11, 18, 8, tzinfo=UTC), None, []
    for _ in range(7):
        monkeypatch.setattr(mail_choices, "now", lambda at=moment: at)
        following = mail_choices.next_mail(User(), HowOften.AT_ONCE, before)
        pauses.append((following - moment).total_seconds() / 60)
        before, moment = moment, following
    assert pauses == [1, 2, 4, 8, 15, 15, 15]
    later = moment + timedelta(minutes=20)
    monkeypatch.setattr(mail_choices, "now", lambda: later)
    assert mail_choices.next_mail(User(), HowOften.AT_ONCE, before) - later == mail_choices.SOONEST
