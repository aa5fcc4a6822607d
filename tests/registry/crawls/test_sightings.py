"""Test sightings of a crawl: stored once, with first and last times, and queued only when there is new work."""

from dataclasses import replace
from datetime import timedelta

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import Sighting
from registry.crawls import sightings
from registry.crawls.sightings import store_sightings
from registry.models import CrawlSlice, Picture, Sighting as Row
from registry.works.search_version import compute_search_version
from tests.assets.rows import claim_new_slice, owner

SIGHTING = Sighting(
    page_url="http://www.example.org/page",
    image_url="http://images.example/a.jpg",
    final_url="http://images.example/a.jpg",
    digest=Digest.from_bytes(b"a"),
    size=1,
    media_type="image/jpeg",
    status=200,
    request_headers=(),
    response_headers=(("X-Odd", "a\0b"),),
    peer="192.0.2.1:80",
    fetched_at=now() - timedelta(days=3),
    found_in="img",
    context="A picture",
)


def store_in_slice(crawl_slice: CrawlSlice, *records: Sighting) -> list[int]:
    with transaction.atomic():
        return store_sightings(crawl_slice, [(sighting, "A page") for sighting in records], compute_search_version())


def test_sighting_is_stored_once_with_site_of_page(db: None) -> None:
    crawl_slice, _ = claim_new_slice(owner("studio"))
    assert (
        store_in_slice(crawl_slice, SIGHTING, SIGHTING)
        == store_in_slice(crawl_slice, replace(SIGHTING, context="again"))
        == [Picture.objects.get().pk]
    )
    row = Row.objects.get()
    assert (row.host, row.party, row.context, row.private_to) == ("www.example.org", "example.org", "A picture", None)
    assert row.response_headers == [["X-Odd", "a\ufffdb"]]
    assert sightings.list_sightings_by_slice(crawl_slice.pk) == [row]


def test_unmodified_picture_keeps_the_time_it_was_first_seen(db: None) -> None:
    studio = owner("studio")
    first, _ = claim_new_slice(studio)
    store_in_slice(first, SIGHTING)
    later, _ = claim_new_slice(studio, "later")
    CrawlSlice.objects.filter(pk=later.pk).update(crawl=first.crawl.watch.crawls.create(number=2, started_at=now()))
    later.refresh_from_db()
    store_in_slice(later, replace(SIGHTING, fetched_at=now(), not_modified=True))
    row = Row.objects.latest("pk")
    assert (row.first_seen, row.received_bytes) == (SIGHTING.fetched_at, False)
    assert row.first_seen is not None
    assert row.last_seen is not None
    assert row.last_seen > row.first_seen


def test_processed_picture_is_requeued_only_for_new_work(db: None) -> None:
    studio = owner("studio")
    store_in_slice(claim_new_slice(studio)[0], SIGHTING)
    done = {"state": "done", "searched": compute_search_version()}
    Picture.objects.update(**done)
    assert store_in_slice(claim_new_slice(studio, "b")[0], SIGHTING) == []
    changes = ({"bytes_state": "expired"}, {"searched": "an earlier search"}, {"state": "failed"})
    for number, changed in enumerate(changes):
        Picture.objects.update(**done | {"bytes_state": "stored"} | changed)
        assert len(store_in_slice(claim_new_slice(studio, f"c{number}")[0], SIGHTING)) == 1, changed
    assert Picture.objects.get().bytes_state == "stored"


def test_private_watch_sightings_are_visible_to_owner_only(db: None) -> None:
    studio = owner("studio")
    store_in_slice(claim_new_slice(studio, private=True)[0], SIGHTING)
    assert Row.objects.get().private_to == studio
