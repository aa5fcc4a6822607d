import json
from pathlib import Path

import pytest
from scrapy.http import Response

from crawler.fetching.documents import (
    collect_facts,
    compute_fresh_seconds,
    forbids_ai_use,
    forbids_following,
    read_document,
)
from crawler.formats.job import Kind
from crawler.formats.lines import Signals
from crawler.reading.document import Document
from crawler.reading.policy import Reservation, SitePolicy
from exhibit.errors import RefusedError
from tests.assets.crawling import crawl
from tests.assets.site import Answer, Site


def test_links_of_a_nofollow_page_are_not_followed(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", '<meta name="ExhibitBot" content="nofollow"><a href="/next">next</a>')
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}])
    assert done.pages[0].links == ()
    assert site.count_requests("/next") == 0


def test_pages_with_other_encodings_or_broken_markup_are_read(tmp_path: Path) -> None:
    with Site() as site:
        chinese = '<meta charset="gb2312"><title>图片</title><img src="/i.jpg" alt="山水">'.encode("gb2312")
        site.routes["/gb"] = Answer(chinese, media_type="text/html")
        site.routes["/nul"] = Answer(b"<title>a\0b</title><p <img src=/i.jpg <<div></p></html><img src='/i.jpg' <p>")
        site.routes["/bytes"] = Answer(b"<title>\xff\xfe\xed\xa0\x80</title><img src='/i.jpg'>")
        site.routes["/deep"] = Answer(b"<div>" * 1_500 + b"<img src='/i.jpg'>", "text/html")
        site.page("/deeper", "<div>" * 20_000)
        site.routes["/nothing"] = Answer(b"", "text/html")
        site.routes["/unknown"] = Answer(b"<img src='/i.jpg'>", media_type="")
        site.routes["/json"] = Answer(json.dumps({"a": 1}).encode(), media_type="application/json")
        guessed = "<title>Фотография Байкала</title><p>Снимки озера зимой и летом, календари, отпечатки на бумаге."
        site.routes["/undeclared"] = Answer((guessed + "<img src='/i.jpg?q=лёд'>").encode("cp1251"), "text/html")
        site.image("/i.jpg")
        site.image("/i.jpg?q=%EB%B8%E4")
        names = ["undeclared", "gb", "nul", "bytes", "deep", "deeper", "nothing", "unknown", "json"]
        done = crawl(tmp_path, urls=[{"url": site.url(f"/{name}")} for name in names], follow=False)
    by_url = {page.url: page for page in done.pages}
    assert by_url[site.url("/gb")].title == "图片"
    assert "山水" in by_url[site.url("/gb")].sightings[0].context
    for name in ("nul", "bytes", "deep", "unknown"):
        assert [sighting.image_url for sighting in by_url[site.url(f"/{name}")].sightings] == [site.url("/i.jpg")], name
    assert by_url[site.url("/nothing")].sightings == by_url[site.url("/deeper")].sightings == ()
    assert done.refusals == {site.url("/json"): "not-a-page"}


def response(body: bytes, **headers: str) -> Response:
    header_fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response("http://a.example/page", body=body, headers=header_fields)


def test_feed_or_sitemap_served_at_a_page_url_is_parsed_as_feed_or_sitemap() -> None:
    feed = b"<rss version='2.0'><channel><title>News</title></channel></rss>"
    sitemap = b"<?xml version='1.0'?><urlset><url><loc>http://a.example/1</loc></url></urlset>"
    of_json = b'{"version": "https://jsonfeed.org/version/1", "items": []}'
    kinds = ((feed, Kind.FEED), (of_json, Kind.FEED), (sitemap, Kind.SITEMAP), (b"<title>Page</title>", Kind.PAGE))
    for body, kind in kinds:
        assert read_document(response(body), Kind.PAGE, 10_000, "")[0] is kind
    for kind_of_file in ("application/json", "video/mp4"):
        with pytest.raises(RefusedError) as refused:
            read_document(response(b"{}", Content_Type=kind_of_file), Kind.PAGE, 10_000, "")
        assert refused.value.reason == "not-a-page"


def test_tdm_reservation_in_header_overrides_page_and_page_overrides_file() -> None:
    policy = SitePolicy(
        reservations=(Reservation("/", is_reserved=True, policy="http://a.example/p"),), ai_signals=("ai=n",)
    )
    page = Document(robots=("noai, follow",), tdm_reservation="0")
    answer = response(b"", tdm_reservation="1", X_Robots_Tag="noml", ETag='"1"', Content_Usage="train=n")
    facts = collect_facts(answer, page, policy)
    assert (facts.etag, facts.signals.tdm_reservation, facts.signals.tdm_policy) == ('"1"', "1", "http://a.example/p")
    assert facts.signals.ai == ("noai", "noml", "train=n", "ai=n")
    assert collect_facts(response(b""), page, policy).signals.tdm_reservation == "0"
    assert collect_facts(response(b""), Document(), policy).signals.tdm_reservation == "1"
    assert collect_facts(response(b""), Document(), None).signals.tdm_reservation == ""


def test_nofollow_matches_whole_words_only() -> None:
    assert forbids_following(Signals(robots=("noindex,NOFOLLOW",)), "us")
    assert forbids_following(Signals(x_robots_tag=("none",)), "us")
    assert not forbids_following(Signals(robots=("nofollowing", "index, follow")), "us")


@pytest.mark.parametrize(
    ("headers", "concerns_us"),
    [
        (["noai"], True),
        (["ExhibitBot: noindex, noai"], True),
        (["exhibitbot : noai"], True),
        (["ExhibitBot/0.1: noai"], True),
        (["otherbot/0.1: noai"], False),
        (["*: noai"], True),
        (["otherbot: noai"], False),
        (["otherbot: noindex, noai"], False),
        (["noindex, otherbot: noai"], False),
        (["noai, otherbot: noindex"], True),
        (["otherbot: noindex, exhibitbot: noai"], True),
        (["otherbot: noindex", "noai"], True),
        (["max-snippet: 20, noai"], True),
        (["max-image-preview:large, noai"], True),
        (["unavailable_after: Friday, 25-Jun-10 15:00:00 PST, noai"], True),
    ],
)
def test_header_directive_for_other_crawler_is_ignored(headers: list[str], *, concerns_us: bool) -> None:
    assert forbids_ai_use(Signals(x_robots_tag=tuple(headers)), "ExhibitBot") is concerns_us
    following = tuple(value.replace("noai", "nofollow") for value in headers)
    assert forbids_following(Signals(x_robots_tag=following), "ExhibitBot") is concerns_us


def test_refresh_redirects_are_followed_under_the_same_rules_as_links(
    tmp_path: Path,
) -> None:
    with Site() as site, Site(host="127.0.0.2") as other:
        site.page("/", "<meta http-equiv=refresh content='0 /second'>")
        site.page("/second", "", headers=(("Refresh", "1;'/third'"),))
        site.page(
            "/third", f"<noscript><meta http-equiv=refresh content='0; {other.url()}'></noscript><img src=/i.jpg>"
        )
        site.routes["/third"] = Answer(
            site.routes["/third"].body,  # type: ignore[union-attr]
            headers=(("Refresh", "0; /"), ("Link", "</forbidden>; rel=next, <http://10.0.0.1/>; rel=canonical")),
        )
        site.routes["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /forbidden", media_type="text/plain")
        picture = site.image("/i.jpg")
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}])
        assert other.requests == []
        assert [site.count_requests(path) for path in ("/", "/second", "/third", "/forbidden")] == [1, 1, 1, 0]
    assert [done.bytes_of(sighting) for sighting in done.sightings] == [picture]
    assert [page.depth for page in done.pages] == [0, 1, 2]
    assert done.refusals == {site.url("/forbidden"): "robots"}


def test_endless_refreshes_end_at_job_depth(tmp_path: Path) -> None:
    with Site() as site:
        site.fallback = lambda request: Answer(b"", headers=(("Refresh", f"0;{request.path}x"),))
        site.routes["/robots.txt"] = Answer(status=404)
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}], limits={"depth": 3})
    assert [page.depth for page in done.pages] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("cache_control", "age", "seconds"),
    [
        ("public, max-age=600", "", 600),
        ("MAX-AGE=600, immutable", "100", 500),
        ("max-age=600", "700", 0),
        ('max-age="60"', "soon", 60),
        ("immutable", "", 31_536_000),
        ("max-age=99999999999999", "", 31_536_000),
        ("s-maxage=600", "", 0),
        ("max-age=600, no-cache", "", 0),
        ("no-store", "", 0),
        ("max-age=-1", "", 0),
        ("", "9", 0),
    ],
)
def test_response_freshness_lifetime_is_recorded(cache_control: str, age: str, seconds: int) -> None:
    assert compute_fresh_seconds(cache_control, age) == seconds
