"""What is left of the budget of a crawl."""

from exhibit.clock import now
from registry.crawls.budgets import left
from registry.models import Crawl, StepState
from tests.assets.clocks import YEAR
from tests.assets.rows import owner
from tests.assets.shop import watch
from workers.tasks.sync_runner import SyncRunner


def test_a_crawl_begun_by_a_clock_ahead_has_no_more_time_than_its_budget(inline: SyncRunner) -> None:
    made = watch(owner("studio"), "http://127.0.0.7/", seconds=60)
    crawl = Crawl.objects.create(watch=made, number=1, state=StepState.DOING, started_at=now() + YEAR)
    assert left(crawl).seconds <= 60
