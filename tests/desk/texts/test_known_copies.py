"""Test the descriptions of a known copy's status."""

from desk.texts.crawl_refusals import describe_refusal
from desk.texts.known_copies import OUTCOME_LABELS, describe_last_run, describe_last_runs
from registry.crawls import copy_checks, schedules
from tests.assets.rows import owner, photograph, register
from tests.assets.shop import create_watch
from workers.tasks.sync_runner import SyncRunner


def test_last_run_outcome_has_a_reason() -> None:
    assert describe_last_run("found") == str(OUTCOME_LABELS["found"])
    message = describe_last_run("not-visited", "robots")
    assert str(OUTCOME_LABELS["not-visited"]) in message
    assert describe_refusal("robots") in message


def test_known_copies_of_a_watch_show_their_newest_run(inline: SyncRunner) -> None:
    studio = owner("studio")
    work = register(inline.services, studio, photograph(1)).work
    shop = create_watch(studio, "http://shop.example/")
    row = copy_checks.add_known_copy(work, shop, "http://shop.example/hidden", by="Ann")
    assert describe_last_runs(shop) == [(row, describe_last_run())]
    schedules.start_crawl(shop.pk)
    assert describe_last_runs(shop) == [(row, str(OUTCOME_LABELS["waiting"]))]
    copy_checks.withdraw_known_copy(row, by="Ann")
    assert describe_last_runs(shop) == []
