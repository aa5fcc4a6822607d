"""Test a sent notice: due dates, notifications, and pauses."""

from datetime import date, timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry.models import Event, Notice, Owner
from registry.notices import notices, terms
from registry.notices.contents import letter
from registry.notices.terms import business_day, due_after, months_later
from tests.assets.noticed import begun, signed
from tests.assets.noticed_once import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]


@pytest.mark.long
def test_a_counter_notice_pauses_the_cases_until_it_is_resolved(studio: Owner, inline: SyncRunner) -> None:
    row = signed(inline, begun(studio))
    notices.sent_by_hand(row, by="Ann")
    today = now().date()
    notices.happened(row, "countered", today, "By mail.", by="Ann")
    for later in ("answered", "online", "removed"):
        notices.happened(row, later, today, "", by="Ann")
    row = notices.notice(studio, row.number)
    assert (row.state, row.due_on, row.due_what) == ("countered", business_day(today, 10), "dmca-counter")
    assert [one.kind for one in row.events.all()[:4]] == ["removed", "online", "answered", "countered"]
    with pytest.raises(WrongUseError, match="1"):
        notices.draft(studio, (1,), "offer", "en", by="Ann")
    notices.happened(row, "resolved", today, "", by="Ann")
    assert notices.draft(studio, (1,), "offer", "en", by="Ann").number == 2
    with pytest.raises(WrongUseError):
        notices.happened(row, "removed", today + timedelta(days=9), "", by="Ann")


def test_terms_are_counted_from_the_day_that_a_person_names() -> None:
    friday = date(2026, 11, 20)
    assert business_day(friday, 10) == date(2026, 12, 4)
    assert months_later(date(2026, 8, 31), 6) == date(2027, 2, 28)
    due = {
        ("prc", "countered"): (date(2026, 12, 5), "prc-statement"),
        ("dsa", "answered"): (date(2027, 5, 20), "dsa-complaint"),
        ("dmca", "countered"): (date(2026, 12, 4), "dmca-counter"),
    }
    for (kind, what), expected in due.items():
        found = due_after(kind, what, friday)
        assert found is not None
        assert (found.day, found.what) == expected
    assert due_after("dmca", "removed", friday) is None


@pytest.mark.parametrize(("said", "days"), [("30", 30), ("0", 1), ("9" * 30, 14), ("soon", 14), ("400", 365)])
def test_an_offer_is_due_when_its_answer_is(studio: Owner, inline: SyncRunner, said: str, days: int) -> None:
    row = begun(studio, "offer", "en")
    notices.fill(row, {"reply_days": said}, ["reply_days"])
    today = now().date()
    assert f"reply by {today + timedelta(days=days):%-d %B %Y}" in letter(row).text
    row = signed(inline, notices.notice(studio, row.number))
    notices.sent_by_hand(row, by="Ann")
    assert notices.notice(studio, row.number).due_on == today + timedelta(days=days)


def test_due_days_are_told_once_and_terms_of_law_before_their_day(studio: Owner, inline: SyncRunner) -> None:
    row = signed(inline, begun(studio))
    notices.sent_by_hand(row, by="Ann")
    terms.tell_due()
    assert not Event.objects.filter(kind="notice.due").exists()
    today = now().date()
    Notice.objects.update(due_on=today + timedelta(days=4), due_what="dmca-counter")
    for _ in range(2):
        terms.tell_due()
    told = Event.objects.get(kind="notice.due")
    due = (today + timedelta(days=4)).isoformat()
    assert told.about == {"notice": 1, "party": "shop.example", "due": due, "what": "dmca-counter"}
    assert list(terms.due(studio, today)) == [row]
    Notice.objects.update(due_on=today)
    terms.tell_due()
    assert Event.objects.filter(kind="notice.due").count() == 2
    notices.happened(row, "resolved", today, "", by="Ann")
    assert not terms.due(studio, today).exists()


def test_a_decision_that_may_be_complained_of_stays_due_while_the_picture_is_online(
    studio: Owner, inline: SyncRunner
) -> None:
    row = signed(inline, begun(studio, "dsa"))
    notices.sent_by_hand(row, by="Ann")
    today = now().date()
    notices.happened(row, "online", today, "", by="Ann")
    assert notices.notice(studio, 1).due_what == "reminder"
    for what in ("answered", "online"):
        notices.happened(row, what, today, "", by="Ann")
        assert (notices.notice(studio, 1).due_on, notices.notice(studio, 1).due_what) == (
            months_later(today, 6),
            "dsa-complaint",
        )
