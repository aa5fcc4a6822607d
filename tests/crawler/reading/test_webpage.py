"""Test that every place of a page that refers to an image is read, with the words around it, and the links."""

from html import escape

import pytest
from hypothesis import given, strategies as st

from crawler.formats.job import Kind
from crawler.reading.found import MAX_ADDRESS, absolute
from crawler.reading.limits import FRAMES_DEEP, LeftOut
from crawler.reading.webpage import read_page, refresh_address
from exhibit.errors import RefusedError

PAGE_URL = "http://example.org/a/b.html"


def images(html: str) -> list[tuple[str, str]]:
    return [(image.url, image.found_in) for image in read_page(html, PAGE_URL).images]


def test_a_base_counts_for_every_address() -> None:
    assert images('<base href="/c/"><img src="i.jpg">') == [("http://example.org/c/i.jpg", "img")]


def test_an_image_that_is_named_twice_is_found_once_where_it_stands_first() -> None:
    assert images('<a href="i.jpg"><img src="i.jpg" alt="x"></a>') == [("http://example.org/a/i.jpg", "a")]


def test_lazy_images_are_found_whatever_their_attribute_is_called() -> None:
    html = '<img data-strange="1.webp"><img data-src="2"><img data-srcset="3 1x, 4 2x"><div data-bg="url(5)"></div>'
    assert [url.rpartition("/")[2] for url, _ in images(html)] == ["1.webp", "2", "4", "5"]


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ("<a data-src='1.jpg' href='p'>x</a>", ["1.jpg"]),
        ("<li data-thumb='/t/1.jpg'>", ["1.jpg"]),
        ("<section data-image-src='//cdn.example/1.jpg?w=9'>", ["1.jpg?w=9"]),
        ("<div data-hero-image='https://cdn.example/id/7'>", ["7"]),
        ("<div data-sub-html='<img src=\"/1.jpg\">'>", ["1.jpg"]),
        ("<div data-bgset='1.jpg 100w, 2.jpg 900w [(max-width: 9px)] | 3.jpg'>", ["2.jpg", "3.jpg"]),
        ('<div data-images=\'["a/1.jpg", "a/2.png"]\'>', ["1.jpg", "2.png"]),
        ("""<form data-variations='[{"image":{"src":"https:\\/\\/x.example\\/1.webp","w":"9"}}]'>""", ["1.webp"]),
        ("<ul data-slides='/1.jpg, /2.jpg'>", ["1.jpg", "2.jpg"]),
        ("<td background='1'>", ["1"]),
        ("<div poster='1.jpg'>", ["1.jpg"]),
        ("<my-picture image-src='/1.jpg' fallback='url(2.jpg)'>", ["1.jpg", "2.jpg"]),
        (
            "<video poster='thumb?id=1'></video><img data-thumb='pic?id=2'><img data-cfsrc='3'>",
            ["thumb?id=1", "pic?id=2", "3"],
        ),
        ("<body onload=\"MM_preloadImages('img/1.gif','img/2.gif')\">", ["1.gif", "2.gif"]),
        ("<img data-srcset='1.jpg?x=1|2 1x, 2.jpg 2x'>", ["2.jpg"]),
        ("<img data-src='//cdn.example/1_{width}x.jpg'>", ["1_1024x.jpg"]),
        ("<img data-src='/1_{size}.jpg' :src='/a.jpg' v-lazy='pic.jpg' placeholder='b.jpg' resource='/c.jpg'>", []),
        ("<input type=file accept='.jpg,.jpeg,.png'>", []),
        ("<a data-gallery='/gallery/1' data-image-id='/abc' data-topics='/x' data-photo-page='/p.html'>", []),
        ("<span itemprop='image' content='1'>", ["1"]),
        ("<a property='schema:image' href='/p/1'>", ["1"]),
        ("<noscript><img src=1.jpg></noscript>", ["1.jpg"]),
        ("<template><img src=1.jpg></template>", ["1.jpg"]),
        ("<meta name='sailthru.image.full' content='https://x.example/1.jpg'>", ["1.jpg"]),
        ("<p title='1.jpg' data-filename='2.jpg' data-image-width='600' data-image-title='a/b.jpg' class='x.png'>", []),
        ("<div data-url='/next' data-src='/fragment' data-background-color='#fff'>", []),
    ],
)
def test_images_are_found_in_any_attribute_of_any_element(element: str, expected: list[str]) -> None:
    assert [url.rpartition("/")[2] for url, _ in images(element)] == expected


def test_a_preloaded_sheet_is_a_sheet_and_a_late_frame_a_page() -> None:
    document = read_page("<link rel=preload as=style href=s.css><iframe data-src=f></iframe>", PAGE_URL)
    assert [*document.sheets, *(link.url for link in document.links)] == [
        "http://example.org/a/s.css",
        "http://example.org/a/f",
    ]


def test_a_frame_s_own_page_is_read_from_the_base_of_its_page_a_few_levels_deep() -> None:
    def framed(page: str) -> str:
        return f'<iframe srcdoc="{escape(page)}"></iframe>'

    inner = "<base href='/d/'><img src=2.jpg><a href=p>x</a>"
    page = f"<base href='/c/'>{framed('<img src=1.jpg>' + framed(inner))}<img src=3.jpg>"
    document = read_page(page, PAGE_URL)
    assert [image.url for image in document.images] == [
        f"http://example.org/{name}.jpg" for name in ("c/1", "d/2", "c/3")
    ]
    assert [image.url for image in document.links] == ["http://example.org/d/p"]
    deep = "<img src=9.jpg>"
    for _ in range(FRAMES_DEEP):
        deep = framed(deep)
    assert images(deep) == [("http://example.org/a/9.jpg", "img")]
    assert read_page(framed(deep), PAGE_URL).left_out == {LeftOut.FRAMES: 1}
    crowded = framed(f"<p {' '.join(f'a{n}' for n in range(2_000))}><img src=1.jpg>")
    assert images(crowded + "<img src=2.jpg>") == [("http://example.org/a/2.jpg", "img")]


@pytest.mark.parametrize("attribute", ["x{}", "x", "x{}=y", "x='{}>'", "<a", "x = 'y'"])
def test_a_tag_with_more_attributes_than_anybody_writes_is_refused(attribute: str) -> None:
    def page(number: int) -> str:
        return f"<p><img src=i.jpg {' '.join(attribute.format(place) for place in range(number - 1))}></p>"

    assert images(page(1_000))
    with pytest.raises(RefusedError, match=r"1,?000"):
        read_page(page(1_001), PAGE_URL)


@pytest.mark.parametrize("aside", ["<script>{}</script>", "<!-- <table {} -->", "<style>{}", "<title>{}</title>"])
def test_what_looks_like_a_tag_in_a_script_or_a_comment_is_none(aside: str) -> None:
    words = "for (i=0; i<n; i++) f(i); var d = [" + ", ".join(map(str, range(1_200))) + "];"
    read_page("<p>" + aside.format(words), PAGE_URL)


def test_the_first_base_with_an_address_counts_and_one_that_is_none_does_not() -> None:
    assert images('<base target="_blank"><base href="/c/"><img src="i.jpg">') == [("http://example.org/c/i.jpg", "img")]
    assert images('<base href="data:,x"><img src="i.jpg">') == [("http://example.org/a/i.jpg", "img")]


def test_a_video_source_is_no_image_and_a_picture_source_is() -> None:
    assert images('<video><source src="v.mp4"></video><picture><source srcset="p.webp"></picture>') == [
        ("http://example.org/a/p.webp", "picture")
    ]


def test_what_stands_behind_the_end_of_the_page_is_read_too() -> None:
    assert images("<html><body></body></html><img src='i.jpg'>") == [("http://example.org/a/i.jpg", "img")]


def test_links_are_pages_feeds_and_sitemaps_and_files_are_not() -> None:
    html = """<a href="p">p</a><a href="f.PDF?x">f</a><iframe src="frame"></iframe><a href="mailto:a@b">m</a>
      <link rel="alternate" type="application/rss+xml" href="feed"><link rel="sitemap" href="map">
      <meta http-equiv="refresh" content="0; url='moved'">"""
    links = {link.url.rpartition("/")[2]: link.kind for link in read_page(html, PAGE_URL).links}
    assert links == {"p": Kind.PAGE, "frame": Kind.PAGE, "feed": Kind.FEED, "map": Kind.SITEMAP, "moved": Kind.PAGE}


@pytest.mark.parametrize(
    ("content", "address"),
    [
        # The results of the steps in the HTML standard (4.2.5.3), branch by branch.
        ("0", ""),
        ("0;", ""),
        (" \t\n\f\r5 \t", ""),
        ("5 ; ", ""),
        ("0; /n", "/n"),
        ("0;/n", "/n"),
        ("0,/n", "/n"),
        ("0 , /n", "/n"),
        ("0 /n", "/n"),
        ("0\n/n", "/n"),
        ("0 url=/n", "/n"),
        ("0;url=/n", "/n"),
        ("0; URL = /n", "/n"),
        ("0;\tuRl\t=\t/n", "/n"),
        ("0; url='/n'", "/n"),
        ('0; url="/n"', "/n"),
        ("0; '/n'", "/n"),
        ("0; url='/n' more", "/n"),
        ("0; url='/n", "/n"),
        ("0; url='/n\"m'", '/n"m'),
        ("0; url=/n'm", "/n'm"),
        ("0; url=/n>m", "/n>m"),
        ("0; url=/a;b,c d", "/a;b,c d"),
        ("0; url", "url"),
        ("0; url /n", "url /n"),
        ("0; urls/n", "urls/n"),
        ("0; up/n", "up/n"),
        ("0; U/n", "U/n"),
        ("0; url=", ""),
        ("0; url=''", ""),
        ("0; url=url=/n", "url=/n"),
        ("0;; /n", "; /n"),
        ("0;,/n", ",/n"),
        (".5; /n", "/n"),
        (".; /n", "/n"),
        ("1.5.9; /n", "/n"),
        ("99999999999999999999; /n", "/n"),
        ("", None),
        (" ", None),
        ("; /n", None),
        ("url=/n", None),
        ("/n", None),
        ("-1; /n", None),
        ("+1; /n", None),
        ("x; /n", None),
        ("0x; /n", None),
        ("0/n", None),
        ("0:/n", None),
        ("\u0661; /n", None),
        ("\u00a00; /n", None),
        ("0\u00a0/n", None),
        ("0\v/n", None),
    ],
)
def test_a_refresh_leads_where_the_html_standard_says_in_a_page_as_in_the_header(
    content: str, address: str | None
) -> None:
    assert refresh_address(content) == address
    to = absolute(PAGE_URL, address or "")
    page = f"<head><meta http-equiv=Refresh content='{escape(content)}'></head>"
    for document in (read_page(page, PAGE_URL), read_page("", PAGE_URL, refresh=content)):
        assert [link.url for link in document.links] == [to] * bool(to)


def test_a_refresh_without_scripts_is_followed_and_counts_from_the_base_of_the_page_but_not_in_the_header() -> None:
    html = "<base href=/b/><noscript><meta http-equiv=refresh content='0;n'></noscript>"
    assert [link.url for link in read_page(html, PAGE_URL).links] == ["http://example.org/b/n"]
    assert [link.url for link in read_page("<base href=/b/>", PAGE_URL, refresh="0;n").links] == [
        "http://example.org/a/n"
    ]
    script = "<meta http-equiv=refresh content='0;url=javascript:go()'>"
    assert read_page(script, PAGE_URL, refresh="0;url=mailto:a@b").links == ()


@pytest.mark.parametrize(
    ("header", "links"),
    [
        ('<2>; rel="next"', ["http://example.org/a/2"]),
        ("<2>;rel=next,<0>; REL = prev", ["http://example.org/a/2", "http://example.org/a/0"]),
        ("</x;a,b>; title=\"a, b; <c>\"; rel='other'", []),
        ('</x;a,b>; title="a, <c>; d"; rel="start next"', ["http://example.org/x;a,b"]),
        ('<https://api.example/>; rel="https://api.w.org/", </p>; rel=canonical', ["http://example.org/p"]),
        ('</feed>; rel=alternate; type="application/rss+xml"', ["http://example.org/feed"]),
        ('</2>; rel=next; anchor="/other"', []),
        ("</2>; rel=prefetch", []),
        ("2; rel=next", []),
        ("<2; rel=next", []),
        ("<", []),
    ],
)
def test_links_of_the_header_are_those_of_the_element(header: str, links: list[str]) -> None:
    assert [link.url for link in read_page("<base href=/b/>", PAGE_URL, link=header).links] == links


def test_pictures_and_style_sheets_that_the_header_preloads_are_taken_up() -> None:
    document = read_page("", PAGE_URL, link="</i.jpg>; rel=preload; as=image, </s.css>; rel=stylesheet")
    assert [image.url for image in document.images] == ["http://example.org/i.jpg"]
    assert document.sheets == ("http://example.org/s.css",)


def test_words_are_cut_and_scripts_say_nothing() -> None:
    html = f"<script>var secret = 1</script><p>{'before ' * 200}</p><img src='i.jpg' alt='alt'><p>{'after ' * 200}</p>"
    (image,) = read_page(html, PAGE_URL).images
    assert len(image.context) <= 500
    assert image.context.startswith("alt ")
    assert "before" in image.context
    assert "after" in image.context
    assert "secret" not in image.context


@given(st.text(max_size=200), st.sampled_from(["", "<figure><figcaption>", "<picture><source srcset=", "<img src="]))
def test_any_page_can_be_read(text: str, start: str) -> None:
    read_page(start + text, PAGE_URL)


@pytest.mark.long
def test_many_captions_of_one_figure_are_for_the_pictures_before_the_first() -> None:
    pictures = "".join(f"<img src={number}.jpg>" for number in range(20_000))
    images = read_page(f"<figure>{pictures}{'<figcaption>Words</figcaption>' * 20_000}</figure>", PAGE_URL).images
    assert len(images) == 20_000
    assert all(image.context.startswith("Words") for image in images)


@pytest.mark.long
@pytest.mark.parametrize("element", ["<a href=p{}>x</a>", "<img src=p{}.jpg>", "<link rel=stylesheet href=p{}.css>"])
def test_a_long_base_address_is_not_repeated_without_end(element: str) -> None:
    base = "http://example.org/" + "y" * (MAX_ADDRESS - 100)
    page = f"<base href='{base}/'>" + "".join(element.format(number) for number in range(16_000))
    document = read_page(page, PAGE_URL)
    addresses = [*(item.url for item in document.links), *(item.url for item in document.images), *document.sheets]
    assert 5_000 < len(addresses) < 10_000
    assert document.left_out == {LeftOut.ADDRESSES: 16_000 - len(addresses)}
    assert addresses[0].startswith(base)
