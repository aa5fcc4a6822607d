"""Test the API's schemas of watches, crawls, searches and canaries."""

from desk.schemas.watches import Crawl, KnownCopy, Search, UnreadablePicture, Watch
from registry.crawls import canaries, schedules
from registry.models import Picture
from tests.assets.rows import bring, claimed_slice, owner, photograph, register
from tests.assets.shop import watch
from workers.tasks.sync_runner import SyncRunner


def test_a_crawl_counts_what_it_saw_and_what_waits(inline: SyncRunner) -> None:
    planned, epoch = claimed_slice(owner("studio"), "shop")
    bring(inline.services, planned, epoch, [photograph(1), photograph(1), photograph(2)])
    crawl = planned.crawl
    told = Crawl.from_row(crawl)
    assert (told.watch, told.sightings, told.pictures, told.pictures_waiting) == ("shop", 3, 2, 2)
    Picture.objects.update(state="done", refusal="too-many-pixels")
    assert Crawl.from_row(crawl).pictures_waiting == 0
    unreadable = UnreadablePicture.from_rows(crawl.sightings.select_related("picture"))
    assert [one.reason for one in unreadable] == ["too-many-pixels"] * 3
    crawl.pictures = 7
    assert Crawl.from_row(crawl).pictures == 7
    (whole,) = Watch.from_rows([crawl.watch])
    assert whole.last_crawl is not None
    assert (whole.last_crawl.number, whole.sources[0].kind) == (1, "site")


def test_a_canary_is_told_with_the_last_run_that_had_to_find_it(inline: SyncRunner) -> None:
    studio = owner("studio")
    shop = watch(studio, "http://shop.example/")
    schedules.start_crawl(shop.pk)
    work = register(inline.services, studio, photograph(1)).work
    row = canaries.plant(work, shop, "http://shop.example/hidden", by="Ann")
    assert KnownCopy.from_row(row).last_result is None


def test_a_search_says_what_it_takes_and_nothing_of_a_key(inline: SyncRunner) -> None:
    found = {one.search: one for one in Search.of(inline.services, owner("studio"))}
    assert (found["tineye"].input, found["tineye"].key_added_at) == ("pictures", None)
    assert "key" not in {name for name in Search.model_fields if not name.startswith("key_added")}
