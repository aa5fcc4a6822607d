"""Test what a crawl refuses: private addresses, robots.txt, reservations, denied hosts, too frequent requests."""

from pathlib import Path

import pytest

from crawler.formats.lines import RefusalLine
from crawler.reading.limits import MAX_REDIRECTS
from exhibit.network.addresses import get_url_host
from tests.assets.crawling import crawl, has_delay
from tests.assets.site import Answer, ReceivedRequest, Site

ROBOTS = """User-agent: *
Disallow: /

User-agent: exhibitbot
Disallow: /secret/
Allow: /secret/open
Content-Signal: ai-train=no
"""


def plain_response(body: str, status: int = 200) -> Answer:
    return Answer(body.encode(), media_type="text/plain", status=status)


def redirect_to(url: str) -> Answer:
    return Answer(status=302, headers=(("Location", url),))


def test_private_network_is_not_visited_unless_allowed(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", "<p>private")
        port = site.port
        hosts = ["127.0.0.1", "localhost", "a.localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0"]  # noqa: S104
        hosts += ["[::1]", "[::ffff:127.0.0.1]", "[::]", "[64:ff9b::7f00:1]", "127.0.0.1."]
        urls = [f"http://{host}:{port}/" for host in hosts]
        done = crawl(tmp_path, urls=[{"url": url} for url in urls], follow=False, allowed_networks=[])
        assert site.requests == []
    assert set(done.refusals.values()) == {"private-address"}
    # Equal hosts share a refusal
    assert {get_url_host(url) for url in done.refusals} == {get_url_host(url) for url in urls}


def test_each_redirect_hop_is_checked(tmp_path: Path) -> None:
    with Site() as site, Site(host="127.0.0.2") as inner:
        inner.page("/", "<p>inner")
        inner.image("/i.jpg")
        site.page("/", '<img src="/in.jpg"><img src="/file.jpg"><img src="/loop.jpg"><img src="/twice.jpg">')
        site.routes["/in.jpg"] = redirect_to(inner.url("/i.jpg"))
        site.routes["/twice.jpg"] = redirect_to("/in.jpg")
        site.routes["/file.jpg"] = redirect_to("file:///etc/passwd")
        site.routes["/loop.jpg"] = redirect_to("/loop.jpg")
        site.routes["/away"] = redirect_to(inner.url())
        urls = [{"url": site.url()}, {"url": site.url("/away")}]
        done = crawl(tmp_path, urls=urls, follow=False, allowed_networks=["127.0.0.1/32"])
        assert inner.requests == []
    assert done.refusals == {
        site.url("/in.jpg"): "private-address",
        site.url("/twice.jpg"): "private-address",
        site.url("/file.jpg"): "scheme",
        site.url("/loop.jpg"): "redirects",
        site.url("/away"): "private-address",
    }
    assert site.count_requests("/loop.jpg") == MAX_REDIRECTS + 1


def test_page_redirect_out_of_scope_is_refused_and_image_redirect_is_followed(tmp_path: Path) -> None:
    with Site() as site, Site(host="127.0.0.2") as other:
        other.page("/", "<p>other")
        picture = other.image("/i.jpg")
        site.page("/", '<img src="/i.jpg"><a href="/away">away</a>')
        site.routes["/i.jpg"] = redirect_to(other.url("/i.jpg"))
        site.routes["/away"] = redirect_to(other.url())
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}])
    assert done.refusals == {site.url("/away"): "out-of-scope"}
    assert done.bytes_of(done.sightings[0]) == picture
    assert done.sightings[0].peer == f"127.0.0.2:{other.port}"


def test_robots_rules_apply_to_own_token_for_pages_and_images(tmp_path: Path) -> None:
    with Site() as site:
        site.routes["/robots.txt"] = plain_response(ROBOTS)
        site.page("/", '<img src="/secret/a.jpg"><img src="/secret/open.jpg"><a href="/secret/page">s</a>')
        for name in ("a", "open"):
            site.image(f"/secret/{name}.jpg")
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}])
        assert site.count_requests("/secret/a.jpg") == site.count_requests("/secret/page") == 0
        assert site.count_requests("/robots.txt") == 1
    assert done.refusals == {site.url("/secret/a.jpg"): "robots", site.url("/secret/page"): "robots"}
    assert [sighting.image_url for sighting in done.sightings] == [site.url("/secret/open.jpg")]
    assert done.pages[0].signals.ai == ("ai-train=no",)


def test_server_error_for_robots_txt_blocks_visits_and_missing_robots_txt_does_not(tmp_path: Path) -> None:
    hosts = {"127.0.0.1": 503, "127.0.0.2": 404, "127.0.0.3": 403, "127.0.0.4": 429}
    sites = [Site(host=host) for host in hosts]
    with sites[0], sites[1], sites[2], sites[3]:
        for site, status in zip(sites, hosts.values(), strict=True):
            site.routes["/robots.txt"] = plain_response("User-agent: *\nDisallow: /", status)
            site.page("/", "<p>page")
        urls = [{"url": site.url()} for site in sites]
        done = crawl(tmp_path, urls=urls, follow=False, politeness={"max_wait": 1})
    assert done.refusals == {sites[0].url(): "robots-unavailable", sites[3].url(): "robots-unavailable"}
    assert {page.url for page in done.pages} == {sites[1].url(), sites[2].url()}
    refused = [line.sentence for line in done.lines if isinstance(line, RefusalLine)]
    for host in ("127.0.0.1", "127.0.0.4"):
        assert any(host in sentence and str(hosts[host]) in sentence for sentence in refused)
    assert done.end.counts.waiting.keys() == {"127.0.0.1", "127.0.0.4"}


@pytest.mark.parametrize("failing", ["503", "429", "reset", "cut"])
def test_robots_txt_request_is_retried_after_one_failure(tmp_path: Path, failing: str) -> None:
    first = {
        "503": Answer(status=503, headers=(("Retry-After", "1"),)),
        "429": Answer(status=429, headers=(("Retry-After", "1"),)),
        "reset": Answer(length=100),
        "cut": Answer(b"User-agent: *\nDis", media_type="text/plain", length=100),
    }
    answers = [first[failing], plain_response("User-agent: *\nDisallow: /secret")]
    with Site() as site:
        site.routes["/robots.txt"] = lambda _: answers.pop(0)
        site.page("/", '<img src="/i.jpg"><a href="/secret">s</a>')
        site.image("/i.jpg")
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}])
        first_request, again, page = (site.requests[place].at for place in (0, 1, 2))
        assert [request.path for request in site.requests[:2]] == ["/robots.txt", "/robots.txt"]
    assert again - first_request >= (0.99 if failing.isdigit() else 0)
    assert page > again
    assert done.refusals == {site.url("/secret"): "robots"}
    assert [request.image_url for request in done.sightings] == [site.url("/i.jpg")]
    assert done.end.counts.waiting == {}


@pytest.mark.parametrize("failing", ["long", "timeout", "reset", "fault"])
def test_site_with_failing_robots_txt_is_deferred(tmp_path: Path, failing: str) -> None:
    answer = {
        "long": Answer(status=503, headers=(("Retry-After", "600"),)),
        "timeout": Answer(b"", length=1_000, pieces=20, pause=0.5),
        "reset": Answer(length=100),
        "fault": Answer(status=500),
    }
    with Site() as site, Site(host="127.0.0.2") as other:
        site.routes["/robots.txt"] = answer[failing]
        site.page("/", "<p>page")
        site.image("/i.jpg")
        other.page("/", f'<img src="{site.url("/i.jpg")}">')
        limits = {"request_seconds": 2}
        done = crawl(tmp_path, urls=[{"url": site.url()}, {"url": other.url()}], follow=False, limits=limits)
        assert set(site.requested_paths()) == {"/robots.txt"}
    of_picture = "retry-after" if failing == "long" else "robots-unavailable"
    assert done.refusals == {site.url(): "robots-unavailable", site.url("/i.jpg"): of_picture}
    assert done.end.counts.waiting.keys() == {"127.0.0.1"}
    assert (done.end.counts.waiting["127.0.0.1"] > 500) is (failing == "long")


@pytest.mark.parametrize("status", [429, 503])
def test_temporarily_unavailable_page_or_picture_is_deferred(tmp_path: Path, status: int) -> None:
    later = Answer(status=status, headers=(("Retry-After", "600"),))
    with Site() as site, Site(host="127.0.0.2") as other:
        site.routes["/"] = later
        other.page("/", '<img src="/i.jpg">')
        other.routes["/i.jpg"] = later
        done = crawl(tmp_path, urls=[{"url": site.url()}, {"url": other.url()}], follow=False)
    assert done.refusals == {site.url(): "retry-after", other.url("/i.jpg"): "retry-after"}
    assert done.end.counts.waiting.keys() == {"127.0.0.1", "127.0.0.2"}
    assert min(done.end.counts.waiting.values()) > 500


def test_unreachable_server_is_not_retried(tmp_path: Path) -> None:
    with Site() as closed_site:
        url = closed_site.url()
    done = crawl(tmp_path, urls=[{"url": url}], follow=False)
    assert (done.refusals, done.end.counts.waiting) == ({url: "unreachable"}, {})


def test_redirected_robots_txt_is_followed_and_oversized_robots_txt_is_truncated(tmp_path: Path) -> None:
    with Site() as site:
        site.routes["/robots.txt"] = redirect_to("/real.txt")
        padding = "# padding\n" * 60_000
        site.routes["/real.txt"] = plain_response(f"User-agent: *\nDisallow: /no\n{padding}Disallow: /late\n")
        for path in ("/", "/no", "/late"):
            site.page(path, "<p>page")
        done = crawl(tmp_path, urls=[{"url": site.url(path)} for path in ("/", "/no", "/late")], follow=False)
    assert done.refusals == {site.url("/no"): "robots"}


def test_tdm_reservations_and_ai_signals_are_recorded_and_obeyed(tmp_path: Path) -> None:
    rules = b'[{"location": "/kept/*", "tdm-reservation": 1}, {"location": "/", "tdm-reservation": 0}]'
    with Site() as site:
        site.routes["/.well-known/tdmrep.json"] = Answer(rules, media_type="application/json")
        site.page("/", '<meta name="robots" content="noml"><img src="/kept/a.jpg"><img src="/b.jpg">')
        site.page("/own", '<meta name="robots" content="index, NoAI"><img src="/c.jpg">')
        site.page("/meta", '<meta name="tdm-reservation" content="1"><img src="/c.jpg">')
        site.page("/x", "<p>x", headers=(("X-Robots-Tag", "noimageai"), ("X-Robots-Tag", "nofollow")))
        site.image("/kept/a.jpg")
        site.image("/b.jpg", headers=(("tdm-reservation", "1"),))
        site.page("/shows", '<img src="/d.jpg">')
        site.image("/d.jpg", headers=(("X-Robots-Tag", "noindex, noimageai"),))
        urls = [{"url": site.url(path)} for path in ("/", "/meta", "/x", "/own", "/shows")]
        done = crawl(tmp_path / "1", urls=urls, follow=False)
        free = crawl(tmp_path / "2", urls=urls[:1], follow=False, politeness={"obey_reservations": False})
    signals = {page.url: page.signals for page in done.pages}
    assert signals[site.url()].tdm_reservation == "0"
    assert signals[site.url()].ai == ("noml",)
    assert signals[site.url("/meta")].tdm_reservation == "1"
    assert signals[site.url("/x")].x_robots_tag == ("noimageai", "nofollow")
    assert done.refusals == {
        site.url("/kept/a.jpg"): "tdm-reserved",
        site.url("/b.jpg"): "tdm-reserved",
        site.url("/meta"): "tdm-reserved",
        **dict.fromkeys((site.url("/own"), site.url("/x"), site.url("/d.jpg")), "noai"),
    }
    assert "/c.jpg" not in site.requested_paths()
    assert len(free.sightings) == 2


def test_denied_hosts_are_refused_with_configured_reason(tmp_path: Path) -> None:
    with Site() as site, Site(host="127.0.0.2") as other:
        other.image("/i.jpg")
        site.page("/", f'<img src="{other.url("/i.jpg")}">')
        job = {"urls": [{"url": site.url()}], "follow": False}
        done = crawl(tmp_path, denied_hosts={"127.0.0.2": "its operator asked us"}, **job)
        assert other.requests == []
    (refusal,) = done.pages[0].refusals
    assert refusal.reason == "denied-host"
    assert "its operator asked us" in refusal.sentence


def test_crawl_delay_is_respected_and_excessive_delay_refuses_host(tmp_path: Path) -> None:
    with Site() as site, Site(host="127.0.0.2") as slow:
        site.routes["/robots.txt"] = plain_response("User-agent: *\nCrawl-delay: 0.3\n")
        site.page("/", '<img src="/a.jpg"><img src="/b.jpg">')
        site.image("/a.jpg")
        site.image("/b.jpg")
        slow.routes["/robots.txt"] = plain_response("User-agent: *\nCrawl-delay: 1000\n")
        done = crawl(tmp_path, urls=[{"url": site.url()}, {"url": slow.url()}], follow=False)
    assert has_delay(site, 0.3)
    assert done.refusals == {slow.url(): "crawl-delay"}


def test_busy_server_is_retried_after_its_retry_after_time(tmp_path: Path) -> None:
    request_times: list[float] = []

    def busy(request: ReceivedRequest) -> Answer:
        request_times.append(request.at)
        return plain_response("later", 429) if len(request_times) == 1 else Answer(b"<title>at last</title>")

    with Site() as site, Site(host="127.0.0.2") as resting:
        site.routes["/"] = lambda request: with_retry_after(busy(request), "1")
        resting.routes["/"] = with_retry_after(plain_response("later", 503), "86400")
        resting.page("/other", "<p>other")
        urls = [{"url": site.url()}, {"url": resting.url()}, {"url": resting.url("/other")}]
        done = crawl(tmp_path, urls=urls, follow=False, politeness={"concurrency_per_host": 1})
    assert request_times[1] - request_times[0] >= 0.99
    assert {page.url: page.title for page in done.pages}[site.url()] == "at last"
    assert done.refusals[resting.url()] == "retry-after"
    assert resting.count_requests("/") == 1


def with_retry_after(answer: Answer, seconds: str) -> Answer:
    return Answer(answer.body, answer.media_type, answer.status, (("Retry-After", seconds),))
