"""Test that every place of a page that refers to an image is read, with the words around it, and the links."""

from html import escape

import pytest
from hypothesis import given, strategies as st

from crawler.formats.job import Kind
from crawler.reading.document import MAX_URL_LENGTH, resolve_url
from crawler.reading.limits import MAX_FRAME_DEPTH, OmittedItem
from crawler.reading.webpage import parse_refresh, read_page
from exhibit.errors import RefusedError

PAGE_URL = "http://example.org/a/b.html"


def images(html: str) -> list[tuple[str, str]]:
    return [(image.url, image.found_in) for image in read_page(html, PAGE_URL).images]


def test_base_element_applies_to_every_url() -> None:
    assert images('<base href="/c/"><img src="i.jpg">') == [("http://example.org/c/i.jpg", "img")]


def test_repeated_image_is_listed_once_with_its_first_element() -> None:
    assert images('<a href="i.jpg"><img src="i.jpg" alt="x"></a>') == [("http://example.org/a/i.jpg", "a")]


def test_lazy_images_are_found_under_any_attribute_name() -> None:
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


def test_preloaded_style_sheet_is_a_style_sheet_and_lazy_frame_is_a_page() -> None:
    document = read_page("<link rel=preload as=style href=s.css><iframe data-src=f></iframe>", PAGE_URL)
    assert [*document.sheets, *(link.url for link in document.links)] == [
        "http://example.org/a/s.css",
        "http://example.org/a/f",
    ]


def test_srcdoc_frames_use_the_base_of_the_page_up_to_a_maximum_depth() -> None:
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
    for _ in range(MAX_FRAME_DEPTH):
        deep = framed(deep)
    assert images(deep) == [("http://example.org/a/9.jpg", "img")]
    assert read_page(framed(deep), PAGE_URL).left_out == {OmittedItem.FRAMES: 1}
    crowded = framed(f"<p {' '.join(f'a{n}' for n in range(2_000))}><img src=1.jpg>")
    assert images(crowded + "<img src=2.jpg>") == [("http://example.org/a/2.jpg", "img")]


@pytest.mark.parametrize("attribute", ["x{}", "x", "x{}=y", "x='{}>'", "<a", "x = 'y'"])
def test_tag_with_excessive_attributes_is_refused(attribute: str) -> None:
    def page(number: int) -> str:
        return f"<p><img src=i.jpg {' '.join(attribute.format(place) for place in range(number - 1))}></p>"

    assert images(page(1_000))
    with pytest.raises(RefusedError, match=r"1,?000"):
        read_page(page(1_001), PAGE_URL)


@pytest.mark.parametrize("aside", ["<script>{}</script>", "<!-- <table {} -->", "<style>{}", "<title>{}</title>"])
def test_tags_in_scripts_and_comments_are_ignored(aside: str) -> None:
    words = "for (i=0; i<n; i++) f(i); var d = [" + ", ".join(map(str, range(1_200))) + "];"
    read_page("<p>" + aside.format(words), PAGE_URL)


def test_first_base_element_with_a_valid_url_is_used() -> None:
    assert images('<base target="_blank"><base href="/c/"><img src="i.jpg">') == [("http://example.org/c/i.jpg", "img")]
    assert images('<base href="data:,x"><img src="i.jpg">') == [("http://example.org/a/i.jpg", "img")]


def test_video_source_is_not_an_image_and_picture_source_is() -> None:
    assert images('<video><source src="v.mp4"></video><picture><source srcset="p.webp"></picture>') == [
        ("http://example.org/a/p.webp", "picture")
    ]


def test_content_after_closing_html_tag_is_read() -> None:
    assert images("<html><body></body></html><img src='i.jpg'>") == [("http://example.org/a/i.jpg", "img")]


def test_links_include_pages_feeds_and_sitemaps_but_not_files() -> None:
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
def test_refresh_follows_html_standard_in_page_and_header(content: str, address: str | None) -> None:
    assert parse_refresh(content) == address
    to = resolve_url(PAGE_URL, address or "")
    page = f"<head><meta http-equiv=Refresh content='{escape(content)}'></head>"
    for document in (read_page(page, PAGE_URL), read_page("", PAGE_URL, refresh=content)):
        assert [link.url for link in document.links] == [to] * bool(to)


def test_noscript_refresh_uses_the_base_element_and_refresh_header_does_not() -> None:
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
def test_header_links_match_element_links(header: str, links: list[str]) -> None:
    assert [link.url for link in read_page("<base href=/b/>", PAGE_URL, link=header).links] == links


def test_preloaded_header_pictures_and_style_sheets_are_found() -> None:
    document = read_page("", PAGE_URL, link="</i.jpg>; rel=preload; as=image, </s.css>; rel=stylesheet")
    assert [image.url for image in document.images] == ["http://example.org/i.jpg"]
    assert document.sheets == ("http://example.org/s.css",)


def test_text_is_truncated_and_scripts_are_excluded() -> None:
    html = f"<script>var secret = 1</script><p>{'before ' * 200}</p><img src='i.jpg' alt='alt'><p>{'after ' * 200}</p>"
    (image,) = read_page(html, PAGE_URL).images
    assert len(image.context) <= 500
    assert image.context.startswith("alt ")
    assert "before" in image.context
    assert "after" in image.context
    assert "secret" not in image.context


@given(st.text(max_size=200), st.sampled_from(["", "<figure><figcaption>", "<picture><source srcset=", "<img src="]))
def test_parsing_any_text_as_page_raises_no_error(text: str, start: str) -> None:
    read_page(start + text, PAGE_URL)


@pytest.mark.long
def test_first_of_many_captions_applies_to_the_pictures_before_it() -> None:
    pictures = "".join(f"<img src={number}.jpg>" for number in range(20_000))
    images = read_page(f"<figure>{pictures}{'<figcaption>Words</figcaption>' * 20_000}</figure>", PAGE_URL).images
    assert len(images) == 20_000
    assert all(image.context.startswith("Words") for image in images)


@pytest.mark.long
@pytest.mark.parametrize("element", ["<a href=p{}>x</a>", "<img src=p{}.jpg>", "<link rel=stylesheet href=p{}.css>"])
def test_total_length_of_urls_with_a_long_base_is_limited(element: str) -> None:
    base = "http://example.org/" + "y" * (MAX_URL_LENGTH - 100)
    page = f"<base href='{base}/'>" + "".join(element.format(number) for number in range(16_000))
    document = read_page(page, PAGE_URL)
    addresses = [*(item.url for item in document.links), *(item.url for item in document.images), *document.sheets]
    assert 5_000 < len(addresses) < 10_000
    assert document.left_out == {OmittedItem.ADDRESSES: 16_000 - len(addresses)}
    assert addresses[0].startswith(base)
