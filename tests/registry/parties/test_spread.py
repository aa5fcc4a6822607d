"""Test when a party showed a work on new pages, counted in periods, before and after a notice."""

from datetime import timedelta

from registry.models import Notice, Owner
from registry.parties.spread import cases_of, newly_seen, notices_sent
from tests.assets.rows import owner
from tests.desk.web.works.test_spread import JUNE, another, seen, spread_out
from tests.desk.web.works.test_uploads import studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["studio"]


def test_new_places_are_counted_by_period_and_by_what_a_notice_came_before(inline: SyncRunner, studio: Owner) -> None:
    case = spread_out(inline, studio)
    seen(case, JUNE + timedelta(days=19), JUNE + timedelta(days=21))
    found = cases_of(studio, case.work)
    assert [row.party for row in found] == ["shop.example", "laden.de"]  # cleared cases are excluded
    steps = newly_seen(found, "month")[case.pk]
    assert [(step.begins.month, step.after_notice, step.places) for step in steps] == [
        (6, False, 5), (6, True, 1), (7, True, 2),
    ]  # fmt: skip
    assert notices_sent(found) == {case.pk: [JUNE + timedelta(days=20)]}
    Notice.objects.update(sent_at=None)
    assert notices_sent(found) == {}
    assert not any(step.after_notice for step in newly_seen(found, "month")[case.pk])


def test_a_case_without_a_sighting_and_another_owners_are_left_out(inline: SyncRunner, studio: Owner) -> None:
    case = spread_out(inline, studio)
    another(case, "empty.example")
    assert cases_of(studio, case.work).count() == 2
    assert not cases_of(owner("rival"), case.work).exists()
