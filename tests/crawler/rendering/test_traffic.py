"""Test that a rendered page may only request what the crawl itself would fetch, and cannot send data."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.assets.crawling import CrawlResult, crawl
from tests.assets.scripted_pages import SCRIPT, page
from tests.assets.site import Answer, Site

pytestmark = pytest.mark.usefixtures("browser")
SHOW = "const one = new Image(); one.src = `/shown/${NUMBER}`; document.body.append(one);"
ASKING = """
for (const url of ['PRIVATE', 'http://169.254.169.254/latest/', 'file:///etc/passwd']) {
  fetch(url).catch(() => 0); const one = new Image(); one.src = url + `?picture`; document.body.append(one);
}
navigator.sendBeacon('/beacon', 'x');
fetch('/posted', {method: 'POST', body: 'x'}).catch(() => 0);
fetch('/put', {method: 'PUT', body: 'x'}).catch(() => 0);
new WebSocket('SOCKET'); new EventSource('/events');
window.open('/window');
const frame = document.createElement('iframe'); frame.src = '/frame'; document.body.append(frame);
new Worker(URL.createObjectURL(new Blob(["fetch('/worker')"])));
navigator.serviceWorker && navigator.serviceWorker.register('/service.js').catch(() => 0);
const save = document.createElement('a'); save.href = '/saved.zip'; save.download = 'saved.zip';
document.body.append(save); save.click();
alert('wait');
"""
FOREIGN = """
fetch('ELSEWHERE/list.json', {headers: {'X-Requested-With': 'a', 'X-Method': 'b', Authorization: 'c'}}).catch(() => 0);
"""
MANY = "for (let n = 0; n < 40; n++) fetch(`/many/${n}`)"
MOVING = "document.cookie = 'mine=1'; location.href = `/target`;"


@dataclass
class World:
    """The crawled site, a second one that its pages use, an unreachable one, and the results."""

    site: Site
    elsewhere: Site
    private: Site
    crawled: CrawlResult


def pages(site: Site, elsewhere: Site, private: Site) -> None:
    site.routes["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /no/\n", media_type="text/plain")
    asking = ASKING.replace("PRIVATE", private.url("/")).replace("SOCKET", site.url("/socket").replace("http", "ws"))
    page(site, "/asking.html", "", asking + SHOW.replace("NUMBER", "1"))
    site.page("/forbidden.html", "<body><script src=/no/made.js></script><script src=/yes.js></script>")
    site.routes["/no/made.js"] = Answer(SHOW.replace("NUMBER", "2").encode(), media_type=SCRIPT)
    site.routes["/yes.js"] = Answer(SHOW.replace("NUMBER", "3").encode(), media_type=SCRIPT)
    for number in (1, 2, 3):
        site.image(f"/shown/{number}", number)
    page(site, "/foreign.html", "", FOREIGN.replace("ELSEWHERE", elsewhere.url("").rstrip("/")))
    elsewhere.routes["/list.json"] = Answer(
        b"[]", media_type="application/json", headers=(("Access-Control-Allow-Origin", "*"),
                                                       ("Access-Control-Allow-Headers", "*")),
    )  # fmt: skip
    site.page("/many.html", f"<body><script>{MANY}</script>")
    page(site, "/moving.html", "<p>Go on</p>", MOVING)
    site.routes["/style.css"] = Answer(b"@font-face { font-family: own; src: url(/own.woff2) } p { font-family: own }",
                                       media_type="text/css")  # fmt: skip
    site.page("/twice-1.html", "<body><link rel=stylesheet href=style.css><p>1</p><script src=/yes.js></script>")
    site.page("/twice-2.html", "<body><p>2</p><script src=/yes.js></script>")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Site() as site, Site(host="127.0.0.2") as elsewhere, Site(host="127.0.0.3") as private:
        pages(site, elsewhere, private)
        names = ("asking", "forbidden", "foreign", "many", "moving", "twice-1", "twice-2")
        crawled = crawl(
            tmp_path_factory.mktemp("traffic"),
            urls=[{"url": site.url(f"/{name}.html")} for name in names],
            follow=False,
            render="always",
            limits={"render_page_seconds": 8, "render_page_requests": 20},
            allowed_networks=["127.0.0.1/32", "127.0.0.2/32"],
        )
        yield World(site, elsewhere, private, crawled)


@pytest.mark.long
def test_every_page_is_rendered(world: World) -> None:
    assert (world.crawled.end.counts.rendered, world.crawled.end.counts.unrendered) == (7, {})


@pytest.mark.long
def test_private_address_is_blocked(world: World) -> None:
    assert world.private.requests == []
    assert world.crawled.sighting(world.site.url("/shown/1")).found_in == "rendered"


@pytest.mark.long
def test_form_posts_and_other_documents_are_blocked(world: World) -> None:
    requested_paths = set(world.site.requested_paths())
    refused = {"/beacon", "/posted", "/put", "/socket", "/events", "/window", "/frame", "/worker", "/service.js",
               "/saved.zip", "/own.woff2", "/target"}  # fmt: skip
    assert requested_paths & refused == set()
    assert [request.body for request in world.site.requests if request.body] == []


@pytest.mark.long
def test_script_disallowed_by_robots_is_not_requested(world: World) -> None:
    requested_paths = world.site.requested_paths()
    assert ("/no/made.js" in requested_paths, "/shown/2" in requested_paths) == (False, False)
    line = next(line for line in world.crawled.pages if line.url.endswith("/forbidden.html"))
    assert [sighting.image_url for sighting in line.sightings] == [world.site.url("/shown/3")]


@pytest.mark.long
def test_third_party_requests_use_crawl_headers_without_secrets(world: World) -> None:
    (request,) = (item for item in world.elsewhere.requests if item.path == "/list.json")
    assert request.headers["user-agent"].startswith("ExhibitBot/")
    assert request.headers["x-requested-with"] == "a"
    assert {"x-method", "authorization", "cookie", "referer"} & set(request.headers) == set()
    assert "/robots.txt" in world.elsewhere.requested_paths()


@pytest.mark.long
def test_number_of_requests_of_a_rendered_page_is_limited(world: World) -> None:
    assert sum(path.startswith("/many/") for path in world.site.requested_paths()) == 20


@pytest.mark.long
def test_script_navigation_becomes_a_link(world: World) -> None:
    line = next(line for line in world.crawled.pages if line.url.endswith("/moving.html"))
    assert [link.url for link in line.links] == [world.site.url("/target")]


@pytest.mark.long
def test_script_shared_by_pages_is_fetched_once(world: World) -> None:
    assert world.site.count_requests("/yes.js") == 1
    assert {world.site.count_requests(f"/{name}.html") for name in ("asking", "twice-1", "twice-2")} == {1}


@pytest.mark.long
def test_script_cookies_stay_in_the_browser(world: World) -> None:
    assert [request for request in world.site.requests if "mine" in request.headers.get("cookie", "")] == []
