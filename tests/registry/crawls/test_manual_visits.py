"""Test that a page submitted by a user is visited once, and that its images become cases without a watch."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from exhibit.errors import InvalidRequestError, RefusedError
from registry.crawls import denylists, manual_visits, watch_settings
from registry.models import Case, FrontierUrl, LogOpening, Owner, Sighting, Watch
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.shop import LOOPBACK
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def web(inline: SyncRunner) -> Iterator[Site]:
    inline.services.config = replace(inline.services.config, allowed_networks=(LOOPBACK,))
    with Site(host="127.0.0.7") as shop:
        shop.page("/shop", '<title>The shop</title><img src="/wave.jpg" alt="A wave"><a href="/more">More</a>')
        shop.routes["/wave.jpg"] = Answer(recompress(photograph(1)), "image/jpeg")
        shop.routes["/lazy.jpg"] = Answer(recompress(photograph(2)), "image/jpeg")
        yield shop


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    rights_holder = owner("studio")
    register(inline.services, rights_holder, photograph(1))
    register(inline.services, rights_holder, photograph(2))
    return rights_holder


@pytest.mark.long
def test_submitted_page_is_visited_once_and_its_copy_becomes_case(inline: SyncRunner, studio: Owner, web: Site) -> None:
    crawl = manual_visits.visit_page(
        inline.services, studio, f" {web.url('/shop')} ", picture_url=web.url("/lazy.jpg"), by="Ann"
    )
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.state, crawl.reason, crawl.pages) == ("done", "finished", 1)
    assert "/more" not in {item.path for item in web.requests}
    assert set(Case.objects.values_list("work__number", "party")) == {(1, "127.0.0.7"), (2, "127.0.0.7")}
    sightings = {item.image_url: (item.found_in, item.page_url, item.private_to_id) for item in Sighting.objects.all()}
    assert sightings == {
        web.url("/wave.jpg"): ("img", web.url("/shop"), None),
        web.url("/lazy.jpg"): ("hand", web.url("/shop"), None),
    }
    watch = Watch.objects.get()
    assert (watch.next_run_at, watch_settings.is_list_watch(watch)) == (None, True)
    with pytest.raises(InvalidRequestError):
        watch_settings.start_crawl_now(watch)
    assert LogOpening.objects.filter(content__what="page looked at by hand", details__by="Ann").count() == 1
    second_crawl = manual_visits.visit_page(inline.services, studio, web.url("/wave.jpg"), by="Ann")  # an image URL
    assert (second_crawl.watch, second_crawl.number) == (watch, 2)
    # The current run
    assert manual_visits.visit_page(inline.services, studio, web.url("/shop"), by="Ann") == second_crawl
    assert FrontierUrl.objects.filter(crawl=second_crawl).count() == 2


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://10.0.0.1/", "private-address"),
        ("https://denied.example/a", "denied-host"),
        ("file:///etc/passwd", "scheme"),
        ("  ", "bad-url"),
        ("https://shop.example/" + "a" * 2_000, "bad-url"),
    ],
)
def test_disallowed_url_starts_no_visit(inline: SyncRunner, studio: Owner, url: str, reason: str) -> None:
    denylists.deny_host("denied.example", by="Ann", reason="asked")
    with pytest.raises(RefusedError) as error_info:
        manual_visits.visit_page(inline.services, studio, url, by="Ann")
    assert error_info.value.reason == reason
    assert not Watch.objects.exists()
