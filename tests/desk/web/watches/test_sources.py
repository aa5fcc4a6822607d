"""Test adding and removing sources of a watch."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from registry.crawls import watch_settings
from registry.models import Owner, Watch
from tests.assets.pages import message_levels
from tests.assets.site import Site
from tests.desk.web.watches.test_new import read_offered_sources, shop as site
from tests.desk.web.watches.test_views import DAY, SHOP, WATCH_URL, ann, shop, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "shop", "site", "studio"]


def test_pasted_url_is_added_to_a_watch(ann: Client, studio: Owner, inline: SyncRunner, site: Site) -> None:
    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    other = [("site", "http://other.example/")]
    watch_settings.add_watch(studio, "other", other, every=timedelta(days=1), budget={}, politeness={})
    sources = "/o/studio/watches/1/sources/"
    assert ann.post(sources, {"address": "not a url"}).status_code == 422
    page = ann.post(sources, {"address": site.url("/")}).content.decode()
    feed = read_offered_sources(page)[1]
    assert message_levels(ann.post(f"{sources}add", {"source": feed}, follow=True)) == ["success"]
    assert [source["url"] for source in Watch.objects.get().sources] == ["http://other.example/", site.url("/feed.xml")]


def test_source_is_removed_but_the_last_source_is_required(ann: Client, shop: Watch) -> None:
    news = ("feed", "http://news.example/feed.xml")
    watch_settings.change_sources(shop, add=[news], by="Ann")
    assert f"{WATCH_URL}sources/" in ann.get(WATCH_URL).content.decode()
    assert ann.get(f"{WATCH_URL}sources/").content.decode().count('name="source"') == 2
    page = ann.post(f"{WATCH_URL}sources/remove", {"source": " ".join(SHOP[0])}, follow=True)
    assert message_levels(page) == ["success"]
    assert 'name="source"' not in page.content.decode()
    assert message_levels(ann.post(f"{WATCH_URL}sources/remove", {"source": " ".join(news)}, follow=True)) == ["error"]
    assert [source["url"] for source in Watch.objects.get().sources] == [news[1]]


@pytest.mark.parametrize("source", ["site http://10.0.0.1/", "folder /etc"])
def test_forged_source_is_rejected(ann: Client, shop: Watch, source: str) -> None:
    assert message_levels(ann.post(f"{WATCH_URL}sources/add", {"source": source}, follow=True)) == ["error"]
    assert Watch.objects.get().sources == shop.sources


def test_only_site_watches_have_sources(ann: Client, studio: Owner, shop: Watch) -> None:
    for number, source in enumerate((("folder", "/pictures"), ("search", "tineye")), start=2):
        watch_settings.add_watch(studio, f"watch {number}", [source], every=DAY, budget={}, politeness={})
        assert ann.get(f"/o/studio/watches/{number}/sources/").status_code == 404
        response = ann.post(f"/o/studio/watches/{number}/sources/remove", {"source": " ".join(source)})
        assert response.status_code == 404
        assert "/sources/" not in ann.get(f"/o/studio/watches/{number}/").content.decode()
