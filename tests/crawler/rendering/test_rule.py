"""Test which pages are rendered: the rule by itself, and with pages of both kinds as served."""

import pytest

from crawler.formats.job import Kind
from crawler.reading.document import Document, FoundImage
from crawler.reading.helper import parse_document
from crawler.rendering.renderer import RenderingHistory, count_pictures, is_worth_rendering
from tests.assets.scripted_pages import LOREM, SHELL, serve_complete, serve_scripted
from tests.assets.site import Answer, Site


def read_html(html: str) -> Document:
    return parse_document(
        html.encode(), Kind.PAGE, url="http://shop.example/", content_type="text/html", token="ExhibitBot"
    )


def read_served(site: Site, path: str) -> Document:
    answer = site.routes[path]
    assert isinstance(answer, Answer)
    return read_html(answer.body.decode())


def test_script_generated_pages_are_recognised() -> None:
    with Site() as site:
        scripted, whole = serve_scripted(site), serve_complete(site)
        assert [path for path in scripted if not is_worth_rendering(read_served(site, path), RenderingHistory())] == []
        assert [path for path in whole if is_worth_rendering(read_served(site, path), RenderingHistory())] == []


@pytest.mark.parametrize(
    ("body", "worth"),
    [
        ('<div id="__next"></div><script src=a.js></script>' + LOREM, True),
        ('<div id="__next"><p>Hi</p></div><script src=a.js></script>' + LOREM, False),
        ('<div id="root"><div class="spinner"></div></div><script src=a.js></script>' + LOREM, True),
        ('<div id="root"><img src=1.jpg></div><script src=a.js></script>' + LOREM, False),
        ('<div id="root"><img src=/logo.svg><p>Loading …</p></div><script src=a.js></script>' + LOREM, True),
        ('<div id="app"><img src="data:image/gif;base64,R0lGOD"></div><script src=a.js></script>' + LOREM, True),
        ('<div id="app"><p>正在加载，请稍候</p></div><script src=a.js></script>' + LOREM, True),
        ('<div id="app"><p>We load lorries.</p>' + LOREM + "</div><script src=a.js></script>", False),
        ("<app-root></app-root><script src=a.js></script>" + LOREM, True),
        ("<noscript>Please enable JavaScript.</noscript>" + LOREM, True),
        ("<noscript><img src=count.gif></noscript>" + LOREM, False),
        ("<script src=a.js></script>" * 4 + LOREM, True),
        ("<script src=a.js></script>" * 3 + LOREM, False),
        ("<script>add(`<img src=${name}>`)</script>" + LOREM, True),
        ("<script type=text/template><IMG src='{{name}}'></script>" + LOREM, True),
        ("<script>add('background-image: url(' + name + ')')</script>" + LOREM, True),
        ("<script>add('background: black')</script>" + LOREM, False),
        ("<img src=1.jpg>" + "<script src=a.js></script>" * 9 + LOREM, False),
        ("<img src=1.jpg><script src=a.js></script><p>Loading</p>", True),
        ("<img src=1.jpg><img src=2.jpg><script src=a.js></script><p>Loading</p>", True),
        ("<img src=1.jpg><img src=2.jpg><img src=3.jpg><script src=a.js></script><p>Loading</p>", False),
        ("<img src=1.jpg><script src=a.js></script>" + LOREM, False),
        ("<img src=1.jpg><script>count()</script><p>Loading</p>", False),
        ("<header><img src=1.jpg></header>" + "<script src=a.js></script>" * 4 + LOREM, True),
        ("<nav><img src=1.jpg></nav>" + LOREM + "<footer><img src=2.jpg></footer><script></script>" * 4, True),
        ("<img src=img/site-logo_2.png><img src=/spinner.gif>" + "<script src=a.js></script>" * 4 + LOREM, True),
        ("<main><header><img src=1.jpg></header></main>" + "<script src=a.js></script>" * 4 + LOREM, False),
        ("<img src=/logos/1.jpg><img src=lexicon.jpg>" + "<script src=a.js></script>" * 4 + LOREM, False),
        ("<div id=root><img src=spinner.gif></div><script>add(`<img src=${name}>`)</script>" + LOREM, True),
        ("<script type=application/ld+json>{}</script>" * 9 + LOREM, False),
        ("<script src=a.js></script><p>Loading</p>", True),
        ("<p>Nothing here</p>", False),
        ("<noscript>Enable JavaScript</noscript><img src=1.jpg><img src=2.jpg><img src=3.jpg>", False),
        ("<noscript>Enable JavaScript</noscript><img src=1.svg><img src=2.svg><img src=3.jpg>", True),
        ("<noscript>Enable JavaScript</noscript>" + "<img src='data:image/gif;base64,R0lGOD%d'>" * 4, True),
    ],
)
def test_page_with_few_pictures_is_rendered_when_scripts_build_it(body: str, *, worth: bool) -> None:
    assert is_worth_rendering(read_html(SHELL.format(body, "")), RenderingHistory()) is worth


def test_earlier_rendering_results_of_a_host_decide_which_pages_are_rendered() -> None:
    images = tuple(FoundImage(f"http://shop.example/{n}.jpg", "img") for n in range(9))
    plain = Document(images=images, characters=4_000, scripts=1)
    scripted = Document(needs_scripts=True)
    assert not is_worth_rendering(plain, RenderingHistory())
    assert is_worth_rendering(plain, RenderingHistory(rendered_pages=1, gaining_pages=1))
    assert is_worth_rendering(scripted, RenderingHistory(rendered_pages=2, gaining_pages=0))
    assert not is_worth_rendering(scripted, RenderingHistory(rendered_pages=3, gaining_pages=0))
    filled = Document(images=images[:2], characters=9, scripts=1, script_urls=("http://shop.example/a.js",))
    assert is_worth_rendering(filled, RenderingHistory())
    assert not is_worth_rendering(filled, RenderingHistory(rendered_pages=1, gaining_pages=0))
    assert is_worth_rendering(plain, RenderingHistory(rendered_pages=4, gaining_pages=1))
    assert not is_worth_rendering(plain, RenderingHistory(rendered_pages=5, gaining_pages=1))


def test_ambiguous_pages_are_rendered_again_only_if_the_first_added_pictures() -> None:
    short, busy = Document(scripts=1, characters=9), Document(scripts=9, characters=4_000)
    for document in (short, busy):
        assert is_worth_rendering(document, RenderingHistory())
        assert not is_worth_rendering(document, RenderingHistory(rendered_pages=1, gaining_pages=0))
        assert is_worth_rendering(document, RenderingHistory(rendered_pages=1, gaining_pages=1))


def test_page_without_scripts_is_never_rendered() -> None:
    assert not is_worth_rendering(Document(), RenderingHistory(rendered_pages=4, gaining_pages=4))


def test_drawn_canvas_does_not_count_as_a_picture_added_by_rendering() -> None:
    document = Document(images=(FoundImage("data:image/png;base64,AAAA", "rendered"),))
    assert count_pictures(document) == 0
