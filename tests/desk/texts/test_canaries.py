"""Test the descriptions of a canary's state."""

from desk.texts.canaries import WORDS, last_run, last_runs
from desk.texts.crawl_refusals import refusal_in_words
from registry.crawls import canaries, schedules
from tests.assets.rows import owner, photograph, register
from tests.assets.shop import watch
from workers.tasks.sync_runner import SyncRunner


def test_the_outcome_of_the_last_run_is_a_word_with_its_reason() -> None:
    assert last_run("found") == str(WORDS["found"])
    missed = last_run("not-visited", "robots")
    assert str(WORDS["not-visited"]) in missed
    assert refusal_in_words("robots") in missed


def test_the_canaries_of_a_watch_stand_with_what_its_newest_run_made_of_them(inline: SyncRunner) -> None:
    studio = owner("studio")
    work = register(inline.services, studio, photograph(1)).work
    shop = watch(studio, "http://shop.example/")
    row = canaries.plant(work, shop, "http://shop.example/hidden", by="Ann")
    assert last_runs(shop) == [(row, last_run())]
    schedules.start_crawl(shop.pk)
    assert last_runs(shop) == [(row, str(WORDS["waiting"]))]
    canaries.withdraw(row, by="Ann")
    assert last_runs(shop) == []
