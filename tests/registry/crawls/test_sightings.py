"""Test sightings of a crawl: stored once, first and last seen, and processed when relevant."""

from dataclasses import replace
from datetime import timedelta

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import Sighting
from registry.crawls import sightings
from registry.crawls.sightings import store_sightings
from registry.models import CrawlSlice, Picture, Sighting as Row
from registry.works.search_version import compute_search_mark
from tests.assets.rows import claim_new_slice, owner

SIGHTING = Sighting(
    page_url="http://www.example.org/page",
    image_url="http://images.example/a.jpg",
    final_url="http://images.example/a.jpg",
    digest=Digest.of(b"a"),
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


def keep(to: CrawlSlice, *seen: Sighting) -> list[int]:
    with transaction.atomic():
        return store_sightings(to, [(sighting, "A page") for sighting in seen], compute_search_mark())


def test_site_is_that_of_the_page_and_a_sighting_is_stored_once(db: None) -> None:
    crawl_slice, _ = claim_new_slice(owner("studio"))
    assert (
        keep(crawl_slice, SIGHTING, SIGHTING)
        == keep(crawl_slice, replace(SIGHTING, context="again"))
        == [Picture.objects.get().pk]
    )
    row = Row.objects.get()
    assert (row.host, row.party, row.context, row.private_to) == ("www.example.org", "example.org", "A picture", None)
    assert row.response_headers == [["X-Odd", "a\ufffdb"]]
    assert sightings.list_by_slice(crawl_slice.pk) == [row]


def test_what_has_not_changed_is_first_seen_when_it_came(db: None) -> None:
    studio = owner("studio")
    first, _ = claim_new_slice(studio)
    keep(first, SIGHTING)
    later, _ = claim_new_slice(studio, "later")
    CrawlSlice.objects.filter(pk=later.pk).update(crawl=first.crawl.watch.crawls.create(number=2, started_at=now()))
    later.refresh_from_db()
    keep(later, replace(SIGHTING, fetched_at=now(), not_modified=True))
    row = Row.objects.latest("pk")
    assert (row.first_seen, row.bytes_came) == (SIGHTING.fetched_at, False)
    assert row.first_seen is not None
    assert row.last_seen is not None
    assert row.last_seen > row.first_seen


def test_a_picture_that_is_done_waits_again_only_when_there_is_something_new_to_do(db: None) -> None:
    studio = owner("studio")
    keep(claim_new_slice(studio)[0], SIGHTING)
    done = {"state": "done", "searched": compute_search_mark()}
    Picture.objects.update(**done)
    assert keep(claim_new_slice(studio, "b")[0], SIGHTING) == []
    changes = ({"bytes_state": "expired"}, {"searched": "an earlier search"}, {"state": "failed"})
    for number, changed in enumerate(changes):
        Picture.objects.update(**done | {"bytes_state": "stored"} | changed)
        assert len(keep(claim_new_slice(studio, f"c{number}")[0], SIGHTING)) == 1, changed
    assert Picture.objects.get().bytes_state == "stored"


def test_a_private_watch_keeps_what_it_sees_to_its_owner(db: None) -> None:
    studio = owner("studio")
    keep(claim_new_slice(studio, private=True)[0], SIGHTING)
    assert Row.objects.get().private_to == studio
