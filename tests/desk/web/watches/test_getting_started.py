"""Test the page that suggests sites, open collections and a search trial, each started with one click."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.test import Client

from desk.texts.crawl_refusals import OUTCOME_SENTENCES
from desk.texts.numbers import counted
from registry.crawls import watch_settings
from registry.models import Case, Inquiry, Membership, Owner, Role, Watch
from tests.assets.pages import has_test_id, message_levels
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.searches import KEY, copy_shipped_mapping, json_response, query_parameters, tineye_answer
from tests.assets.shop import LOOPBACK
from tests.assets.site import Answer, Site
from tests.assets.source import collapse_whitespace
from tests.desk.web.works.test_uploads import ann, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "studio"]

SUGGESTIONS_URL, ACTIVE_URL = "/o/studio/watches/where/", "/o/studio/watches/under-way/"


@pytest.fixture
def web(inline: SyncRunner, studio: Owner) -> Iterator[Site]:
    """A site with a copy and the interfaces of Wikimedia Commons, Mastodon and TinEye; and a work of the studio."""
    inline.services.config = replace(inline.services.config, allowed_networks=(LOOPBACK,))
    register(inline.services, studio, photograph(1), "Red wave")
    with Site(host="127.0.0.7") as site:
        for name in ("wikimedia-commons", "mastodon", "tineye"):
            copy_shipped_mapping(inline.services.config.data_dir, name, site)
        copy, page = site.url("/wave.jpg"), site.url("/page")
        commons = {"query": {"pages": [{"imageinfo": [{"thumburl": copy, "descriptionurl": page}]}]}}
        site.page("/page", '<img src="/wave.jpg" alt="">')
        site.routes |= {
            "/wave.jpg": Answer(recompress(photograph(1)), "image/jpeg"),
            "/w/api.php": json_response(commons),
            "/api/v1/timelines/tag/Redwave": json_response([]),
            "/rest/search/": tineye_answer([(copy, page)]),
        }
        yield site


def read_page(client: Client, address: str = SUGGESTIONS_URL) -> str:
    return collapse_whitespace(client.get(address).content.decode())


@pytest.mark.long
def test_open_collections_are_searched_by_title_and_a_copy_becomes_a_case(
    ann: Client, inline: SyncRunner, web: Site
) -> None:
    page = read_page(ann)
    assert re.findall(r'<textarea id="words".*?>(.*?)</textarea>', page) == ["Red wave"]
    assert re.findall(r'name="collection" value="([^"]+)" checked', page) == [
        "flickr-feed", "internet-archive", "mastodon", "openverse", "wikimedia-commons",
    ]  # fmt: skip
    form = {"do": "collections", "words": "Red wave\n", "collection": ["wikimedia-commons", "mastodon", "tineye"]}
    assert ann.post(SUGGESTIONS_URL, form).headers["Location"] == ACTIVE_URL
    watch = Watch.objects.get()
    assert [(item["url"], item["words"]) for item in watch.sources] == [
        ("wikimedia-commons", ["Red wave"]), ("mastodon", ["Red wave"]),
    ]  # fmt: skip
    assert (watch.interval_seconds, watch.private) == (604_800, True)
    assert has_test_id(read_page(ann, ACTIVE_URL), "under-way")
    inline.run_until_idle()
    assert {query_parameters(item).get("gsrsearch") for item in web.requests if item.path.startswith("/w/")} == {
        "Red wave"
    }
    assert Case.objects.get().party == "127.0.0.7"
    under_way = read_page(ann, ACTIVE_URL)
    assert f'<a class="button" href="/o/studio/cases/">{counted(1, "matches to review")}</a>' in under_way
    assert "hx-get" not in under_way
    ann.post(SUGGESTIONS_URL, form)  # again: the same watch runs once more
    assert (Watch.objects.count(), Watch.objects.get().crawls.count()) == (1, 2)


def test_missing_words_or_collections_are_explained_and_choices_kept(ann: Client, web: Site) -> None:
    for form, message in (
        ({"words": "wave"}, "Select at least one source."),
        ({"words": " \n", "collection": "openverse"}, "Enter what to search for."),
    ):
        response = ann.post(SUGGESTIONS_URL, {"do": "collections", **form})
        assert response.status_code == 422
        assert message in response.content.decode()
    assert re.findall(r'name="collection" value="([^"]+)" checked', response.content.decode()) == ["openverse"]
    assert not Watch.objects.exists()


@pytest.mark.long
def test_each_site_becomes_or_joins_a_watch_and_invalid_sites_stay_listed(
    ann: Client, inline: SyncRunner, web: Site
) -> None:
    form = {"do": "sites", "addresses": f"{web.url('/page')}\n\n http://10.0.0.1/ \nnot a site\nshop\n"}
    page = collapse_whitespace(ann.post(SUGGESTIONS_URL, form, follow=True).content.decode())
    for message in ("10.0.0.1/: The ", "not a site: The URL is not valid", "shop: The "):
        assert message in page
    watch = Watch.objects.get()
    assert (watch.name, watch.sources) == ("127.0.0.7", [{"kind": "site", "url": web.url("/page")}])
    inline.run_until_idle()
    assert Case.objects.count() == 1
    ann.post(SUGGESTIONS_URL, {"do": "sites", "addresses": f"{web.url('/')}\n{web.url('/page')}"})
    assert [source["url"] for source in Watch.objects.get().sources] == [web.url("/page"), web.url("/")]
    Watch.objects.update(own=True)
    # A suspicious site is not the owner's own
    ann.post(SUGGESTIONS_URL, {"do": "sites", "addresses": web.url("/copies")})
    assert list(Watch.objects.order_by("number").values_list("own", flat=True)) == [True, False]
    response = ann.post(SUGGESTIONS_URL, {"do": "sites", "addresses": "http://10.0.0.1/"})
    assert response.status_code == 422
    assert re.search(
        r"<textarea id=\"addresses\".*?>http://10.0.0.1/</textarea>", collapse_whitespace(response.content.decode())
    )
    assert ann.post(SUGGESTIONS_URL, {"do": "sites"}).status_code == 422


@pytest.mark.long
def test_search_is_tested_with_one_picture_before_scheduling(
    ann: Client, inline: SyncRunner, studio: Owner, web: Site
) -> None:
    Membership.objects.update(role=Role.OWNER)
    register(inline.services, studio, photograph(2), "Other")
    try_url, keep_url = f"{SUGGESTIONS_URL}tineye/try", f"{SUGGESTIONS_URL}tineye/keep"
    assert message_levels(ann.post(try_url, {"work": "1"}, follow=True)) == ["error"]
    web.routes["/rest/search/"], good = json_response({}, 401), web.routes["/rest/search/"]
    assert ann.post(try_url, {"work": "1", "key": "wrong"}).headers["Location"] == ACTIVE_URL
    inline.run_until_idle()
    for address in (SUGGESTIONS_URL, ACTIVE_URL):
        assert str(OUTCOME_SENTENCES["key"]) in html.unescape(read_page(ann, address))
    assert keep_url not in read_page(ann)
    web.routes["/rest/search/"] = good
    ann.post(try_url, {"work": "1", "key": KEY})
    assert studio.search_consents.get().given_by == "ann@example.org"
    inline.run_until_idle()
    page = read_page(ann)
    assert KEY not in page
    assert counted(1, "image URLs") in page
    watch = Watch.objects.get()
    assert (watch.sources[0]["works"], watch.budget["searches"]) == ([1], 1)
    assert watch_settings.is_unscheduled(watch)
    assert Inquiry.objects.latest("pk").requests == 1
    assert ann.post(keep_url).headers["Location"] == ACTIVE_URL
    watch.refresh_from_db()
    assert (watch.interval_seconds, watch.budget["searches"], watch.sources) == (
        604_800, 50, [{"kind": "search", "url": "tineye"}],
    )  # fmt: skip
    inline.run_until_idle()
    assert Inquiry.objects.latest("pk").requests == 2
    assert ann.post(keep_url).headers["Location"] == SUGGESTIONS_URL  # the trial no longer exists


def test_archives_are_queried_for_domains(ann: Client, web: Site) -> None:
    assert re.findall(r'name="archive" value="([^"]+)"', read_page(ann)) == ["wayback", "common-crawl"]
    form = {
        "do": "archives",
        "archive": ["wayback", "nothing"],
        "domains": "https://Shop.example/a\n",
        "since": "2019",
    }
    for value, expected in (
        ({"domains": " "}, "Enter a domain."),
        ({"domains": "co.uk"}, "is not the domain of a site"),
        ({"since": "then"}, "is not a year, month or day"),
        ({"archive": []}, "Select at least one source"),
    ):
        response = ann.post(SUGGESTIONS_URL, form | value)
        assert (response.status_code, expected in response.content.decode()) == (422, True)
    for _twice in range(2):
        assert ann.post(SUGGESTIONS_URL, form).headers["Location"] == ACTIVE_URL
    watch = Watch.objects.get()
    assert (watch.interval_seconds, watch.private) == (4 * 604_800, True)
    assert watch.sources == [{"kind": "archive", "url": "wayback", "domains": ["shop.example"], "since": "2019"}]
    assert watch.crawls.get().inquiries.get().words == ["shop.example"]
    assert "Wayback Machine" in read_page(ann, ACTIVE_URL)


def test_reviewers_read_and_only_managers_enter_keys(ann: Client, web: Site) -> None:
    assert ann.get("/o/rival/watches/where/").status_code == 404
    Membership.objects.update(role=Role.REVIEWER)
    assert 'name="key"' not in read_page(ann)
    assert ann.post(f"{SUGGESTIONS_URL}tineye/try", {"work": "1", "key": KEY}).status_code == 403
    assert ann.post(f"{SUGGESTIONS_URL}tineye/try", {"work": "1"}).status_code == 403
    assert ann.post(f"{SUGGESTIONS_URL}nothing/try", {"work": "1"}).status_code == 404
    Membership.objects.update(role=Role.VIEWER)
    assert ann.get(SUGGESTIONS_URL).status_code == 403
    assert has_test_id(read_page(ann, ACTIVE_URL), "idle")
    owner("rival")
    assert ann.get("/o/rival/watches/under-way/").status_code == 404
