"""Test which words on a page are about an image, and not about its neighbours."""

import time
from contextlib import suppress

import pytest

from crawler.reading.helper import CPU_SECONDS
from crawler.reading.page_statements import read_statements
from exhibit.errors import RefusedError

OWN_PICTURE = "http://shop.example/img/banner.jpg?w=800"
CC = '<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>'


def map_statements_to_nearness(page: str, url: str = OWN_PICTURE) -> dict[str, bool]:
    """Map each statement on the page, by name or kind, to whether it is next to the image."""
    return {
        statement.name or str(statement.what): statement.near
        for statement in read_statements(page.encode(), url).statements
    }


@pytest.mark.parametrize(
    "neighbour",
    [
        '<p><img src="/o_pexels-photo-41.jpg"></p>',
        '<p><img src="/1.jpg" alt="A lake, by Pexels"></p>',
        '<img data-src="/1.webp" srcset="/pexels-1.webp 1x, /pexels-2.webp 2x">',
        '<a href="https://pexels.com/photo-41.jpg" title="Pexels">more</a>',
        '<div style="background:url(/pexels-1.png)"></div>',
        f'<figure><img src="/1.jpg"><figcaption>Photo: Pexels, {CC}</figcaption></figure>',
        f'<div class="card"><p>Photo: Pexels, {CC}</p><img src="/1.jpg"></div>',
        f'<ul><li><img src="/1.jpg"> Pexels {CC}<li><img src="/2.jpg"></ul>',
        f'<img src="/1.jpg"><br>Photo: Pexels, {CC}<br>',
        '<script type="application/ld+json">{"a":[{"contentUrl":"/1.jpg","creditText":"Pexels"}]}</script>',
    ],
)
@pytest.mark.parametrize("page", ["{0}{1}", "{1}{0}"])
def test_statement_about_other_picture_is_ignored(neighbour: str, page: str) -> None:
    own_picture = '<div><img src="/img/banner.jpg" alt="Our banner"></div>'
    assert (
        map_statements_to_nearness(f"<html><body><h1>Blog</h1>{page.format(neighbour, own_picture)}</body></html>")
        == {}
    )


@pytest.mark.parametrize(
    "page",
    [
        '<img src="/1.jpg"><p><img src="/img/banner.jpg" alt="Pexels"></p>',
        '<img src="/1.jpg"><figure><img src="/img/banner.jpg"><img src="/i.png"><p>Pexels</p></figure>',
        '<img src="/1.jpg"><div><p>Photo: Pexels</p><img src="/img/banner.jpg"></div>',
        '<img src="/1.jpg"><img src="/img/banner.jpg"><br>Photo: Pexels<br><img src="/2.jpg">',
        '<p>Photo: Pexels</p><img src="/img/banner.jpg"><img src="/2.jpg">',
        '<img src="/1.jpg"><picture><source srcset="/b.webp" title="Pexels"><img src="/img/banner.jpg"></picture>',
        '<img src="/1.jpg"><a href="/large-pexels.jpg"><img src="/img/banner.jpg"></a>',
        '<script>[{"url":"/img/banner.jpg","by":"Pexels"},{"url":"/1.jpg"}]</script><img src="/img/banner.jpg">',
    ],
)
def test_statement_next_to_the_picture_applies_to_the_picture(page: str) -> None:
    assert map_statements_to_nearness(page)["Pexels"] is True


def test_source_is_recognised_from_the_file_name_of_the_picture() -> None:
    assert map_statements_to_nearness(
        '<img src="/a.jpg"><img src="/pexels-photo-1.jpg">', "http://a.example/pexels-photo-1.jpg"
    ) == {"Pexels": True}


@pytest.mark.parametrize(
    ("src", "url"),
    [
        ("/img/größe 1.jpg", "http://a.example/img/gr%C3%B6%C3%9Fe%201.jpg"),
        ("/_next/image?url=%2Fa.jpg&amp;w=640", "http://a.example/_next/image?url=%2Fa.jpg&w=640"),
        ("11.jpg", "http://a.example/11.jpg"),
    ],
)
def test_picture_is_recognised_in_any_spelling_of_its_url(src: str, url: str) -> None:
    other_pictures = '<p><img src="/1.jpg" alt="Alamy"></p><p><img src="/image" alt="iStock"></p>'
    assert map_statements_to_nearness(f'<p><img src="{src}" alt="Pexels"></p>{other_pictures}', url) == {"Pexels": True}


def test_licence_statement_applies_to_the_page_if_the_picture_is_not_found() -> None:
    assert map_statements_to_nearness(f'<p><img src="/1.jpg">{CC}</p>')["BY 4.0"] is False


def test_licence_below_other_pictures_may_belong_to_page() -> None:
    strip = '<div class="strip"><img src="/1.jpg"><img src="/2.jpg"></div>'
    assert map_statements_to_nearness(f'<main><img src="/img/banner.jpg">{strip}<p>{CC}</p></main>') == {
        "BY 4.0": False
    }


def test_licence_badge_in_the_footer_applies_to_the_page_and_is_not_a_picture() -> None:
    badge = f'{CC[:-13]}<img src="https://i.creativecommons.org/l/by/4.0/88x31.png"></a>'
    rest = '<div><img src="/img/banner.jpg"></div><div><img src="/1.jpg"></div>' + "x" * 2_000
    for footer in (
        f"<footer><img src=/logo.png>Photos from Unsplash {badge}</footer>",
        f'<div id="page-footer">{badge}</div>',
    ):
        statements = map_statements_to_nearness(rest + footer)
        assert statements.pop("BY 4.0") is False
        assert not any(statements.values())


@pytest.mark.parametrize(
    "part",
    ["<div>", "<a href=x.jpg>", "<", "{", "<script>{", '<img src="/img/banner.jpg">Pexels', "</p>", "<b><i></b>"],
)
def test_page_layout_is_read_quickly(part: str) -> None:
    page = part * (250_000 // len(part)) + "CC BY 4.0 Pexels " * 10_000
    start = time.thread_time()
    with suppress(RefusedError):  # a tag of far too many attributes
        map_statements_to_nearness(page)
    assert time.thread_time() - start < CPU_SECONDS / 2


@pytest.mark.parametrize("part", ["a.", "a.jpg", "(((((.jpg", "x.jpg.jpg"])
def test_script_is_read_in_linear_time(part: str) -> None:
    """Test that a script takes linear time.

    Up to 2,000 characters were once rescanned from every character of a run.
    """

    def cost(size: int) -> float:
        script = part * (size // len(part))
        start = time.thread_time()
        map_statements_to_nearness(f'<img src="/img/banner.jpg"><script>{{{script}}}</script> Pexels')
        return time.thread_time() - start

    assert min(cost(400_000) for _ in range(2)) < 2.0  # 80 µs a byte would take 32 s
