"""Test that a rendered page shows images that are absent as served, however its scripts add them."""

from collections.abc import Iterator

import pytest

from crawler.reading.limits import MAX_CANVASES, OmittedItem
from tests.assets.crawling import CrawlResult, crawl
from tests.assets.scripted_pages import CANVAS, ENDLESS, PICTURES, page, serve_scripted
from tests.assets.site import Site

pytestmark = pytest.mark.usefixtures("browser")
STUCK = "document.title = 'begun'; while (true) {}"
EXTRA = ("/canvas.html", "/endless.html", "/stuck.html", "/many.html")
MANY = f"""for (let n = 0; n < {MAX_CANVASES + 2}; n++) {{
  const one = document.body.appendChild(document.createElement('canvas'));
  one.width = one.height = 70;
  one.getContext('2d').fillRect(n, 0, 9, 9);
}}"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(host="127.0.0.2") as other, Site() as site:
        serve_scripted(site)
        other.image("/other", 1)
        site.image("/canvas/1", 2)
        canvases = "<canvas id=own></canvas><canvas id=tainted></canvas><canvas width=99 height=99></canvas>"
        page(site, "/canvas.html", canvases, CANVAS.replace("OTHER", other.url("/other")))
        page(site, "/endless.html", "", ENDLESS)
        for number in range(1, 200):
            site.image(f"/endless/{number}", 2_000 + number)
        page(site, "/many.html", "", MANY)
        page(site, "/stuck.html", '<img src="/there.jpg">', STUCK)
        site.image("/there.jpg", 3)
        yield site


@pytest.fixture(scope="module")
def crawled(site: Site, tmp_path_factory: pytest.TempPathFactory) -> CrawlResult:
    urls = [{"url": site.url(path)} for path in (*PICTURES, *EXTRA)]
    limits = {"render_page_seconds": 8}
    return crawl(tmp_path_factory.mktemp("page"), urls=urls, follow=False, render="always", limits=limits)


def images_on(crawled: CrawlResult, site: Site, path: str) -> dict[str, str]:
    """Return the URLs of a page's images, each with the reported place."""
    line = next(line for line in crawled.pages if line.url == site.url(path))
    return {sighting.image_url.removeprefix(site.url("")): sighting.found_in for sighting in line.sightings}


@pytest.mark.long
@pytest.mark.parametrize("path", PICTURES)
def test_pictures_added_by_scripts_are_found(crawled: CrawlResult, site: Site, path: str) -> None:
    pattern = path.removesuffix(".html")
    assert images_on(crawled, site, path) == {
        f"{pattern}/{number}": "rendered" for number in range(1, PICTURES[path] + 1)
    }
    line = next(line for line in crawled.pages if line.url == site.url(path))
    assert line.render_seconds > 0


def test_content_beyond_rendering_limits_is_counted(crawled: CrawlResult, site: Site) -> None:
    left_out = {line.url.removeprefix(site.url("")): dict(line.left_out) for line in crawled.pages}
    assert left_out["/many.html"] == {OmittedItem.CANVASES: 2}
    assert left_out["/canvas.html"] == {}


@pytest.mark.long
def test_each_rendered_picture_is_fetched_once_and_stored_exactly(crawled: CrawlResult, site: Site) -> None:
    for path, count in PICTURES.items():
        for number in range(1, count + 1):
            picture = f"{path.removesuffix('.html')}/{number}"
            assert site.count_requests(picture) == 1
            answer = site.routes[picture]
            assert crawled.bytes_of(crawled.sighting(site.url(picture))) == answer.body  # type: ignore[union-attr]


@pytest.mark.long
def test_rendered_page_keeps_picture_text_and_links(crawled: CrawlResult, site: Site) -> None:
    assert crawled.sighting(site.url("/gallery/2")).context.startswith("Print 2")
    assert crawled.sighting(site.url("/shadow/1")).context.startswith("In the shadow")
    line = next(line for line in crawled.pages if line.url == site.url("/gallery.html"))
    assert [link.url for link in line.links] == [site.url("/further")]


@pytest.mark.long
def test_canvas_is_a_picture_unless_blank_or_copied(crawled: CrawlResult, site: Site) -> None:
    canvas_urls = [
        address for address in images_on(crawled, site, "/canvas.html") if address.startswith("data:image/png;sha-256=")
    ]
    assert len(canvas_urls) == 1
    sighting = crawled.sighting(canvas_urls[0])
    assert crawled.bytes_of(sighting).startswith(b"\x89PNG")


@pytest.mark.long
def test_endless_page_is_scrolled_to_a_limit(crawled: CrawlResult, site: Site) -> None:
    assert 8 < len(images_on(crawled, site, "/endless.html")) < 120


@pytest.mark.long
def test_page_with_endless_script_is_parsed_without_rendering(crawled: CrawlResult, site: Site) -> None:
    assert images_on(crawled, site, "/stuck.html") == {"/there.jpg": "img"}
    counts = crawled.end.counts
    assert (counts.unrendered, counts.rendered) == ({"no-answer": 1}, len(PICTURES) + len(EXTRA) - 1)
    assert counts.gained >= sum(PICTURES.values()) + 9
    assert counts.render_seconds > 0
