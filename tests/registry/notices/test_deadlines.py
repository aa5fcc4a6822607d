"""Test a sent notice: due dates, notifications, and pauses."""

from datetime import date, timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from registry.models import Event, Notice, Owner
from registry.notices import deadlines, notices
from registry.notices.contents import build_letter
from registry.notices.deadlines import add_business_days, add_months, get_next_due
from tests.assets.notice_drafts import create_draft, sign_notice
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]


@pytest.mark.long
def test_counter_notice_pauses_its_cases_until_resolved(studio: Owner, inline: SyncRunner) -> None:
    row = sign_notice(inline, create_draft(studio))
    notices.record_sent_by_hand(row, by="Ann")
    today = now().date()
    notices.record_outcome(row, "countered", today, "By mail.", by="Ann")
    for later in ("answered", "online", "removed"):
        notices.record_outcome(row, later, today, "", by="Ann")
    row = notices.get_notice(studio, row.number)
    assert (row.state, row.due_on, row.due_reason) == ("countered", add_business_days(today, 10), "dmca-counter")
    assert [event.kind for event in row.events.all()[:4]] == ["removed", "online", "answered", "countered"]
    with pytest.raises(InvalidRequestError, match="1"):
        notices.create_draft(studio, (1,), "offer", "en", by="Ann")
    notices.record_outcome(row, "resolved", today, "", by="Ann")
    assert notices.create_draft(studio, (1,), "offer", "en", by="Ann").number == 2
    with pytest.raises(InvalidRequestError):
        notices.record_outcome(row, "removed", today + timedelta(days=9), "", by="Ann")


def test_notice_deadlines_are_counted_from_the_entered_day() -> None:
    friday = date(2026, 11, 20)
    assert add_business_days(friday, 10) == date(2026, 12, 4)
    assert add_months(date(2026, 8, 31), 6) == date(2027, 2, 28)
    due = {
        ("prc", "countered"): (date(2026, 12, 5), "prc-statement"),
        ("dsa", "answered"): (date(2027, 5, 20), "dsa-complaint"),
        ("dmca", "countered"): (date(2026, 12, 4), "dmca-counter"),
    }
    for (kind, what), expected in due.items():
        due_date = get_next_due(kind, what, friday)
        assert due_date is not None
        assert (due_date.day, due_date.reason) == expected
    assert get_next_due("dmca", "removed", friday) is None


@pytest.mark.parametrize(("reply", "days"), [("30", 30), ("0", 1), ("9" * 30, 14), ("soon", 14), ("400", 365)])
def test_licence_offer_is_due_on_its_reply_date(studio: Owner, inline: SyncRunner, reply: str, days: int) -> None:
    row = create_draft(studio, "offer", "en")
    notices.save_fields(row, {"reply_days": reply}, ["reply_days"])
    today = now().date()
    assert f"reply by {today + timedelta(days=days):%-d %B %Y}" in build_letter(row).text
    row = sign_notice(inline, notices.get_notice(studio, row.number))
    notices.record_sent_by_hand(row, by="Ann")
    assert notices.get_notice(studio, row.number).due_on == today + timedelta(days=days)


def test_members_are_notified_once_on_due_dates_and_before_legal_deadlines(studio: Owner, inline: SyncRunner) -> None:
    row = sign_notice(inline, create_draft(studio))
    notices.record_sent_by_hand(row, by="Ann")
    deadlines.record_due_events()
    assert not Event.objects.filter(kind="notice.due").exists()
    today = now().date()
    Notice.objects.update(due_on=today + timedelta(days=4), due_reason="dmca-counter")
    for _ in range(2):
        deadlines.record_due_events()
    event = Event.objects.get(kind="notice.due")
    due = (today + timedelta(days=4)).isoformat()
    assert event.about == {"notice": 1, "party": "shop.example", "due": due, "what": "dmca-counter"}
    assert list(deadlines.list_due(studio, today)) == [row]
    Notice.objects.update(due_on=today)
    deadlines.record_due_events()
    assert Event.objects.filter(kind="notice.due").count() == 2
    notices.record_outcome(row, "resolved", today, "", by="Ann")
    assert not deadlines.list_due(studio, today).exists()


def test_appealable_decision_is_due_while_the_picture_is_online(studio: Owner, inline: SyncRunner) -> None:
    row = sign_notice(inline, create_draft(studio, "dsa"))
    notices.record_sent_by_hand(row, by="Ann")
    today = now().date()
    notices.record_outcome(row, "online", today, "", by="Ann")
    assert notices.get_notice(studio, 1).due_reason == "reminder"
    for what in ("answered", "online"):
        notices.record_outcome(row, what, today, "", by="Ann")
        assert (notices.get_notice(studio, 1).due_on, notices.get_notice(studio, 1).due_reason) == (
            add_months(today, 6),
            "dsa-complaint",
        )
