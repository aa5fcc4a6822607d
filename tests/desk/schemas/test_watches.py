"""Test the API's schemas of watches, crawls, searches and known copies."""

from desk.schemas.watches import Crawl, KnownCopy, Search, UnreadablePicture, Watch
from registry.crawls import copy_checks, schedules
from registry.models import Picture
from tests.assets.rows import claim_new_slice, owner, photograph, record_sightings, register
from tests.assets.shop import create_watch
from workers.tasks.sync_runner import SyncRunner


def test_crawl_counts_visited_and_waiting_pages(inline: SyncRunner) -> None:
    crawl_slice, epoch = claim_new_slice(owner("studio"), "shop")
    record_sightings(inline.services, crawl_slice, epoch, [photograph(1), photograph(1), photograph(2)])
    crawl = crawl_slice.crawl
    result = Crawl.from_row(crawl)
    assert (result.watch, result.sightings, result.pictures, result.pictures_waiting) == ("shop", 3, 2, 2)
    Picture.objects.update(state="done", refusal="too-many-pixels")
    assert Crawl.from_row(crawl).pictures_waiting == 0
    unreadable = UnreadablePicture.from_rows(crawl.sightings.select_related("picture"))
    assert [item.reason for item in unreadable] == ["too-many-pixels"] * 3
    crawl.pictures = 7
    assert Crawl.from_row(crawl).pictures == 7
    (full_watch,) = Watch.from_rows([crawl.watch])
    assert full_watch.last_crawl is not None
    assert (full_watch.last_crawl.number, full_watch.sources[0].kind) == (1, "site")


def test_known_copy_is_returned_with_its_last_run(inline: SyncRunner) -> None:
    studio = owner("studio")
    shop = create_watch(studio, "http://shop.example/")
    schedules.start_crawl(shop.pk)
    work = register(inline.services, studio, photograph(1)).work
    row = copy_checks.add_known_copy(work, shop, "http://shop.example/hidden", by="Ann")
    assert KnownCopy.from_row(row).last_result is None


def test_search_is_returned_with_its_inputs_but_without_its_key(inline: SyncRunner) -> None:
    searches = {search.search: search for search in Search.from_services(inline.services, owner("studio"))}
    assert (searches["tineye"].input, searches["tineye"].key_added_at) == ("pictures", None)
    assert "key" not in {name for name in Search.model_fields if not name.startswith("key_added")}
