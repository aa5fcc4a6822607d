"""Test sightings of a crawl: stored once, first and last seen, and processed when relevant."""

from dataclasses import replace
from datetime import timedelta

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import Sighting
from registry.crawls import sightings
from registry.crawls.sightings import keep_sightings
from registry.models import CrawlSlice, Picture, Sighting as Row
from registry.works.search_version import search_mark
from tests.assets.rows import claimed_slice, owner

SEEN = Sighting(
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
        return keep_sightings(to, [(one, "A page") for one in seen], search_mark())


def test_the_party_is_that_of_the_page_and_a_sighting_is_kept_once(db: None) -> None:
    planned, _ = claimed_slice(owner("studio"))
    assert keep(planned, SEEN, SEEN) == keep(planned, replace(SEEN, context="again")) == [Picture.objects.get().pk]
    row = Row.objects.get()
    assert (row.host, row.party, row.context, row.private_to) == ("www.example.org", "example.org", "A picture", None)
    assert row.response_headers == [["X-Odd", "a\ufffdb"]]
    assert sightings.of_slice(planned.pk) == [row]


def test_what_has_not_changed_is_first_seen_when_it_came(db: None) -> None:
    studio = owner("studio")
    first, _ = claimed_slice(studio)
    keep(first, SEEN)
    later, _ = claimed_slice(studio, "later")
    CrawlSlice.objects.filter(pk=later.pk).update(crawl=first.crawl.watch.crawls.create(number=2, started_at=now()))
    later.refresh_from_db()
    keep(later, replace(SEEN, fetched_at=now(), not_modified=True))
    row = Row.objects.latest("pk")
    assert (row.first_seen, row.bytes_came) == (SEEN.fetched_at, False)
    assert row.first_seen is not None
    assert row.last_seen is not None
    assert row.last_seen > row.first_seen


def test_a_picture_that_is_done_waits_again_only_when_there_is_something_new_to_do(db: None) -> None:
    studio = owner("studio")
    keep(claimed_slice(studio)[0], SEEN)
    done = {"state": "done", "searched": search_mark()}
    Picture.objects.update(**done)
    assert keep(claimed_slice(studio, "b")[0], SEEN) == []
    changes = ({"bytes_state": "expired"}, {"searched": "an earlier search"}, {"state": "failed"})
    for number, changed in enumerate(changes):
        Picture.objects.update(**done | {"bytes_state": "stored"} | changed)
        assert len(keep(claimed_slice(studio, f"c{number}")[0], SEEN)) == 1, changed
    assert Picture.objects.get().bytes_state == "stored"


def test_a_private_watch_keeps_what_it_sees_to_its_owner(db: None) -> None:
    studio = owner("studio")
    keep(claimed_slice(studio, private=True)[0], SEEN)
    assert Row.objects.get().private_to == studio
