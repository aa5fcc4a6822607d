"""Test counts of new pages per site and period, before and after a notice."""

from datetime import timedelta

from registry.models import Notice, Owner
from registry.parties.spread import count_new_places, list_cases, list_notice_times
from tests.assets.rows import owner
from tests.desk.web.works.test_spread import JUNE, add_case, add_sightings, add_spread_case
from tests.desk.web.works.test_uploads import studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["studio"]


def test_new_pages_are_counted_by_period_before_and_after_notice(inline: SyncRunner, studio: Owner) -> None:
    case = add_spread_case(inline, studio)
    add_sightings(case, JUNE + timedelta(days=19), JUNE + timedelta(days=21))
    cases = list_cases(studio, case.work)
    assert [row.party for row in cases] == ["shop.example", "laden.de"]  # dismissed cases are excluded
    steps = count_new_places(cases, "month")[case.pk]
    assert [(step.period_start.month, step.after_notice, step.places) for step in steps] == [
        (6, False, 5), (6, True, 1), (7, True, 2),
    ]  # fmt: skip
    assert list_notice_times(cases) == {case.pk: [JUNE + timedelta(days=20)]}
    Notice.objects.update(sent_at=None)
    assert list_notice_times(cases) == {}
    assert not any(step.after_notice for step in count_new_places(cases, "month")[case.pk])


def test_cases_without_sightings_and_of_other_owners_are_excluded(inline: SyncRunner, studio: Owner) -> None:
    case = add_spread_case(inline, studio)
    add_case(case, "empty.example")
    assert list_cases(studio, case.work).count() == 2
    assert not list_cases(owner("rival"), case.work).exists()
