"""Test that images with expired bytes are requested again: once, where this owner may know of them."""

import re

from django.db import transaction

from exhibit.clock import now
from exhibit.network.addresses import url_key
from registry.crawls import crawling, revisits
from registry.crawls.revisits import Resembling
from registry.models import Crawl, FrontierUrl, HostDenial, Owner, Picture, Refusal, Revisit, Sighting
from tests.assets.rows import bring, claimed_slice, owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


def expired(inline: SyncRunner, seer: Owner, seed: int, *, private: bool = False) -> int:
    """Record an image without bytes that ``seer`` saw."""
    [pk] = bring(
        inline.services, *claimed_slice(seer, f"w{seed}", private=private), [photograph(seed)], f"s{seed}.example"
    )
    Picture.objects.filter(pk=pk).update(bytes_state="expired")
    return pk


def ask(of: Owner, *pictures: int) -> None:
    registered = of.works.get().pictures.get().pk
    with transaction.atomic():
        revisits.ask_again(of.pk, registered, [Resembling(one, 12) for one in pictures])


def ended(reason: str = "finished") -> list[tuple[str, str]]:
    Crawl.objects.filter(watch__name=revisits.NAME).update(state="done", reason=reason)
    revisits.conclude_ended()
    return list(Revisit.objects.order_by("pk").values_list("outcome", "sentence"))


def test_each_picture_is_asked_for_once_in_one_crawl_that_no_schedule_starts(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    one, other = (expired(inline, studio, seed) for seed in (2, 3))
    ask(studio, one)
    ask(studio, one, other)
    crawl = Crawl.objects.get(watch__name=revisits.NAME)
    assert revisits.is_past(crawl.watch)
    assert crawl.watch.paused
    urls = set(FrontierUrl.objects.filter(crawl=crawl).values_list("url", flat=True))
    assert urls == {"http://s2.example/image-0.jpg", "http://s3.example/image-0.jpg"}
    assert Revisit.objects.count() == 2


def test_nobody_is_led_to_what_another_saw_in_private_or_to_a_denied_host(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    hidden, public = expired(inline, agency, 2, private=True), expired(inline, agency, 3)
    assert revisits.seen_by(studio.pk, [hidden, public]) == {public}
    assert revisits.seen_by(agency.pk, [hidden, public]) == {hidden, public}
    assert revisits.places(hidden, studio.pk) == []
    assert len(revisits.places(public, studio.pk)) == 1
    HostDenial.objects.create(host="s3.example")
    assert revisits.places(public, studio.pk) == []


def test_what_came_of_asking_is_said(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    pictures = [expired(inline, studio, seed) for seed in (2, 3, 4, 5)]
    ask(studio, *pictures)
    crawl = Crawl.objects.get(watch__name=revisits.NAME)
    came, changed, gone, _silent = (Sighting.objects.get(picture=pk) for pk in pictures)
    planned = crawling.plan_slice(crawl.pk, most_urls=10, most_hosts=9)
    assert planned is not None
    for seen, picture in ((came, came.picture_id), (changed, came.picture_id)):
        Sighting.objects.create(
            crawl=crawl, slice=planned, picture_id=picture, page_key=seen.page_key, image_key=seen.image_key,
            page_url=seen.page_url, image_url=seen.image_url, host=seen.host, party=seen.party,
            first_seen=now(), last_seen=now(),
        )  # fmt: skip
    Refusal.objects.create(
        crawl=crawl, key=url_key(gone.image_url), url=gone.image_url, reason="http-404", sentence="Not found.", at=now()
    )
    told = ended()
    assert [outcome for outcome, _ in told] == ["came", "changed", "gone", "unreached"]
    assert re.search(r"\b12\b", told[0][1])
    assert told[2][1].endswith("Not found.")
    assert revisits.conclude_ended() == 0
