"""Test the inspection of a site before it is watched, with a real local server."""

import gzip
import time
from collections.abc import Iterator

import pytest

from crawler.formats.job import SourceKind, UserAgent
from crawler.site_probe import PAGE_BYTES, RobotsVerdict, SiteProbe, inspect_site
from exhibit.errors import RefusedError
from exhibit.network.guard import Guard
from tests.assets.site import Answer, Site

PAGE = Answer(
    b'<title>The shop</title><link rel="alternate" type="application/rss+xml" href="/feed.xml">'
    b'<link rel="alternate" type="application/atom+xml" href="https://elsewhere.example/feed">'
)
XML = "application/xml"
SITEMAP = Answer(b"<urlset><url><loc>http://127.0.0.1/a</loc></url></urlset>", XML)
FEED = Answer(b'<?xml version="1.0"?><rss version="2.0"><channel><item><link>/a</link></item></channel></rss>', XML)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        running.routes = {"/": PAGE}
        yield running


def probe_site(address: str, *, seconds: float = 10, networks: tuple[str, ...] = ("127.0.0.0/8",)) -> SiteProbe:
    return inspect_site(address, Guard(networks), UserAgent(), lambda host: host == "denied.example", seconds=seconds)


def list_proposals(probe: SiteProbe, site: Site) -> list[tuple[str, str]]:
    return [(str(proposal.kind), proposal.url.removeprefix(site.url(""))) for proposal in probe.proposals]


def test_sitemaps_and_feeds_of_the_same_site_are_proposed(site: Site) -> None:
    robots = f"User-agent: *\nCrawl-delay: 3\nDisallow: /cart\nSitemap: {site.url('/map.xml')}\n"
    site.routes["/robots.txt"] = Answer(robots.encode(), "text/plain")
    probe = probe_site(site.url("/"))
    assert list_proposals(probe, site) == [("site", "/"), ("sitemap", "/map.xml"), ("feed", "/feed.xml")]
    assert (probe.title, probe.robots, probe.crawl_delay) == ("The shop", RobotsVerdict.ALLOWS, 3)


def test_sitemap_at_default_location_is_found(site: Site) -> None:
    site.routes["/sitemap.xml"] = SITEMAP
    probe = probe_site(site.url("/"))
    assert ("sitemap", "/sitemap.xml") in list_proposals(probe, site)
    assert probe.robots is RobotsVerdict.NONE
    site.routes["/sitemap.xml"] = PAGE
    assert ("sitemap", "/sitemap.xml") not in list_proposals(probe_site(site.url("/")), site)


def test_large_sitemap_is_recognised_by_its_first_bytes_and_other_files_are_not(site: Site) -> None:
    entries = b"<url><loc>http://127.0.0.1/a</loc></url>" * 60_000
    site.routes["/sitemap.xml"] = Answer(b"<urlset>" + entries + b"</urlset>", XML)
    assert len(entries) > PAGE_BYTES
    assert ("sitemap", "/sitemap.xml") in list_proposals(probe_site(site.url("/")), site)
    for other in (Answer(PAGE.body + b" " * PAGE_BYTES), Answer(entries, XML, status=404), Answer(b"\0" * 3_000_000)):
        site.routes["/sitemap.xml"] = other
        assert ("sitemap", "/sitemap.xml") not in list_proposals(probe_site(site.url("/")), site)


def test_large_page_and_robots_txt_are_searched_up_to_the_limit(site: Site) -> None:
    site.routes["/"] = Answer(PAGE.body + b"<p>more</p>" * 200_000)
    site.routes["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /cart\n" + b"# more\n" * 200_000, "text/plain")
    probe = probe_site(site.url("/"))
    assert (probe.title, probe.robots) == ("The shop", RobotsVerdict.ALLOWS)
    assert list_proposals(probe, site) == [("site", "/"), ("feed", "/feed.xml")]


def test_sitemap_on_a_linked_domain_is_not_proposed(site: Site) -> None:
    with Site(host="127.0.0.2") as other:
        other.routes["/sitemap.xml"] = SITEMAP
        site.routes["/sitemap.xml"] = Answer(status=302, headers=(("Location", other.url("/sitemap.xml")),))
        assert ("sitemap", "/sitemap.xml") not in list_proposals(probe_site(site.url("/")), site)
        assert other.count_requests("/sitemap.xml") == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (SITEMAP, SourceKind.SITEMAP),
        (Answer(gzip.compress(SITEMAP.body), "application/gzip"), SourceKind.SITEMAP),
        (FEED, SourceKind.FEED),
    ],
)
def test_sitemap_or_feed_url_is_recognised(site: Site, answer: Answer, kind: SourceKind) -> None:
    site.routes["/given"] = answer
    assert list_proposals(probe_site(site.url("/given")), site) == [(str(kind), "/given")]


@pytest.mark.parametrize(
    ("robots", "says"),
    [
        (Answer(b"User-agent: ExhibitBot\nDisallow: /\n", "text/plain"), RobotsVerdict.FORBIDS),
        (Answer(b"", status=503), RobotsVerdict.UNREADABLE),
    ],
)
def test_paths_disallowed_by_robots_are_not_probed(site: Site, robots: Answer, says: RobotsVerdict) -> None:
    site.routes["/robots.txt"] = robots
    probe = probe_site(site.url("/"))
    assert (probe.robots, probe.proposals) == (says, ())
    assert {request.path for request in site.requests} <= {"/robots.txt", "/.well-known/tdmrep.json"}


def test_text_mining_reservation_is_reported(site: Site) -> None:
    body = b'[{"location": "/*", "tdm-reservation": 1}]'
    site.routes["/.well-known/tdmrep.json"] = Answer(body, "application/json")
    assert probe_site(site.url("/")).reserved
    site.routes["/.well-known/tdmrep.json"] = Answer(b'[{"location": "/other", "tdm-reservation": 1}]')
    assert not probe_site(site.url("/")).reserved


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "bad-url"),
        ("shop", "bad-url"),
        ("two words.example", "bad-url"),
        ("https://", "bad-url"),
        ("ftp://shop.example/", "scheme"),
        ("javascript:alert(1)", "bad-url"),
        ("https://ann:secret@shop.example/", "credentials"),
        ("http://192.168.0.1/", "private-address"),
        ("http://169.254.169.254/latest/meta-data", "private-address"),
        ("https://denied.example/", "denied-host"),
        ("https://x.invalid/", "unresolvable"),
        (f"https://shop.example/{'x' * 3000}", "bad-url"),
    ],
)
def test_invalid_site_url_is_refused_with_a_reason(address: str, reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        probe_site(address)
    assert refused.value.reason == reason


def test_site_redirecting_to_private_network_is_refused(site: Site) -> None:
    site.routes["/"] = Answer(status=302, headers=(("Location", "http://10.0.0.1/"),))
    with pytest.raises(RefusedError) as refused:
        probe_site(site.url("/"))
    assert refused.value.reason == "private-address"


def test_slowly_sent_response_does_not_block_the_probe(site: Site) -> None:
    site.routes["/"] = Answer(b"<p>", pieces=200, pause=0.1, length=-1)
    start = time.monotonic()
    with pytest.raises(RefusedError) as refused:
        probe_site(site.url("/"), seconds=1)
    assert refused.value.reason == "too-slow"
    assert time.monotonic() - start < 8


def test_slow_redirect_chain_shares_one_response_timeout(site: Site) -> None:
    for number in range(8):
        onward = (("Location", f"/{number + 1}"),)
        site.routes[f"/{number}"] = Answer(status=302, headers=onward, length=96, pieces=6, pause=0.1)
    start = time.monotonic()
    with pytest.raises(RefusedError) as refused:
        probe_site(site.url("/0"), seconds=1)
    assert refused.value.reason == "too-slow"
    assert time.monotonic() - start < 4


def test_disallowed_links_of_site_are_not_proposed(site: Site) -> None:
    robots = f"Sitemap: {site.url('/map.xml')}\nSitemap: ftp://127.0.0.1/map\nSitemap: http://a:b@127.0.0.1/map\n"
    site.routes["/robots.txt"] = Answer(f"User-agent: *\n{robots}".encode(), "text/plain")
    assert [kind for kind, _url in list_proposals(probe_site(site.url("/")), site)] == ["site", "sitemap", "feed"]


def test_missing_page_is_reported_by_its_status(site: Site) -> None:
    with pytest.raises(RefusedError) as refused:
        probe_site(site.url("/gone"))
    assert refused.value.reason == "http-404"
