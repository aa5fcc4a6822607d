import json

import pytest
from hypothesis import given, strategies as st

from crawler.reading import scripts
from crawler.reading.scripts import may_show_pictures
from crawler.reading.webpage import read_page

PAGE_URL = "http://example.org/a/b.html"
LONG = 100_000


def read_script_image_urls(html: str) -> list[str]:
    return [image.url for image in read_page(html, PAGE_URL).images if image.found_in == "script"]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("var all = ['1.jpg', \"/2.png?v=1\", `img/3.webp`];", ["a/1.jpg", "2.png?v=1", "a/img/3.webp"]),
        ("show({src: 'http:\\/\\/example.org\\/1.jpg', w: 9});", ["1.jpg"]),
        ('p = "\\u003cimg src=\\"\\/1.jpg\\"\\u003e"', ["1.jpg"]),
        ("q = '&quot;/1.jpg?a=1&amp;b=2&quot;'", ["1.jpg?a=1&b=2"]),
        ("url = '/thumbs/' + name + '.jpg'; big = name + '_large.jpg'; t = `/x/${name}.jpg`", []),
        ("s = '/a.jpg.html'; t = 'photo of a.jpg taken'; u = '*.jpg'; v = '.png'", []),
        ("if (file.endsWith('jpg')) {}", []),
        ('a = [{"title": "no.jpg", "alt":"no.jpg", "filename":"no.jpg", "src":"1.jpg"}]', ["a/1.jpg"]),
        ("a = base + '/no.jpg'; b = '/i/' + x + '/no.jpg'; c = '/%s.jpg'; d = '/:id.jpg'", []),
        ('push("\\\\\\"src\\\\\\":\\\\\\"/1.jpg\\\\\\",")', ["1.jpg"]),
        ("x = '&quot;&#" + "9" * 5_000 + ";/1.jpg'", []),
    ],
)
def test_script_pictures_are_found_and_url_fragments_are_ignored(script: str, expected: list[str]) -> None:
    assert read_script_image_urls(f"<script>{script}</script>") == [f"http://example.org/{name}" for name in expected]


def test_embedded_json_is_searched_by_key() -> None:
    value = {
        "props": {"hero": {"imageUrl": "https://cdn.example/id/1", "link": "https://shop.example/p/2"}},
        "galleryImages": [{"src": "/files/3", "width": 800}, {"src": "/my photo.jpg"}],
        "script": {"src": "/app.js"},
        "topics": ["/topics/politics"],
        "recovery": "/account/recovery",
    }
    page = f'<script id="__NEXT_DATA__" type="application/json">{json.dumps(value)}</script>'
    assert read_script_image_urls(page) == [
        "https://cdn.example/id/1",
        "http://example.org/files/3",
        "http://example.org/my%20photo.jpg",
    ]


def test_json_ld_is_parsed_by_json_ld_rules() -> None:
    assert read_script_image_urls('<script type="application/ld+json">{"logo": "/no.jpg"}</script>') == []


@pytest.mark.parametrize("piece", ["'a.jpg ", "'a/.jpg", '"', "\\u0022", "'x.jpg?", "[", '{"image":', "&quot;"])
def test_repeated_script_fragments_are_read_in_linear_time(piece: str) -> None:
    list(scripts.find_urls_in_text(piece * LONG))
    list(scripts.find_urls_in_json(piece * LONG))


@given(st.text(alphabet="'\"/.jpg[],:{}\\u002Fx&?", max_size=150))
def test_parsing_any_text_as_script_raises_no_error(text: str) -> None:
    list(scripts.find_urls_in_text(text))
    list(scripts.find_urls_in_json(text))


@pytest.mark.parametrize(
    ("script", "may"),
    [
        ("b.innerHTML = '<img src=' + name + '>'", True),
        ("document.createElement('img')", True),
        ('h("img",{attrs:{src:e}})', True),
        ("const one = new Image(); one.src = name", True),
        ("e.style.backgroundImage = f(name)", True),
        ("show('a' + number + '.jpg')", True),
        ("fetch('/more').then(show)", True),
        ("$('#x').load('/part.html')", True),
        ("import ('./gallery.js')", True),
        ("fetch('/more').then(show)" + " " * 40_000, False),
        ("var a = document.createElement('script'); a.src = 'b.js'", False),
        ("window.dataLayer = window.dataLayer || []", False),
        ("images.forEach(count)", False),
        ("", False),
    ],
)
def test_script_without_pictures_or_requests_is_recognised(script: str, *, may: bool) -> None:
    assert may_show_pictures(script) is may
