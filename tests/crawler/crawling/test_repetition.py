"""Test which pages a crawl visits and reports on sites whose pages repeat or never end."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from crawler.formats.lines import RefusalLine
from tests.assets.crawling import WORDS, crawl
from tests.assets.site import Answer, ReceivedRequest, Site


def test_endless_calendar_is_skipped_and_the_rest_of_the_site_is_crawled(tmp_path: Path) -> None:
    with Site() as site:
        months = "".join(f'<a href="/calendar/{n // 12}/{n % 12}">{n}</a>' for n in range(300))
        items = "".join(f'<a href="/item/{n}">{n}</a>' for n in range(60))
        site.page("/", months + items)
        for n in range(300):
            site.page(f"/calendar/{n // 12}/{n % 12}", f"<p>Nothing on day {n}</p><img src=/logo.jpg>")
        for n in range(60):
            site.page(f"/item/{n}", f"<img src=/logo.jpg><img src=/i/{n}.jpg>")
            site.image(f"/i/{n}.jpg", n)
        site.image("/logo.jpg", 1_000)
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}], limits={"pages": 200})
    pages = [urlsplit(page.url).path for page in done.pages]
    assert sum(path.startswith("/item/") for path in pages) == 60
    visited = sum(path.startswith("/calendar/") for path in pages)
    assert 50 <= visited <= 54  # including four that were in progress
    (refusal,) = (line for line in done.lines if isinstance(line, RefusalLine))
    pattern = f"127.0.0.1:{site.port}/calendar/#/#"
    assert (refusal.url, refusal.reason) == (pattern, "repetitive")
    assert all(value in refusal.sentence for value in (str(300 - visited), pattern))
    assert done.end.counts.refused["repetitive"] == 300 - visited
    assert done.end.reason == "finished"
    assert max(place for place, path in enumerate(pages) if "item" in path) < 130  # item pages had their turns


def test_explicit_targets_are_visited_even_without_new_pictures(tmp_path: Path) -> None:
    with Site() as site:
        for n in range(90):
            site.page(f"/day/{n}", f"<p>{WORDS}</p>")
        urls = [site.url(f"/day/{n}") for n in range(90)]
        done = crawl(tmp_path, sources=[{"kind": "list", "urls": urls}])
    assert sorted(page.url for page in done.pages) == sorted(urls)
    assert done.refusals == {}


def test_duplicate_page_is_reported_and_its_links_are_not_followed(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", "<a href=/a>a</a><a href=/b>b</a><a href=/c>c</a>")
        site.page("/a", f"<p>{WORDS}</p><img src=/i.jpg><a href=/from-a>on</a>")
        site.page("/b", f"<p>{WORDS}</p><img src=/i.jpg><a href=/from-b>on</a>")
        site.page("/c", f"<p>{WORDS}</p><img src=/j.jpg><a href=/from-c>on</a>")
        site.image("/i.jpg", 1)
        site.image("/j.jpg", 2)
        for name in "abc":
            site.page(f"/from-{name}", f"<p>from {name}")
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}], politeness={"concurrency_per_host": 1})
        requested_paths = site.requested_paths()
    assert done.refusals == {site.url("/b"): "near-duplicate"}
    assert {"/from-a", "/from-c"} < set(requested_paths)
    assert "/from-b" not in requested_paths
    assert len(done.sightings) == 3


def _respond_to_all(html: str) -> Callable[[ReceivedRequest], Answer]:
    return lambda _: Answer(html.encode())


@pytest.mark.parametrize("text", ["Photo", WORDS], ids=["few words", "many words"])
def test_gallery_with_repeated_text_and_different_pictures_is_complete(tmp_path: Path, text: str) -> None:
    with Site() as site:
        page = "<title>Photo</title><p>{}</p><img src=/logo.jpg><img src=/i/{}.jpg><a href=/photo/{}>next</a>"
        site.image("/logo.jpg", 1_000)
        for n in range(80):
            site.page(f"/photo/{n}", page.format(text, n, n + 1))
            site.image(f"/i/{n}.jpg", n)
        site.page("/empty", f"<p>{text}</p>")
        site.page("/", f"<p>{text}</p><a href=/photo/0>begin</a><a href=/empty>x</a>")
        site.fallback = _respond_to_all(f"<p>{text}</p><img src=/logo.jpg>")
        site.routes["/robots.txt"] = Answer(status=404)
        source = {"kind": "site", "url": site.url()}
        done = crawl(tmp_path, sources=[source], limits={"depth": 99, "pages": 200})
    assert {site.url(f"/i/{n}.jpg") for n in range(80)} < {sighting.image_url for sighting in done.sightings}
    assert len({sighting.page_url for sighting in done.sightings}) >= 80


def test_picture_on_many_pages_is_recorded_for_each_page_and_its_refusal_reported_once(tmp_path: Path) -> None:
    with Site() as site:
        sheet = "a{background:url(/i/css.jpg)}" + "".join(f".i{n}{{background:url(/{n}.svg)}}" for n in range(30))
        site.routes["/s.css"] = Answer(sheet.encode(), "text/css")
        site.image("/i/css.jpg")
        site.image("/i/img.jpg", 2)
        data = "data:image/svg+xml;base64,PHN2Zy8+"
        for n in range(4):
            images = f'<img src="{data}"><img src=/x.svg><img src=/i/img.jpg>'
            site.page(f"/{n}", f"<link rel=stylesheet href=/s.css>{images}<a href=/{n + 1}>on</a>")
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url("/0")}], limits={"depth": 9})
    first, *other_pages = done.pages
    assert len(first.refusals) == 32
    assert [page.refusals for page in other_pages] == [()] * 3
    sightings = {(sighting.page_url, sighting.image_url, sighting.found_in) for sighting in done.sightings}
    assert sightings == {
        (site.url(f"/{n}"), site.url(path), place)
        for n in range(4)
        for path, place in (("/i/css.jpg", "css"), ("/i/img.jpg", "img"))
    }


@pytest.mark.parametrize("words", ["Photos Next Previous Imprint", " ".join(WORDS.split()[:30])], ids=["few", "some"])
def test_links_of_list_pages_with_identical_text_are_all_followed(tmp_path: Path, words: str) -> None:
    with Site() as site:
        for page in range(12):
            links = "".join(f"<a href=/photo?id={page}-{n}></a>" for n in range(3))
            site.page(f"/list?page={page}", f"<p>{words}</p><a href=/list?page={page + 1}></a>{links}")
            for n in range(3):
                site.page(f"/photo?id={page}-{n}", f"<img src=/i/{page}-{n}.jpg>")
                site.image(f"/i/{page}-{n}.jpg", 10 * page + n)
        source = {"kind": "site", "url": site.url("/list?page=0")}
        done = crawl(tmp_path, sources=[source], limits={"depth": 99})
    assert len({sighting.image_url for sighting in done.sightings}) == 36
    assert "near-duplicate" not in done.refusals.values()


def test_long_list_without_pictures_is_crawled_completely(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", "".join(f"<a href=/list?page={page}>{page}</a>" for page in range(90)))
        for page in range(90):
            site.page(f"/list?page={page}", f"<a href=/photo/{page}>Photo {page}</a>")
            site.page(f"/photo/{page}", f"<img src=/i/{page}.jpg>")
            site.image(f"/i/{page}.jpg", page)
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url("/")}])
    assert len({sighting.image_url for sighting in done.sightings}) == 90
    assert done.end.counts.refused.get("repetitive", 0) == 0


def test_endless_pages_without_pictures_terminate(tmp_path: Path) -> None:
    """Test a calendar in which days link to the next day and their month, months to the next month and their days."""

    def day(request: ReceivedRequest) -> Answer:
        *_, year, month, of_month = request.path.split("/")
        later = f"<a href=/day/{year}/{month}/{int(of_month) + 1}>on</a>"
        return Answer(f"{later}<a href=/month/{year}/{int(month) + 1}>x</a>".encode())

    def month(request: ReceivedRequest) -> Answer:
        *_, year, number = request.path.split("/")
        days = "".join(f"<a href=/day/{year}/{number}/{n}>{n}</a>" for n in range(1, 29))
        return Answer(f"{days}<a href=/month/{year}/{int(number) + 1}>on</a>".encode())

    with Site() as site:
        site.page("/", "<a href=/month/2031/1>calendar</a>")
        site.fallback = lambda request: (day if request.path.startswith("/day/") else month)(request)
        site.routes["/robots.txt"] = Answer(status=404)
        source = {"kind": "site", "url": site.url("/")}
        done = crawl(tmp_path, sources=[source], limits={"depth": 999, "pages": 1000})
    assert done.end.reason == "finished"
    assert len(done.pages) < 250
