"""Test that URLs are compared without session parameters, under well-known names and under site-specific names."""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, strategies as st

from crawler.crawling.detectors import remove_visitor_parameters
from tests.assets.crawling import crawl
from tests.assets.site import Answer, ReceivedRequest, Site

ID = "0f3a9c81d2b74e65"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"?id=3&PHPSESSID={ID}", "?id=3"),
        (f"?sid={ID}&id=3#part", "?id=3#part"),
        (f";jsessionid={ID}.node1?id=3", "?id=3"),
        (f"?osCsid={ID}", ""),
        (f"?session_id={ID}&b=2&a=1", "?b=2&a=1"),
        ("?sid=123e4567-e89b-12d3-a456-426614174000&t=7", "?t=7"),
        ("?s=canon-eos-5d-mark-iv-2023", "?s=canon-eos-5d-mark-iv-2023"),
        ("?session=2024-opening-keynote", "?session=2024-opening-keynote"),
        (f"?assess={ID}&s={ID}", f"?assess={ID}&s={ID}"),
        (f"?ASPSESSIONIDQQ={ID}&x", "?x"),
        ("?utm_source=news&utm_medium=mail&id=3&fbclid=IwAR0&gclid=Cj0", "?id=3"),
        ("?sid=4711", "?sid=4711"),
        ("?s=sunset-over-the-harbour", "?s=sunset-over-the-harbour"),
        ("?session=summer-school", "?session=summer-school"),
        (f"?photo={ID}", f"?photo={ID}"),
        ("?a=%2F&b=c+d&&", "?a=%2F&b=c+d&&"),
    ],
)
def test_only_session_parameters_are_removed(query: str, expected: str) -> None:
    assert remove_visitor_parameters(f"https://shop.example/item{query}") == f"https://shop.example/item{expected}"


def test_session_id_in_path_is_removed() -> None:
    session = "lit3py55t21z5v55vlm25s55"
    assert remove_visitor_parameters(f"https://a.example/(S({session}))/p.aspx") == "https://a.example/p.aspx"


@given(st.text(alphabet="a1/?&=;(S)-%#", max_size=60))
def test_url_normalisation_is_idempotent_for_any_input(text: str) -> None:
    cleaned = remove_visitor_parameters(f"https://a.example/{text}")
    assert cleaned.startswith("https://a.example/")
    assert remove_visitor_parameters(cleaned) == cleaned


class Shop:
    """A shop of 117 items whose every response sets a new session parameter, whatever the URL contained."""

    def __init__(self, site: Site, mark: Callable[[], str]) -> None:
        self._site, self._mark = site, mark
        for number in range(117):
            site.image(f"/i/{number}.jpg", number)
        site.fallback = self._respond

    def requested_items(self) -> list[int]:
        """Return the item numbers of the requested pages, in order."""
        matches = (re.match(r"/item\?(?:.*&)?id=(\d+)(?:&|$)", path) for path in self._site.requested_paths())
        return [int(match[1]) for match in matches if match]

    def _respond(self, request: ReceivedRequest) -> Answer:
        parts, mark = urlsplit(request.path), self._mark()
        if parts.path == "/item":
            number = int(parse_qs(parts.query)["id"][0])
            links = "".join(f'<a href="/item?id={(number + step) % 117}{mark}">x</a>' for step in range(1, 7))
            return Answer(f"<p>Print {number}</p><img src=/i/{number}.jpg>{links}".encode())
        if parts.path in ("/", "/list"):
            page = int(parse_qs(parts.query).get("page", ["0"])[0])
            goods = "".join(f'<a href="/item?id={n}{mark}">x</a>' for n in range(page * 10, min(117, page * 10 + 10)))
            lists = "".join(f'<a href="/list?page={n}{mark}">{n}</a>' for n in range(12))
            return Answer(f"<p>Prints {page}</p>{goods}{lists}".encode())
        return Answer(b"gone", status=404)


@pytest.mark.parametrize("name", ["x", "sid"])
def test_each_product_is_requested_once_despite_an_unknown_session_parameter(tmp_path: Path, name: str) -> None:
    random = Random(name)
    with Site() as site:
        shop = Shop(site, lambda: f"&{name}={random.getrandbits(64):016x}")
        crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}], limits={"pages": 130, "depth": 20})
        requested_items = shop.requested_items()
        starts = site.count_requests("/")
    assert (len(requested_items), len(set(requested_items))) == (117, 117)
    assert starts == (1 if name == "sid" else 2)


def test_constant_session_parameter_is_kept_in_urls(tmp_path: Path) -> None:
    with Site() as site:
        shop = Shop(site, lambda: "&edition=2026a7f3")
        crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}], limits={"pages": 20})
        requested_items = shop.requested_items()
        assert all("edition=2026a7f3" in path for path in site.requested_paths() if path.startswith("/item"))
    assert len(requested_items) == len(set(requested_items))


def test_product_parameter_with_a_single_random_value_is_not_a_session_id(tmp_path: Path) -> None:
    picks = iter(range(1_000))

    def start(_: ReceivedRequest) -> Answer:
        pick = f"a{next(picks) % 20:07x}"
        of_the_day = "".join(f'<a href="/{page}?photo={pick}">x</a>' for page in ("show", "zoom", "buy", "map", "send"))
        return Answer(f"{of_the_day}<a href=/all>all</a>".encode())

    with Site() as site:
        site.routes["/"] = start
        site.page("/all", "".join(f'<a href="/show?photo=a{n:07x}">x</a>' for n in range(20)))
        for n in range(20):
            site.page(f"/show?photo=a{n:07x}", f"<img src=/{n}.jpg>")
            site.image(f"/{n}.jpg", n)
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}], limits={"pages": 60, "depth": 5})
    assert len({sighting.digest for sighting in done.sightings}) == 20


def test_urls_are_kept_unchanged_when_the_second_request_to_detect_session_ids_fails(tmp_path: Path) -> None:
    answers = iter([200, 500, 500, 500, 500])

    def start(_: ReceivedRequest) -> Answer:
        links = "".join(f'<a href="/p/{n}?v=0f3a9c81">x</a>' for n in range(6))
        return Answer(links.encode(), status=next(answers))

    with Site() as site:
        site.routes["/"] = start
        for n in range(6):
            site.page(f"/p/{n}", f"<p>{n}</p>")
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url()}], politeness={"concurrency_per_host": 1})
    assert {urlsplit(page.url).query for page in done.pages} == {"", "v=0f3a9c81"}
    assert len(done.pages) == 7
