"""Test that images with expired bytes are requested again once, if the owner has access to their sightings."""

import re

from django.db import transaction

from exhibit.clock import now
from exhibit.network.addresses import compute_url_key
from registry.crawls import crawling, revisits
from registry.crawls.revisits import RevisitCandidate
from registry.models import Crawl, FrontierUrl, HostDenial, Owner, Picture, Refusal, Revisit, Sighting
from tests.assets.rows import claim_new_slice, owner, photograph, record_sightings, register
from workers.tasks.sync_runner import SyncRunner


def add_expired_picture(inline: SyncRunner, seer: Owner, seed: int, *, private: bool = False) -> int:
    """Record an image with expired bytes in a crawl of ``seer``."""
    [pk] = record_sightings(
        inline.services, *claim_new_slice(seer, f"w{seed}", private=private), [photograph(seed)], f"s{seed}.example"
    )
    Picture.objects.filter(pk=pk).update(bytes_state="expired")
    return pk


def request_revisits(rights_holder: Owner, *pictures: int) -> None:
    registered = rights_holder.works.get().pictures.get().pk
    with transaction.atomic():
        revisits.request_pictures_again(
            rights_holder.pk, registered, [RevisitCandidate(picture, 12) for picture in pictures]
        )


def finish_revisits(reason: str = "finished") -> list[tuple[str, str]]:
    Crawl.objects.filter(watch__name=revisits.NAME).update(state="done", reason=reason)
    revisits.record_results()
    return list(Revisit.objects.order_by("pk").values_list("outcome", "sentence"))


def test_each_picture_is_requested_once_in_an_unscheduled_crawl(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    first, other = (add_expired_picture(inline, studio, seed) for seed in (2, 3))
    request_revisits(studio, first)
    request_revisits(studio, first, other)
    crawl = Crawl.objects.get(watch__name=revisits.NAME)
    assert revisits.is_revisit_watch(crawl.watch)
    assert crawl.watch.paused
    urls = set(FrontierUrl.objects.filter(crawl=crawl).values_list("url", flat=True))
    assert urls == {"http://s2.example/image-0.jpg", "http://s3.example/image-0.jpg"}
    assert Revisit.objects.count() == 2


def test_revisits_exclude_private_and_denied_urls(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    private_picture, public = (
        add_expired_picture(inline, agency, 2, private=True),
        add_expired_picture(inline, agency, 3),
    )
    assert revisits.filter_visible_pictures(studio.pk, [private_picture, public]) == {public}
    assert revisits.filter_visible_pictures(agency.pk, [private_picture, public]) == {private_picture, public}
    assert revisits.list_recent_urls(private_picture, studio.pk) == []
    assert len(revisits.list_recent_urls(public, studio.pk)) == 1
    HostDenial.objects.create(host="s3.example")
    assert revisits.list_recent_urls(public, studio.pk) == []


def test_revisit_outcomes_are_recorded(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    pictures = [add_expired_picture(inline, studio, seed) for seed in (2, 3, 4, 5)]
    request_revisits(studio, *pictures)
    crawl = Crawl.objects.get(watch__name=revisits.NAME)
    seen_sighting, changed, gone_sighting, _silent = (Sighting.objects.get(picture=pk) for pk in pictures)
    crawl_slice = crawling.plan_slice(crawl.pk, max_urls=10, max_hosts=9)
    assert crawl_slice is not None
    for sighting, picture in ((seen_sighting, seen_sighting.picture_id), (changed, seen_sighting.picture_id)):
        Sighting.objects.create(
            crawl=crawl, slice=crawl_slice, picture_id=picture, page_key=sighting.page_key,
            image_key=sighting.image_key,
            page_url=sighting.page_url, image_url=sighting.image_url, host=sighting.host, party=sighting.party,
            first_seen=now(), last_seen=now(),
        )  # fmt: skip
    Refusal.objects.create(
        crawl=crawl,
        key=compute_url_key(gone_sighting.image_url),
        url=gone_sighting.image_url,
        reason="http-404",
        sentence="Not found.",
        at=now(),
    )
    result = finish_revisits()
    assert [outcome for outcome, _ in result] == ["came", "changed", "gone", "unreached"]
    assert re.search(r"\b12\b", result[0][1])
    assert result[2][1].endswith("Not found.")
    assert revisits.record_results() == 0
