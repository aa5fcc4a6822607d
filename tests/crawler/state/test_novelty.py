"""Test which repeated pages of generated sites a crawl skips, and that no image is lost."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from crawler.formats.job import Kind, Link
from crawler.formats.lines import PageLine, Refusal
from crawler.reading.document import compute_fingerprint
from crawler.state.novelty import (
    MAX_IDLE_PAGES,
    MIN_PAGES,
    MIN_WORDS,
    NoveltyTracker,
    compute_pattern,
    describe_skipped_pages,
    get_target_pattern,
)
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import Sighting

GeneratedSite = Iterator[tuple[str, Iterable[int]]]


def page_line(url: str, pictures: Iterable[int], text: str = "") -> PageLine:
    moment = now()
    sightings = tuple(
        Sighting(
            final_url=url,
            digest=Digest.from_bytes(str(number).encode()),
            size=1,
            media_type="image/jpeg",
            status=200,
            request_headers=(),
            response_headers=(),
            peer="",
            fetched_at=moment,
            page_url=url,
            image_url=f"http://a/{number}",
            found_in="img",
        )
        for number in pictures
    )
    return PageLine(
        url=url, final_url=url, kind=Kind.PAGE, depth=1, status=200, fetched_at=moment, text=text, sightings=sightings
    )


def visit_site(site: GeneratedSite) -> tuple[int, set[int]]:
    """Return how many pages of a site are visited, and the images on them."""
    novelty, count, pictures = NoveltyTracker(), 0, set[int]()
    for url, pictures_on_page in site:
        pattern = compute_pattern(url)
        if not novelty.should_skip(pattern):
            novelty.remember_page(page_line(url, pictures_on_page), pattern)
            count, pictures = count + 1, pictures | set(pictures_on_page)
    return count, pictures


def calendar() -> GeneratedSite:
    """Ten years of months, with a logo."""
    return ((f"http://a/calendar/{month // 12}/{month % 12 + 1:02}", [0]) for month in range(120))


def facets() -> GeneratedSite:
    """A shop of 2,000 images, the first 12 on a page, in six orders, by 20 colours and 8 sizes: 960 pages."""
    luck = random.Random(1)
    goods = [(luck.randrange(20), luck.randrange(8)) for _ in range(2_000)]
    for order, color, size in product(range(6), range(20), range(8)):
        fitting = [number for number, of in enumerate(goods) if of == (color, size)]
        yield f"http://a/shop?color={color}&size={size}&sort={order}", fitting[:: -1 if order % 2 else 1][:12]


def items() -> GeneratedSite:
    """A shop with a page for each of 5,000 images, and the same banner on each."""
    return ((f"http://a/item/{number}", [0, number + 1]) for number in range(5_000))


def archive() -> GeneratedSite:
    """An archive of 400 pages with one image each, four of five of them reprints, and empty pages after its end."""
    luck = random.Random(2)
    for page in range(1_000):
        new = 0 if page and luck.random() < 0.8 else page
        yield f"http://a/page/{page}", [] if page >= 400 else [new or luck.randrange(max(1, page))]


@pytest.mark.parametrize(("site", "pages"), [(calendar, 50), (facets, 340), (items, 5_000), (archive, 420)])
def test_endless_url_pattern_is_skipped_without_losing_pictures(site: object, pages: int) -> None:
    assert callable(site)
    every = {number for _, pictures_on_page in site() for number in pictures_on_page}
    count, pictures = visit_site(site())
    assert (count, pictures) == (pages, every)


def test_skipped_urls_are_counted_and_reported() -> None:
    novelty = NoveltyTracker()
    for url, pictures_on_page in calendar():
        if not novelty.should_skip(compute_pattern(url)):
            novelty.remember_page(page_line(url, pictures_on_page), compute_pattern(url))
    assert dict(novelty.skipped_pages) == {"a/calendar/#/#": 120 - MIN_PAGES}
    sentence = describe_skipped_pages("a/calendar/#/#", 70)
    assert sentence.values == {"pages": 70, "pattern": "a/calendar/#/#", "idle": MAX_IDLE_PAGES}


@pytest.mark.parametrize("why", [{"refusals": (Refusal("http://a/1", "timeout", ""),)}, {"not_modified": True}])
def test_page_with_pending_picture_does_not_lead_to_skipping_its_url_pattern(why: dict[str, Any]) -> None:
    novelty = NoveltyTracker()
    for _ in range(MIN_PAGES + MAX_IDLE_PAGES):
        line = replace(page_line("http://a/", []), **why)
        novelty.remember_page(line, "p")
    assert not novelty.should_skip("p")
    for _ in range(MAX_IDLE_PAGES):
        novelty.remember_page(page_line("http://a/", []), "p")
    assert novelty.should_skip("p")


@pytest.mark.parametrize(
    ("url", "pattern"),
    [
        ("http://a/calendar/2031/04", "a/calendar/#/#"),
        ("https://a:8000/page/9999/", "a:8000/page/#/"),
        ("http://a/shop?size=m&color=red&sort=", "a/shop?color&size&sort"),
        ("http://a/shop?color=red&color=blue&f[0]=x", "a/shop?color&f[#]"),
        ("http://a/?p=12", "a/?p"),
        ("http://a/photo/3f2a9c0d1b/large", "a/photo/#/large"),
        ("http://a/x/123e4567-e89b-12d3-a456-426614174000", "a/x/#"),
        ("http://a/v/dQw4w9WgXcQaBcDeFgHi1", "a/v/#"),
        ("http://a/the-great-wave-of-1831", "a/the-great-wave-of-#"),
        ("http://a/deadbeef/facade", "a/deadbeef/facade"),
        ("http://[a/", "http://[a/"),
    ],
)
def test_urls_of_one_template_share_a_pattern(url: str, pattern: str) -> None:
    assert compute_pattern(url) == pattern


WORDS = [f"word{number}" for number in range(300)]


def test_near_duplicate_page_without_new_picture_is_a_repetition() -> None:
    novelty = NoveltyTracker()
    text, nearly, other = (compute_fingerprint(words) for words in (WORDS, [*WORDS, "more"], WORDS[::-1]))
    assert text != other
    novelty.remember_page(page_line("http://a/1", [1], text), "")
    assert novelty.is_repeat(page_line("http://a/2", [1], nearly))
    assert novelty.is_repeat(page_line("http://a/2", [], text))
    assert not novelty.is_repeat(page_line("http://a/2", [1, 2], text))
    assert not novelty.is_repeat(page_line("http://a/2", [1], other))
    assert not novelty.is_repeat(page_line("http://a/2", [1], ""))


def test_short_page_is_a_repetition_only_without_new_links() -> None:
    novelty = NoveltyTracker()
    text = compute_fingerprint(WORDS)
    known_link, new_link = (Link(url=f"http://a/{name}", kind=Kind.PAGE, depth=2) for name in ("known", "fresh"))
    novelty.remember_page(novelty.remove_reported(replace(page_line("http://a/1", [], text), links=(known_link,))), "")
    page = page_line("http://a/2", [], text)
    assert novelty.is_repeat(replace(page, words=MIN_WORDS - 1, links=(known_link,)))
    assert not novelty.is_repeat(replace(page, words=MIN_WORDS - 1, links=(known_link, new_link)))
    assert novelty.is_repeat(replace(page, words=MIN_WORDS, links=(known_link, new_link)))


def test_list_page_is_not_a_repetition_while_it_links_to_active_patterns() -> None:
    novelty = NoveltyTracker()

    def of_list(number: int, path: str) -> PageLine:
        link = Link(url=f"http://a/{path}/{number}", kind=Kind.PAGE, depth=2)
        return replace(page_line(f"http://a/list/{number}", []), links=(link,))

    for number in range(MIN_PAGES + MAX_IDLE_PAGES):
        novelty.remember_page(of_list(number, "item"), "a/list/#")
    assert not novelty.should_skip("a/list/#")
    for number in range(MIN_PAGES):
        novelty.remember_page(page_line(f"http://a/item/{number}", []), "a/item/#")
    for number in range(MAX_IDLE_PAGES):
        assert not novelty.should_skip("a/list/#")
        novelty.remember_page(of_list(number, "item" if number % 2 else "list"), "a/list/#")
    assert novelty.should_skip("a/list/#")


@pytest.mark.parametrize(
    ("url", "depth", "pattern"),
    [
        ("http://a/day/3", 1, "a/day/#"),
        ("http://a/day/3", 0, ""),
        ("http://a/about-us", 1, ""),
        ("http://a/about?us", 1, "a/about?us"),
    ],
)
def test_explicit_or_unique_urls_have_no_pattern(url: str, depth: int, pattern: str) -> None:
    assert get_target_pattern(Link(url=url, kind=Kind.PAGE, depth=depth)) == pattern
    assert get_target_pattern(Link(url=url, kind=Kind.IMAGE, depth=depth)) == ""


@pytest.mark.parametrize(("bits", "repeats"), [(0, True), (1 << 63 | 1 << 20 | 1, True), (0xF << 30, False)])
def test_fingerprints_that_differ_in_three_bits_are_near_duplicates(*, bits: int, repeats: bool) -> None:
    novelty = NoveltyTracker()
    novelty.remember_page(page_line("http://a/1", [], f"{0x0123456789ABCDEF:016x}"), "")
    assert novelty.is_repeat(page_line("http://a/2", [], f"{0x0123456789ABCDEF ^ bits:016x}")) == repeats


def test_links_and_refusals_are_reported_once_except_on_retry() -> None:
    novelty = NoveltyTracker()
    refusals = Refusal("http://a/x.svg", "vector-image", ""), Refusal("http://a/i", "timeout", "")
    link = Link(url="http://a/2", kind=Kind.PAGE, depth=2)
    line = replace(page_line("http://a/", []), refusals=refusals, links=(link,))
    assert novelty.remove_reported(line) == line
    again = replace(refusals[0], reason="http-404")
    assert novelty.remove_reported(replace(line, refusals=(*refusals, again))) == replace(
        line, refusals=(refusals[1], again), links=()
    )
