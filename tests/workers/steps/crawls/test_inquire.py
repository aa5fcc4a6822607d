"""Asking a search, page by page, until the run has asked for as much as it may."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from exhibit.clock import now
from registry.crawls import watching
from registry.models import FrontierUrl, Inquiry, Refusal
from tests.assets.rows import owner
from tests.assets.searches import KEY, answer, put_market, query
from tests.assets.site import Answer, Seen, Site
from workers.crawls.search_keys import keep_key
from workers.steps.crawls.inquire import query_search
from workers.tasks.sync_runner import SyncRunner


def offers(seen: Seen) -> Answer:
    """Two pages of one offer each for every word."""
    asked = query(seen)
    place = f"{asked['q']}{asked.get('cursor', '')}"
    item = {
        "name": place,
        "link": f"http://market.example/{place}",
        "pictures": [{"href": f"http://market.example/{place}.jpg"}],
    }
    return answer({"data": {"items": [item], "next": "" if asked.get("cursor") else "2"}})


@pytest.fixture
def site(inline: SyncRunner) -> Iterator[Site]:
    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    with Site() as running:
        put_market(inline.services.config.data_dir, running)
        running.routes["/offers"] = offers
        yield running


@pytest.fixture
def inquiry(inline: SyncRunner, site: Site) -> Inquiry:
    studio = owner("studio")
    keep_key(inline.services, studio, "market", KEY, by="Ann")
    made = watching.add_watch(
        studio, "m", [("search", "market")], every=timedelta(days=1), budget={}, politeness={}, words=["wave", "fuji"]
    )
    return watching.start_now(made).inquiries.get()


def asked(inline: SyncRunner, inquiry: Inquiry) -> Inquiry:
    Inquiry.objects.update(not_before=None)
    query_search(inline.services, [inquiry.pk])
    inquiry.refresh_from_db()
    return inquiry


def test_every_page_for_every_word_is_asked_for_once(inline: SyncRunner, inquiry: Inquiry) -> None:
    row = asked(inline, inquiry)
    assert (row.state, row.outcome, row.asked, row.found) == ("done", "", 4, 4)
    urls = set(FrontierUrl.objects.values_list("url", flat=True))
    assert urls == {f"http://market.example/{one}.jpg" for one in ("wave", "wave2", "fuji", "fuji2")}


def test_a_busy_service_is_asked_later_and_a_refused_key_never_again(
    inline: SyncRunner, inquiry: Inquiry, site: Site
) -> None:
    site.routes["/offers"] = answer({}, 429, Retry_After="90")
    row = asked(inline, inquiry)
    assert row.state == "todo"
    assert row.not_before is not None
    assert timedelta(seconds=60) < row.not_before - now() <= timedelta(seconds=90)
    site.routes["/offers"] = answer({}, 401)
    assert asked(inline, inquiry).state == "done"
    assert inquiry.outcome
    assert not Refusal.objects.exists()


def test_without_a_key_or_a_service_nothing_is_asked(inline: SyncRunner, inquiry: Inquiry, site: Site) -> None:
    inquiry.crawl.watch.owner.search_keys.all().delete()
    assert (asked(inline, inquiry).outcome, site.seen) == ("no-key", [])
    Inquiry.objects.update(service="gone", state="todo")
    assert (asked(inline, inquiry).outcome, site.seen) == ("no-service", [])
