"""Test the page that suggests sites, open collections and a search trial, each started with one click."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.test import Client

from desk.texts.crawl_refusals import OUTCOMES
from desk.texts.numbers import counted
from registry.crawls import watching
from registry.models import Case, Inquiry, Membership, Owner, Role, Watch
from tests.assets.pages import has_test_id, message_levels
from tests.assets.rows import copy_of, owner, photograph, register
from tests.assets.searches import KEY, answer, put_shipped, query, tineye_answer
from tests.assets.shop import LOOPBACK
from tests.assets.site import Answer, Site
from tests.assets.source import flat
from tests.desk.web.works.test_uploads import ann, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "studio"]

WHERE, UNDER_WAY = "/o/studio/watches/where/", "/o/studio/watches/under-way/"


@pytest.fixture
def web(inline: SyncRunner, studio: Owner) -> Iterator[Site]:
    """A site with a copy and the interfaces of Wikimedia Commons, Mastodon and TinEye; and a work of the studio."""
    inline.services.config = replace(inline.services.config, allowed_networks=(LOOPBACK,))
    register(inline.services, studio, photograph(1), "Red wave")
    with Site(host="127.0.0.7") as site:
        for name in ("wikimedia-commons", "mastodon", "tineye"):
            put_shipped(inline.services.config.data_dir, name, site)
        copy, page = site.url("/wave.jpg"), site.url("/page")
        commons = {"query": {"pages": [{"imageinfo": [{"thumburl": copy, "descriptionurl": page}]}]}}
        site.page("/page", '<img src="/wave.jpg" alt="">')
        site.routes |= {
            "/wave.jpg": Answer(copy_of(photograph(1)), "image/jpeg"),
            "/w/api.php": answer(commons),
            "/api/v1/timelines/tag/Redwave": answer([]),
            "/rest/search/": tineye_answer([(copy, page)]),
        }
        yield site


def shown(client: Client, address: str = WHERE) -> str:
    return flat(client.get(address).content.decode())


@pytest.mark.long
def test_open_collections_are_asked_for_the_words_of_works_and_a_copy_becomes_a_case(
    ann: Client, inline: SyncRunner, web: Site
) -> None:
    page = shown(ann)
    assert re.findall(r'<textarea id="words".*?>(.*?)</textarea>', page) == ["Red wave"]
    assert re.findall(r'name="collection" value="([^"]+)" checked', page) == [
        "flickr-feed", "internet-archive", "mastodon", "openverse", "wikimedia-commons",
    ]  # fmt: skip
    given = {"do": "collections", "words": "Red wave\n", "collection": ["wikimedia-commons", "mastodon", "tineye"]}
    assert ann.post(WHERE, given).headers["Location"] == UNDER_WAY
    watch = Watch.objects.get()
    assert [(one["url"], one["words"]) for one in watch.sources] == [
        ("wikimedia-commons", ["Red wave"]), ("mastodon", ["Red wave"]),
    ]  # fmt: skip
    assert (watch.interval_seconds, watch.private) == (604_800, True)
    assert has_test_id(shown(ann, UNDER_WAY), "under-way")
    inline.run_until_idle()
    assert {query(one).get("gsrsearch") for one in web.seen if one.path.startswith("/w/")} == {"Red wave"}
    assert Case.objects.get().party == "127.0.0.7"
    under_way = shown(ann, UNDER_WAY)
    assert f'<a class="button" href="/o/studio/cases/">{counted(1, "finds to look at")}</a>' in under_way
    assert "hx-get" not in under_way
    ann.post(WHERE, given)  # again: the same watch runs once more
    assert (Watch.objects.count(), Watch.objects.get().crawls.count()) == (1, 2)


def test_what_lacks_words_or_places_says_so_and_keeps_what_was_chosen(ann: Client, web: Site) -> None:
    for given, said in (
        ({"words": "wave"}, "Select at least one source."),
        ({"words": " \n", "collection": "openverse"}, "Enter what to search for."),
    ):
        refused = ann.post(WHERE, {"do": "collections", **given})
        assert refused.status_code == 422
        assert said in refused.content.decode()
    assert re.findall(r'name="collection" value="([^"]+)" checked', refused.content.decode()) == ["openverse"]
    assert not Watch.objects.exists()


@pytest.mark.long
def test_each_site_becomes_a_watch_or_joins_one_and_what_is_no_site_stays_in_the_box(
    ann: Client, inline: SyncRunner, web: Site
) -> None:
    given = {"do": "sites", "addresses": f"{web.url('/page')}\n\n http://10.0.0.1/ \nnot a site\nshop\n"}
    page = flat(ann.post(WHERE, given, follow=True).content.decode())
    for said in ("10.0.0.1/: The address isn", "not a site: The address can", "shop: The address can"):
        assert said in page
    watch = Watch.objects.get()
    assert (watch.name, watch.sources) == ("127.0.0.7", [{"kind": "site", "url": web.url("/page")}])
    inline.run_until_idle()
    assert Case.objects.count() == 1
    ann.post(WHERE, {"do": "sites", "addresses": f"{web.url('/')}\n{web.url('/page')}"})
    assert [one["url"] for one in Watch.objects.get().sources] == [web.url("/page"), web.url("/")]
    Watch.objects.update(own=True)
    ann.post(WHERE, {"do": "sites", "addresses": web.url("/copies")})  # a suspicious site is not the owner's own
    assert list(Watch.objects.order_by("number").values_list("own", flat=True)) == [True, False]
    refused = ann.post(WHERE, {"do": "sites", "addresses": "http://10.0.0.1/"})
    assert refused.status_code == 422
    assert re.search(r"<textarea id=\"addresses\".*?>http://10.0.0.1/</textarea>", flat(refused.content.decode()))
    assert ann.post(WHERE, {"do": "sites"}).status_code == 422


@pytest.mark.long
def test_an_engine_is_tried_with_one_picture_before_anything_is_scheduled(
    ann: Client, inline: SyncRunner, studio: Owner, web: Site
) -> None:
    Membership.objects.update(role=Role.OWNER)
    register(inline.services, studio, photograph(2), "Other")
    tried, kept = f"{WHERE}tineye/try", f"{WHERE}tineye/keep"
    assert message_levels(ann.post(tried, {"work": "1"}, follow=True)) == ["error"]
    web.routes["/rest/search/"], good = answer({}, 401), web.routes["/rest/search/"]
    assert ann.post(tried, {"work": "1", "key": "wrong"}).headers["Location"] == UNDER_WAY
    inline.run_until_idle()
    for address in (WHERE, UNDER_WAY):
        assert str(OUTCOMES["key"]) in html.unescape(shown(ann, address))
    assert kept not in shown(ann)
    web.routes["/rest/search/"] = good
    ann.post(tried, {"work": "1", "key": KEY})
    assert studio.search_consents.get().given_by == "ann@example.org"
    inline.run_until_idle()
    page = shown(ann)
    assert KEY not in page
    assert counted(1, "addresses") in page
    watch = Watch.objects.get()
    assert (watch.sources[0]["works"], watch.budget["searches"]) == ([1], 1)
    assert watching.runs_once(watch)
    assert Inquiry.objects.latest("pk").asked == 1
    assert ann.post(kept).headers["Location"] == UNDER_WAY
    watch.refresh_from_db()
    assert (watch.interval_seconds, watch.budget["searches"], watch.sources) == (
        604_800, 50, [{"kind": "search", "url": "tineye"}],
    )  # fmt: skip
    inline.run_until_idle()
    assert Inquiry.objects.latest("pk").asked == 2
    assert ann.post(kept).headers["Location"] == WHERE  # the trial no longer exists


def test_archives_are_asked_what_they_hold_of_domains(ann: Client, web: Site) -> None:
    assert re.findall(r'name="archive" value="([^"]+)"', shown(ann)) == ["wayback", "common-crawl"]
    given = {
        "do": "archives",
        "archive": ["wayback", "nothing"],
        "domains": "https://Shop.example/a\n",
        "since": "2019",
    }
    for wrong, said in (
        ({"domains": " "}, "Enter a domain."),
        ({"domains": "co.uk"}, "is no domain of a site"),
        ({"since": "then"}, "is no year, month or day"),
        ({"archive": []}, "Choose at least one place"),
    ):
        refused = ann.post(WHERE, given | wrong)
        assert (refused.status_code, said in refused.content.decode()) == (422, True)
    for _twice in range(2):
        assert ann.post(WHERE, given).headers["Location"] == UNDER_WAY
    watch = Watch.objects.get()
    assert (watch.interval_seconds, watch.private) == (4 * 604_800, True)
    assert watch.sources == [{"kind": "archive", "url": "wayback", "domains": ["shop.example"], "since": "2019"}]
    assert watch.crawls.get().inquiries.get().words == ["shop.example"]
    assert "Wayback Machine" in shown(ann, UNDER_WAY)


def test_who_decides_looks_and_only_who_runs_the_owner_gives_keys(ann: Client, web: Site) -> None:
    assert ann.get("/o/rival/watches/where/").status_code == 404
    Membership.objects.update(role=Role.REVIEWER)
    assert 'name="key"' not in shown(ann)
    assert ann.post(f"{WHERE}tineye/try", {"work": "1", "key": KEY}).status_code == 403
    assert ann.post(f"{WHERE}tineye/try", {"work": "1"}).status_code == 403
    assert ann.post(f"{WHERE}nothing/try", {"work": "1"}).status_code == 404
    Membership.objects.update(role=Role.VIEWER)
    assert ann.get(WHERE).status_code == 403
    assert has_test_id(shown(ann, UNDER_WAY), "idle")
    owner("rival")
    assert ann.get("/o/rival/watches/under-way/").status_code == 404
