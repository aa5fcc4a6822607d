"""Reading documents: pages, sheets, srcsets, sitemaps, feeds, first bytes."""

import gzip
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.formats.job import Kind
from crawler.reading import css
from crawler.reading.feeds import read_feed, read_sitemap
from crawler.reading.found import absolute, plain
from crawler.reading.sniff import Content, sniff
from crawler.reading.srcset import candidates_of, largest_of
from crawler.reading.webpage import read_page
from exhibit.errors import RefusedError
from tests.assets.site import picture

HERE = "http://example.org/a/b.html"


def images(html: str) -> list[tuple[str, str]]:
    return [(one.url, one.found_in) for one in read_page(html, HERE).images]


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("c.jpg", "http://example.org/a/c.jpg"),
        ("/c.jpg#part", "http://example.org/c.jpg"),
        ("//other.example/c.jpg", "http://other.example/c.jpg"),
        (" c d.jpg\n", "http://example.org/a/c%20d.jpg"),
        ("?q=1", "http://example.org/a/b.html?q=1"),
        ("data:image/png;base64,AA==", "data:image/png;base64,AA=="),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("", ""),
        ("#top", ""),
        ("javascript:alert(1)", ""),
        ("mailto:a@example.org", ""),
        ("blob:http://example.org/1", ""),
        ("http://[bad/", ""),
    ],
)
def test_an_address_is_made_absolute_or_nothing(address: str, url: str) -> None:
    assert absolute(HERE, address) == url


@pytest.mark.parametrize(
    ("srcset", "largest"),
    [
        ("a.jpg", "a.jpg"),
        ("a.jpg 1x, b.jpg 2x", "b.jpg"),
        ("a.jpg 300w, b.jpg 1200w, c.jpg 600w", "b.jpg"),
        ("a.jpg,b.jpg 2x", "a.jpg,b.jpg"),
        ("a.jpg, b.jpg 1.5x", "b.jpg"),
        ("a,b.jpg 2x, c.jpg", "a,b.jpg"),
        ("data:image/png;base64,AA== 1x, b.jpg 2x", "b.jpg"),
        ("a.jpg 100w 50h (weird, thing), b.jpg 200w", "b.jpg"),
        ("  ,, ", ""),
        ("", ""),
    ],
)
def test_the_largest_candidate_of_a_srcset_is_taken(srcset: str, largest: str) -> None:
    assert largest_of(srcset) == largest


@given(st.text(alphabet="a, 1wx.()\n\t", max_size=80))
def test_any_srcset_can_be_read(text: str) -> None:
    for url, size in candidates_of(text):
        assert url
        assert size >= 0


@pytest.mark.parametrize(
    ("sheet", "found"),
    [
        ("a{background:url(b.jpg)}", ["b.jpg"]),
        ("a{background:URL( 'b c.jpg' )}", ["b c.jpg"]),
        ('a{background:url("b\\)c.jpg")}', ["b)c.jpg"]),
        ("a{background:image-set('b.jpg' 1x, url(c.jpg) 2x)}", ["b.jpg", "c.jpg"]),
        ("/* url(no.jpg) */ a{background:url(b.jpg), url(b.jpg)}", ["b.jpg"]),
        ("@font-face{src:url(font)} a{background:url(b.jpg)}", ["b.jpg"]),
        ("@media print{@font-face{src:url(font)} a{background:url(b.jpg)}}", ["b.jpg"]),
        ("@import url(c.css); a{background:url(b.jpg)}", ["b.jpg"]),
        ("a{src:url(f.woff2?x#y)}", []),
        ("a{background:url(data:image/png;base64,AA==)}", ["data:image/png;base64,AA=="]),
        ("a{content:'}';background:url(b.jpg)}", ["b.jpg"]),
        ("background-image:url(b.jpg);color:red", ["b.jpg"]),
        ("a{color:red}", []),
    ],
)
def test_images_of_a_sheet_are_found_and_fonts_are_not(sheet: str, found: list[str]) -> None:
    assert css.images_of(sheet) == found


def test_imported_sheets_are_found() -> None:
    sheet = "@import 'a.css'; @IMPORT url(b.css) screen; @import url(\"c.css\"); /* @import 'd.css'; */ a{}"
    assert css.imports_of(sheet) == ["a.css", "b.css", "c.css"]


@given(st.text(alphabet="url(')\"\\;{}@import/*: a", max_size=120))
def test_any_sheet_can_be_read(text: str) -> None:
    css.images_of(text)
    css.imports_of(text)


def test_a_base_counts_for_every_address() -> None:
    assert images('<base href="/c/"><img src="i.jpg">') == [("http://example.org/c/i.jpg", "img")]


def test_an_image_that_is_named_twice_is_found_once_where_it_stands_first() -> None:
    assert images('<a href="i.jpg"><img src="i.jpg" alt="x"></a>') == [("http://example.org/a/i.jpg", "a")]


def test_lazy_images_are_found_whatever_their_attribute_is_called() -> None:
    html = '<img data-strange="1.webp"><img data-src="2"><img data-srcset="3 1x, 4 2x"><div data-bg="url(5)"></div>'
    assert [url.rpartition("/")[2] for url, _ in images(html)] == ["1.webp", "2", "4", "5"]


def test_a_video_source_is_no_image_and_a_picture_source_is() -> None:
    assert images('<video><source src="v.mp4"></video><picture><source srcset="p.webp"></picture>') == [
        ("http://example.org/a/p.webp", "picture")
    ]


def test_what_stands_behind_the_end_of_the_page_is_read_too() -> None:
    assert images("<html><body></body></html><img src='i.jpg'>") == [("http://example.org/a/i.jpg", "img")]


def test_structured_data_is_searched_to_its_depth_and_broken_data_left_out() -> None:
    html = """<script type="application/ld+json">{"@graph": [{"image": ["1.jpg", {"url": "2.jpg", "caption": "Two"}]},
      {"@type": ["Thing", "ImageObject"], "contentUrl": "3.jpg"},
      {"image": {"@id": "4.jpg"}, "logo": "no.jpg"}]}</script>
      <script type="application/ld+json">{"image": "5.jpg",}</script><script type="APPLICATION/LD+JSON">[[[</script>
      <script type="application/ld+json">"text"</script>"""
    found = read_page(html, HERE).images
    names = {one.url.rpartition("/")[2] for one in found if one.found_in == "json-ld"}
    assert names >= {"1.jpg", "2.jpg", "3.jpg", "4.jpg"}
    assert next(one.context for one in found if one.url.endswith("2.jpg")).startswith("Two")
    assert not any("no.jpg" in one.url for one in found)


def test_links_are_pages_feeds_and_sitemaps_and_files_are_not() -> None:
    html = """<a href="p">p</a><a href="f.PDF?x">f</a><iframe src="frame"></iframe><a href="mailto:a@b">m</a>
      <link rel="alternate" type="application/rss+xml" href="feed"><link rel="sitemap" href="map">
      <meta http-equiv="refresh" content="0; url='moved'">"""
    links = {one.url.rpartition("/")[2]: one.kind for one in read_page(html, HERE).links}
    assert links == {"p": Kind.PAGE, "frame": Kind.PAGE, "feed": Kind.FEED, "map": Kind.SITEMAP, "moved": Kind.PAGE}


def test_words_are_cut_and_scripts_say_nothing() -> None:
    html = f"<script>var secret = 1</script><p>{'before ' * 200}</p><img src='i.jpg' alt='alt'><p>{'after ' * 200}</p>"
    (image,) = read_page(html, HERE).images
    assert len(image.context) <= 500
    assert image.context.startswith("alt ")
    assert "before" in image.context
    assert "after" in image.context
    assert "secret" not in image.context


@given(st.text(max_size=200), st.sampled_from(["", "<figure><figcaption>", "<picture><source srcset=", "<img src="]))
def test_any_page_can_be_read(text: str, start: str) -> None:
    read_page(start + text, HERE)


def test_plain_words_have_no_control_characters() -> None:
    assert plain(" a\0b \n\t c\x1b[1m ") == "ab c[1m"
    assert len(plain("x" * 10_000)) == 500


def test_a_sitemap_may_be_gzipped_a_list_or_without_a_namespace() -> None:
    xml = b"<urlset><url><loc> http://example.org/1 </loc></url><url><loc>mailto:x</loc></url></urlset>"
    for data in (xml, gzip.compress(xml), b"\xef\xbb\xbf" + xml, b"http://example.org/1\n\nnonsense\n"):
        assert [link.url for link in read_sitemap(data, HERE, 10_000).links] == ["http://example.org/1"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html><body>no</body></html>", "unreadable"),
        (b"", "unreadable"),
        (b"nonsense", "unreadable"),
        (b"\x1f\x8bnonsense", "unreadable"),
        (gzip.compress(b"<urlset>" + b" " * 100_000), "too-large"),
        (b'<!DOCTYPE u [<!ENTITY a "http://example.org/">]><u>&a;</u>', "unreadable"),
    ],
)
def test_what_is_no_sitemap_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_sitemap(data, HERE, 10_000)
    assert caught.value.reason == reason


def test_a_sitemap_names_no_file_through_an_entity() -> None:
    data = b"""<!DOCTYPE urlset [<!ENTITY f SYSTEM "file:///etc/hostname">]>
        <urlset><url><loc>http://example.org/&f;</loc></url></urlset>"""
    assert [link.url for link in read_sitemap(data, HERE, 10_000).links] in ([], ["http://example.org/"])


def test_atom_and_rss_are_feeds_and_a_page_is_not() -> None:
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><entry><title>E</title><link href="/e"/>
        <content type="html">&lt;img src="i.jpg" alt="words"&gt;</content></entry></feed>"""
    document = read_feed(atom, HERE)
    assert [(one.url, one.page_url) for one in document.images] == [
        ("http://example.org/a/i.jpg", "http://example.org/e")
    ]
    assert document.images[0].context.startswith("E words")
    with pytest.raises(RefusedError):
        read_feed(b"<html><p>page</html>", HERE)
    with pytest.raises(RefusedError):
        read_feed(b"http://example.org/feed", HERE)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_sitemap_a_feed_or_refused(data: bytes) -> None:
    with suppress(RefusedError):
        read_sitemap(data, HERE, 1_000)
    with suppress(RefusedError):
        read_feed(data, HERE)


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (picture(1), Content.IMAGE),
        (b"\x89PNG\r\n\x1a\n....", Content.IMAGE),
        (b"GIF89a....", Content.IMAGE),
        (b"RIFF....WEBPVP8 ", Content.IMAGE),
        (b"\0\0\0\x1cftypavif....", Content.IMAGE),
        (b"\0\0\0\x1cftypmif1\0\0\0\0miafheic", Content.IMAGE),
        (b"BM\x10\0\0\0\0\0\0\0", Content.IMAGE),
        (b"II*\0....", Content.IMAGE),
        (b"P6\n3 2\n255\n", Content.IMAGE),
        (b"\xff\x0a..", Content.IMAGE),
        (b"\0\0\0\x18ftypisom....", Content.OTHER),
        (b"RIFF....WAVE", Content.OTHER),
        (b"\x1a\x45\xdf\xa3webm", Content.OTHER),
        (b"%PDF-1.7", Content.OTHER),
        (b"<!doctype html>", Content.OTHER),
        (b"\xef\xbb\xbf \n<html>", Content.OTHER),
        (b'{"error": 1}', Content.OTHER),
        (b"BMW is a maker of cars", Content.OTHER),
        (b"Not found", Content.OTHER),
        (b"", Content.OTHER),
        (b'<?xml version="1.0"?><svg xmlns=', Content.VECTOR),
        (b"\x00\x01\x02\x03unknown", Content.UNKNOWN),
    ],
)
def test_first_bytes_tell_an_image_from_an_error_page(data: bytes, content: Content) -> None:
    assert sniff(data) is content
