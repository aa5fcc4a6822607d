"""Test that a crawl finds images in every place that refers to one, from every source, with exact bytes."""

import base64
import gzip
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from crawler.formats.job import Kind
from exhibit.clock import format_rfc3339
from exhibit.digests import Digest
from exhibit.types import SourceStatement, SourceStatementKind
from tests.assets.crawling import CrawlResult, Value, crawl
from tests.assets.site import Answer, ReceivedRequest, Site, picture

PLACES = {
    "img.jpg": "img",
    "large.jpg": "srcset",
    "lazy.jpg": "lazy",
    "source.jpg": "picture",
    "inline.jpg": "css",
    "style.jpg": "style",
    "sheet.jpg": "css",
    "imported.jpg": "css",
    "og.jpg": "og:image",
    "twitter.jpg": "twitter:image",
    "ld.jpg": "json-ld",
    "linked.jpg": "link",
    "anchor.jpg": "a",
    "poster.jpg": "poster",
    "noscript.jpg": "img",
    "svg.jpg": "svg",
}
INLINE = picture(999)
PAGE = f"""<!doctype html><html lang="en"><head><title>All places</title>
<meta property="og:image" content="/i/og.jpg"><meta name="twitter:image" content="/i/twitter.jpg">
<link rel="image_src" href="/i/linked.jpg"><link rel="stylesheet" href="/css/site.css">
<script type="application/ld+json">
{{"@type": "Article", "datePublished": "2019-03-03", "image": {{"@type": "ImageObject", "url": "/i/ld.jpg"}}}}</script>
<script type="application/ld+json">{{broken</script>
<style>body {{ background: url("/i/style.jpg") }} @font-face {{ src: url(/f.woff2) }}</style></head><body>
<p>Words before it.</p>
<figure><img src="/i/img.jpg" alt="A description" srcset="/i/small.jpg 100w, /i/large.jpg 2000w">
<figcaption>The caption</figcaption></figure><p>Words behind it.</p>
<img src="data:image/jpeg;base64,{base64.b64encode(INLINE).decode()}" data-src="/i/lazy.jpg">
<picture><source srcset="/i/source.jpg" type="image/jpeg"></picture>
<div style="background-image: url('/i/inline.jpg')"></div>
<a href="/i/anchor.jpg">full size</a><video poster="/i/poster.jpg"></video>
<noscript><img src="/i/noscript.jpg"></noscript><svg><image href="/i/svg.jpg"/></svg>
<img src="/i/error.jpg"><img src="/i/gone.jpg"><img src="/i/drawing.svg"><img src="/i/empty.jpg">
<img src="ftp://example.org/a.jpg"><img src="http://[bad/a.jpg"><img srcset=", ,,"><img src="javascript:1">
<a href="/next">next</a><a href="https://elsewhere.example/">elsewhere</a><a href="/file.pdf">file</a>
</body></html>"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        site.page("/", PAGE)
        site.page("/next", '<title>Next</title><img src="/i/img.jpg"><a href="/">back</a>')
        for place, name in enumerate([*PLACES, "small.jpg"]):
            site.image(f"/i/{name}", place)
        site.page("/i/error.jpg", "<!doctype html><p>Sorry")
        site.routes["/i/empty.jpg"] = Answer(b"", media_type="image/jpeg")
        sheet = b'@import "more.css"; a { background: image-set("/i/sheet.jpg" 1x) } b { background: url(cut'
        site.routes["/css/site.css"] = Answer(sheet, media_type="text/css")
        site.routes["/css/more.css"] = Answer(b"i { background: url(../i/imported.jpg) }", media_type="text/css")
        yield site


@pytest.fixture(scope="module")
def crawled(site: Site, tmp_path_factory: pytest.TempPathFactory) -> CrawlResult:
    return crawl(tmp_path_factory.mktemp("crawl"), sources=[{"kind": "site", "url": site.url()}])


@pytest.mark.parametrize(("name", "found_in"), PLACES.items())
def test_image_is_found_in_every_supported_markup(site: Site, crawled: CrawlResult, name: str, found_in: str) -> None:
    sighting = crawled.sighting(site.url(f"/i/{name}"))
    assert sighting.found_in == found_in
    assert sighting.page_url == site.url()
    route = site.routes[f"/i/{name}"]
    assert isinstance(route, Answer)
    assert crawled.bytes_of(sighting) == route.body


def test_inline_image_is_stored_under_a_shortened_data_url(crawled: CrawlResult) -> None:
    (sighting,) = (item for item in crawled.sightings if item.found_in == "data-uri")
    assert crawled.bytes_of(sighting) == INLINE
    assert sighting.image_url == f"data:image/jpeg;sha-256={Digest.from_bytes(INLINE)}"


def test_non_image_response_is_refused_with_reason(site: Site, crawled: CrawlResult) -> None:
    assert crawled.pages[0].refusals
    assert crawled.refusals == {
        site.url("/i/error.jpg"): "not-an-image",
        site.url("/i/gone.jpg"): "http-404",
        site.url("/i/drawing.svg"): "vector-image",
        site.url("/i/empty.jpg"): "empty",
        site.url("/css/cut"): "http-404",
        "ftp://example.org/a.jpg": "scheme",
    }


def test_crawl_follows_links_in_scope_and_ends(site: Site, crawled: CrawlResult) -> None:
    assert [page.url for page in crawled.pages] == [site.url(), site.url("/next")]
    assert [link.url for link in crawled.pages[0].links] == [site.url("/next")]
    assert crawled.pages[1].depth == 1
    assert crawled.end.reason == "finished"
    assert crawled.code == 0
    assert crawled.end.counts.images == len(crawled.sightings)
    assert crawled.end.counts.refused == Counter(crawled.refusals.values())


def test_publication_metadata_of_page_is_attached_to_each_image(crawled: CrawlResult) -> None:
    statements = (SourceStatement(kind=SourceStatementKind.PAGE_PUBLISHED, of="page", stated="2019-03-03"),)
    for page, elsewhere in zip(crawled.pages, (statements, ()), strict=True):
        assert {sighting.elsewhere for sighting in page.sightings} == {elsewhere}


def test_page_reports_its_metadata(crawled: CrawlResult) -> None:
    page = crawled.pages[0]
    assert (page.title, page.language, page.status, page.kind) == ("All places", "en", 200, Kind.PAGE)


def test_text_around_image_is_stored(site: Site, crawled: CrawlResult) -> None:
    context = crawled.sighting(site.url("/i/img.jpg")).context
    for words in ("A description", "The caption", "Words before it.", "Words behind it."):
        assert words in context


def test_image_on_two_pages_is_fetched_once_and_recorded_for_both(site: Site, crawled: CrawlResult) -> None:
    assert site.count_requests("/i/img.jpg") == 1
    pages = [sighting.page_url for sighting in crawled.sightings if sighting.image_url == site.url("/i/img.jpg")]
    assert pages == [site.url(), site.url("/next")]


def test_sighting_records_request_and_response(site: Site, crawled: CrawlResult) -> None:
    sighting = crawled.sighting(site.url("/i/img.jpg"))
    sent, received = dict(sighting.request_headers), dict(sighting.response_headers)
    assert sent["Accept-Encoding"] == "identity"
    assert sent["Host"] == f"{site.host}:{site.port}"
    assert received["Content-Length"] == str(sighting.size)
    assert sighting.peer == f"{site.host}:{site.port}"
    assert (sighting.status, sighting.media_type) == (200, "image/jpeg")


def test_every_request_sends_the_same_user_agent(site: Site, crawled: CrawlResult) -> None:
    assert {request.headers["user-agent"] for request in site.requests} == {"ExhibitBot/0.1"}
    assert not any("cookie" in request.headers for request in site.requests)
    referers = {request.path: request.headers["referer"] for request in site.requests if "referer" in request.headers}
    assert referers
    assert set(referers.values()) <= {page.final_url for page in crawled.pages}
    assert not referers.keys() & {urlsplit(page.final_url).path for page in crawled.pages}


def test_truncated_sitemap_is_followed_and_reported(tmp_path: Path) -> None:
    with Site() as site:
        urls = "".join(f"<url><loc>{site.url(f'/{n}')}</loc></url>" for n in range(9))
        packed = gzip.compress(f"<urlset>{urls}</urlset>".encode())
        site.routes["/s.xml.gz"] = Answer(packed[:-30], media_type="application/gzip")
        site.page("/0", "<img src=/i.jpg>")
        site.image("/i.jpg", 1)
        done = crawl(tmp_path, sources=[{"kind": "sitemap", "url": site.url("/s.xml.gz")}])
    assert done.sighting(site.url("/i.jpg"))
    [incomplete] = [refusal for page in done.pages if page.kind is Kind.SITEMAP for refusal in page.refusals]
    assert (incomplete.url, incomplete.reason) == (site.url("/s.xml.gz"), "incomplete")
    assert done.end.counts.refused["incomplete"] == 1


def test_sitemap_index_resolves_gzip_pages_and_images(tmp_path: Path) -> None:
    image = "http://www.google.com/schemas/sitemap-image/1.1"
    with Site() as site:
        index = f"<sitemapindex><sitemap><loc>{site.url('/s.xml.gz')}</loc></sitemap></sitemapindex>"
        urls = f"""<?xml version="1.0"?><urlset xmlns:image="{image}"><url><loc>{site.url("/p")}</loc>
            <lastmod>2026-11-20T10:00:00Z</lastmod><image:image>
            <image:loc>/i/one.jpg</image:loc><image:title>Named</image:title></image:image></url></urlset>"""
        site.routes["/index.xml"] = Answer(index.encode(), media_type="application/xml")
        site.routes["/s.xml.gz"] = Answer(gzip.compress(urls.encode()), media_type="application/x-gzip")
        site.page("/p", '<img src="/i/two.jpg">')
        site.image("/i/one.jpg", 1)
        site.image("/i/two.jpg", 2)
        site.routes["/robots.txt"] = Answer(b"Sitemap: /index.xml\n", media_type="text/plain")
        site.page("/", "<p>Nothing links to the page.</p>")
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}])
    assert [page.kind for page in done.pages] == [Kind.PAGE, Kind.SITEMAP, Kind.SITEMAP, Kind.PAGE]
    sighting = done.sighting(site.url("/i/one.jpg"))
    assert (sighting.page_url, sighting.found_in, sighting.context) == (site.url("/p"), "sitemap", "Named")
    assert done.sighting(site.url("/i/two.jpg")).found_in == "img"
    dates = [{url: format_rfc3339(date) for url, date in page.modified.items()} for page in done.pages]
    assert dates == [{}, {}, {site.url("/p"): "2026-11-20T10:00:00.000000Z"}, {}]


def test_feed_yields_entries_and_media(tmp_path: Path) -> None:
    with Site() as site:
        feed = """<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel><title>News</title>
            <item><title>First</title><link>/first</link><media:content url="/i/media.jpg" medium="image"/>
            <enclosure url="/i/enclosed.jpg" type="image/jpeg"/><enclosure url="/talk.mp3" type="audio/mpeg"/>
            <description>&lt;img src="/i/summary.jpg"&gt;</description></item></channel></rss>"""
        site.routes["/feed"] = Answer(feed.encode(), media_type="application/rss+xml")
        site.page("/first", "<p>No image here.</p>")
        for name in ("media", "enclosed", "summary"):
            site.image(f"/i/{name}.jpg")
        done = crawl(tmp_path, sources=[{"kind": "feed", "url": site.url("/feed")}], limits={"depth": 1})
    assert {sighting.image_url: sighting.page_url for sighting in done.sightings} == {
        site.url(f"/i/{name}.jpg"): site.url("/first") for name in ("media", "enclosed", "summary")
    }
    assert [page.url for page in done.pages] == [site.url("/feed"), site.url("/first")]
    assert site.count_requests("/talk.mp3") == 0


def test_crawl_slice_visits_only_its_urls_and_reports_links(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/a", '<a href="/b">b</a><img src="/i/a.jpg">')
        site.image("/i/a.jpg")
        site.image("/i/alone.jpg")
        site.image("/looks-like-a-page")
        urls: list[dict[str, Value]] = [
            {"url": site.url("/a"), "depth": 1},
            {"url": site.url("/i/alone.jpg"), "kind": "image", "page_url": site.url("/p"), "context": "words"},
            {"url": site.url("/gone")},
            {"url": site.url("/looks-like-a-page")},
        ]
        done = crawl(tmp_path, urls=urls, follow=False)
    reported_urls = {page.url for page in done.pages} | set(done.refusals)
    assert reported_urls == {item["url"] for item in urls}
    assert len(done.lines) == len(urls) + 1
    assert site.count_requests("/b") == 0
    page = next(page for page in done.pages if page.url == site.url("/a"))
    assert [(link.url, link.depth) for link in page.links] == [(site.url("/b"), 2)]
    alone = done.sighting(site.url("/i/alone.jpg"))
    assert (alone.page_url, alone.context) == (site.url("/p"), "words")
    assert done.refusals == {site.url("/gone"): "http-404"}
    assert done.sighting(site.url("/looks-like-a-page")).found_in == "page"


def test_page_with_200_images_is_written_as_a_single_line(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", "".join(f'<img src="/i/{n}.jpg">' for n in range(200)))
        for n in range(200):
            site.image(f"/i/{n}.jpg", n)
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}])
    (page,) = done.pages
    assert [sighting.image_url for sighting in page.sightings] == [site.url(f"/i/{n}.jpg") for n in range(200)]
    assert len(list(done.folder.iterdir())) == 200


def test_session_ids_in_urls_do_not_duplicate_page_visits(tmp_path: Path) -> None:
    visits = itertools.count()

    def page(_: ReceivedRequest) -> Answer:
        number = next(visits)
        ids = [f"{number:04x}{item:04x}{'ab12' * 6}" for item in range(40)]
        links = [
            f"<a href='/item?id={item}&sid={session_id}&utm_source=home'>{item}</a>"
            for item, session_id in enumerate(ids)
        ]
        return Answer("".join(links).encode())

    with Site() as site:
        site.routes["/"] = page
        site.routes.update({f"/item?id={item}": page for item in range(40)})
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}], limits={"pages": 60})
    items = [visited_page.url for visited_page in done.pages if visited_page.url != site.url()]
    assert sorted(items) == sorted(site.url(f"/item?id={item}") for item in range(40))


def test_pictures_of_a_page_are_fetched_before_the_next_page_is_requested(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", "".join(f"<a href=/{n}>{n}</a>" for n in range(5)))
        for n in range(5):
            site.page(f"/{n}", "".join(f"<img src=/i/{n}-{m}.jpg>" for m in range(3)))
            for m in range(3):
                site.image(f"/i/{n}-{m}.jpg", 10 * n + m)
        done = crawl(
            tmp_path,
            sources=[{"kind": "site", "url": site.url()}],
            politeness={"concurrency_per_host": 1},
            limits={"pages": 3},
        )
        requested_paths = [path for path in site.requested_paths() if not path.startswith(("/robots", "/.well-known"))]
    pictures = [{f"/i/{n}-{m}.jpg" for m in range(3)} for n in range(2)]
    assert requested_paths[:2] == ["/", "/0"]
    assert set(requested_paths[2:5]) == pictures[0]
    assert requested_paths[5] == "/1"
    assert set(requested_paths[6:]) == pictures[1]
    assert len(requested_paths) == 9
    assert done.end.reason == "budget-pages"


def test_stopped_crawl_still_fetches_pictures_of_requested_pages(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", "".join(f"<a href=/{n}>{n}</a>" for n in range(9)))
        for n in range(9):
            site.page(f"/{n}", "".join(f"<img src=/i/{n}-{m}.jpg>" for m in range(4)))
            for m in range(4):
                site.image(f"/i/{n}-{m}.jpg", 10 * n + m)
        politeness = {"concurrency_per_host": 1, "delay": 0.2}
        job = {"sources": [{"kind": "site", "url": site.url()}], "limits": {"seconds": 4}}
        done = crawl(tmp_path, politeness=politeness, **job)
    assert done.end.reason == "budget-seconds"
    whole = [page for page in done.pages if page.depth and len(page.sightings) == 4]
    assert len(whole) >= len(done.pages) - 2  # all but the one in progress and the page of links
