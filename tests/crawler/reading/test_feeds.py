import gzip
import json
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from crawler.formats.job import Kind
from crawler.reading.document import Document
from crawler.reading.feeds import read_feed, read_sitemap
from crawler.reading.helper import parse_document
from crawler.reading.limits import MAX_SITEMAP_BYTES, OmittedItem
from exhibit.errors import RefusedError
from exhibit.types import SourceStatement, SourceStatementKind

PAGE_URL = "http://example.org/a/b.html"


def test_sitemap_may_be_gzipped_plain_text_or_without_namespace() -> None:
    xml = b"<urlset><url><loc> http://example.org/1 </loc></url><url><loc>mailto:x</loc></url></urlset>"
    for data in (xml, gzip.compress(xml), b"\xef\xbb\xbf" + xml, b"http://example.org/1\n\nnonsense\n"):
        assert [link.url for link in read_sitemap(data, PAGE_URL, 10_000).links] == ["http://example.org/1"]


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
def test_non_sitemap_input_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_sitemap(data, PAGE_URL, 10_000)
    assert caught.value.reason == reason


def test_sitemap_entities_cannot_reference_files() -> None:
    data = b"""<!DOCTYPE urlset [<!ENTITY f SYSTEM "file:///etc/hostname">]>
        <urlset><url><loc>http://example.org/&f;</loc></url></urlset>"""
    assert [link.url for link in read_sitemap(data, PAGE_URL, 10_000).links] in ([], ["http://example.org/"])


def test_atom_and_rss_are_feeds_and_html_is_not() -> None:
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><entry><title>E</title><link href="/e"/>
        <content type="html">&lt;img src="i.jpg" alt="words"&gt;</content></entry></feed>"""
    document = read_feed(atom, PAGE_URL, 1 << 20)
    assert [(image.url, image.page_url) for image in document.images] == [
        ("http://example.org/a/i.jpg", "http://example.org/e")
    ]
    assert document.images[0].context.startswith("E words")
    with pytest.raises(RefusedError):
        read_feed(b"<html><p>page</html>", PAGE_URL, 1 << 20)
    with pytest.raises(RefusedError):
        read_feed(b"http://example.org/feed", PAGE_URL, 1 << 20)


def test_json_feed_is_read_and_other_json_is_refused() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "T",
        "home_page_url": "https://example.org/",
        "icon": "/icon.png",
        "items": [
            {
                "id": "1",
                "url": "/e",
                "title": "E",
                "image": "big.jpg",
                "banner_image": "wide.jpg",
                "content_html": "<img src=i.jpg alt=words>",
                "attachments": [
                    {"url": "a.jpg", "mime_type": "image/jpeg"},
                    {"url": "a.mp3", "mime_type": "audio/mp3"},
                ],
            },
            "nonsense",
        ],
    }
    document = read_feed(json.dumps(feed).encode(), "http://example.org/feed.json", 1 << 20)
    assert [link.url for link in document.links] == ["http://example.org/e"]
    assert document.title == "T"
    names = {image.url.removeprefix("http://example.org/"): image.page_url for image in document.images}
    entry = "http://example.org/e"
    assert names == {
        "https://example.org/icon.png": "https://example.org/",
        "big.jpg": entry,
        "wide.jpg": entry,
        "i.jpg": entry,
        "a.jpg": entry,
    }
    for data in (b'{"items": []}', b'{"version": "https://jsonfeed.org/version/1"}', b'{"version": '):
        with pytest.raises(RefusedError, match="JSON"):
            read_feed(data, PAGE_URL, 1 << 20)


@pytest.mark.parametrize("version", ["http://jsonfeed.org/version/1", "1.0", "1.1"])
def test_json_feed_version_is_recognised_in_every_form(version: str) -> None:
    feed = {"version": version, "items": [{"image": "/1.jpg"}]}
    assert [image.url for image in read_feed(json.dumps(feed).encode(), PAGE_URL, 1 << 20).images] == [
        "http://example.org/1.jpg"
    ]


def test_json_feed_with_non_text_values_yields_no_urls() -> None:
    item = {"url": ["x"], "image": {"url": "/a.jpg"}, "banner_image": True, "content_html": 7, "title": None}
    feed = {"version": "https://jsonfeed.org/version/1", "icon": ["/i.png"], "items": [{**item, "attachments": [item]}]}
    assert read_feed(json.dumps(feed).encode(), PAGE_URL, 1 << 20) == Document()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<!DOCTYPE html><html><p>page</html>", "it is a web page"),
        (b"<?xml version='1.0'?><!-- <rss> --><x:note><to/></x:note>", "root element <note>"),
        (b"", "neither XML nor JSON Feed"),
        (b"<!-- nothing -->", "neither XML nor JSON Feed"),
        (b"{", "its JSON is not valid"),
        (b"{}", "it is JSON, but not JSON Feed"),
    ],
)
def test_non_feed_input_is_refused_with_specific_reason(data: bytes, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as refused:
        read_feed(data, PAGE_URL, 1 << 20)
    assert refused.value.reason == "unreadable"


@pytest.mark.parametrize(
    "data",
    [
        b"<CHANNEL><TITLE>T</TITLE></CHANNEL>",
        b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://x.example/'></rdf:RDF>",
    ],
)
def test_empty_legacy_feed_is_a_feed(data: bytes) -> None:
    assert read_feed(data, PAGE_URL, 1 << 20).links == ()


@pytest.mark.parametrize(
    ("channel", "image"),
    [
        ("<image><url>/1.png</url><title>T</title></image>", "1.png"),
        ("<itunes:image href='/1.png'/>", "1.png"),
        ("<media:content url='/1.png' type='image/png'/>", "1.png"),
        ("<media:thumbnail url='/1.png'/>", "1.png"),
    ],
)
def test_picture_of_the_feed_itself_is_found(channel: str, image: str) -> None:
    data = f"""<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"
        xmlns:media="http://search.yahoo.com/mrss/"><channel><title>T</title>{channel}</channel></rss>"""
    assert [item.url for item in read_feed(data.encode(), PAGE_URL, 1 << 20).images] == [f"http://example.org/{image}"]


def test_picture_in_markup_title_is_found() -> None:
    title = '<title type="html">&lt;img src="/1.jpg"&gt; Sea</title>'
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><entry>{title}</entry></feed>'
    assert [image.url for image in read_feed(feed.encode(), PAGE_URL, 1 << 20).images] == ["http://example.org/1.jpg"]


def test_atom_logo_is_found() -> None:
    data = b'<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><logo>/1.png</logo></feed>'
    assert [image.url for image in read_feed(data, PAGE_URL, 1 << 20).images] == ["http://example.org/1.png"]


def test_sitemap_video_thumbnail_is_found() -> None:
    data = b"""<urlset xmlns:video="http://www.google.com/schemas/sitemap-video/1.1"><url><loc>http://example.org/v</loc>
        <video:video><video:thumbnail_loc>/1.jpg</video:thumbnail_loc><video:title>Words</video:title></video:video>
        </url></urlset>"""
    (image,) = read_sitemap(data, PAGE_URL, 10_000).images
    assert (image.url, image.page_url, image.context) == ("http://example.org/1.jpg", "http://example.org/v", "Words")


@given(st.binary(max_size=300))
def test_feed_of_arbitrary_bytes_is_parsed_or_refused(data: bytes) -> None:
    with suppress(RefusedError):
        read_sitemap(data, PAGE_URL, 1_000)
    with suppress(RefusedError):
        read_feed(data, PAGE_URL, 1 << 20)


@pytest.mark.long
def test_maximum_size_sitemap_is_read_completely() -> None:
    entries = "".join(f"<url><loc>http://example.org/{number:0100}</loc></url>" for number in range(50_000))
    document = read_sitemap(f"<urlset>{entries}</urlset>".encode(), "http://example.org/sitemap.xml", 1 << 25)
    assert len(document.links) == 50_000


def test_multi_member_gzip_sitemap_is_read_within_limit() -> None:
    text = "<urlset>" + "".join(f"<url><loc>http://example.org/{n}</loc></url>" for n in range(100)) + "</urlset>"
    parts = [gzip.compress(text[at : at + 700].encode()) for at in range(0, len(text), 700)]
    for data in (b"".join(parts), b"".join(parts) + b"\0" * 512, gzip.compress(b"".join(parts))):
        assert len(read_sitemap(data, PAGE_URL, 1 << 20).links) == 100
    bomb = gzip.compress(b"\0" * 900) * 20
    with pytest.raises(RefusedError) as error:
        read_sitemap(bomb, PAGE_URL, 10_000)
    assert error.value.reason == "too-large"


def test_truncated_sitemap_is_reported_and_yields_its_entries() -> None:
    entries = [f"<url><loc>http://example.org/{n}/{n * n * 7919}</loc></url>" for n in range(100)]
    text = ("<urlset>" + "".join(entries) + "</urlset>").encode()
    addresses = "".join(f"http://example.org/{n}/{n * n * 7919}\n" for n in range(100)).encode()
    half = len(text) // 2
    two = gzip.compress(text[:half]) + gzip.compress(text[half:])
    broken = gzip.compress(text[:half]) + gzip.compress(text[half:])[:12] + b"\xff" * 300
    packed = gzip.compress(text), gzip.compress(gzip.compress(text)), gzip.compress(addresses), two
    cut = [text[:half], text[:-3], broken, *(member[:-60] for member in packed)]
    for data in cut:
        document = read_sitemap(data, PAGE_URL, 1 << 20)
        assert document.is_truncated
        assert 20 < len(document.links) <= 100
    odd = text.replace(b"/7/", b"/7&x/"), text + b"\n<!-- end -->", text[:-9] + b"</urlset >", b"<urlset/>"
    for data in (text, *packed, gzip.compress(text)[:-4], two + b"junk", *odd):
        assert not read_sitemap(data, PAGE_URL, 1 << 20).is_truncated


def test_sitemaps_and_feeds_report_page_modification_dates() -> None:
    dates = {
        "2026-11-20T10:00:00+02:00": "2026-11-20T08:00:00.000000Z",
        "2026-11-20": "2026-11-21T00:00:00.000000Z",
        "2026-11-20T10:00:00": "2026-11-20T10:00:00.000000Z",
        "yesterday": "",
        "0001-01-01T00:00:00Z": "",
        "9999-12-31": "",
    }
    entries = "".join(f"<url><loc>/{n}</loc><lastmod>{date}</lastmod></url>" for n, date in enumerate(dates))
    sitemap = read_sitemap(f"<urlset>{entries}<url><loc>/x</loc></url></urlset>".encode(), PAGE_URL, 10_000)
    assert [link.modified for link in sitemap.links] == [*dates.values(), ""]
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><link href="/e"/>
        <published>2026-11-01T00:00:00Z</published><updated>2026-11-02T00:00:00Z</updated></entry></feed>"""
    rss = b"""<rss version="2.0"><channel><item><link>/e</link>
        <pubDate>Mon, 02 Nov 2026 01:00:00 +0100</pubDate></item></channel></rss>"""
    item = {"id": "1", "url": "/e", "date_modified": "2026-11-02T00:00:00Z", "date_published": "2026-11-01T00:00:00Z"}
    feed = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [item]}).encode()
    for data in (atom, rss, feed):
        assert [link.modified for link in read_feed(data, PAGE_URL, 1 << 20).links] == ["2026-11-02T00:00:00.000000Z"]


def test_entry_pictures_carry_publication_date_of_feed() -> None:
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>
        <entry><link href="/e"/><updated>2026-11-02T00:00:00Z</updated>
        <published>2026-11-01T00:00:00Z</published><summary type="html">&lt;img src="1.jpg"&gt;</summary></entry>
        <entry><updated>2026-11-02T00:00:00Z</updated>
        <summary type="html">&lt;img src="2.jpg"&gt;</summary></entry></feed>"""
    rss = b"""<rss version="2.0"><channel><title>News</title><item><link>/e</link>
        <pubDate>Sun, 01 Nov 2026 01:00:00 +0100</pubDate>
        <enclosure url="1.jpg" type="image/jpeg"/></item></channel></rss>"""
    item = {"id": "1", "url": "/e", "image": "1.jpg", "date_published": "2026-11-01T00:00:00Z"}
    feed = json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "News", "items": [item]}).encode()
    statement = SourceStatement(
        kind=SourceStatementKind.FEED_PUBLISHED, by="News", stated="2026-11-01T00:00:00Z", where=PAGE_URL
    )
    for data in (atom, rss, feed):
        assert read_feed(data, PAGE_URL, 1 << 20).images[0].elsewhere == (statement,)
    assert read_feed(atom, PAGE_URL, 1 << 20).images[1].elsewhere == ()


@pytest.mark.parametrize(
    "entry",
    [
        '<entry><link href="/p/1"/><summary type="html"><![CDATA[<img src="/m/1.jpg"><p>Wave</p>]]></summary></entry>',
        '<entry><link href="/p/1"/><media:content url="/m/1.jpg" type="image/jpeg" medium="image"/></entry>',
    ],
    ids=["as-pixelfed-writes", "as-mastodon-writes"],
)
def test_account_pictures_are_found_in_its_feed(entry: str) -> None:
    data = f'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/">{entry}</feed>'
    feed = read_feed(data.encode(), "http://pixel.example/users/ann.atom", 1 << 20)
    assert [image.url for image in feed.images] == ["http://pixel.example/m/1.jpg"]
    assert [link.url for link in feed.links] == ["http://pixel.example/p/1"]


BROKEN = """<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://s.example/a?id=1&lang=de&copy=2&amp;x=3</loc>
<image:image><image:loc>https://s.example/p.jpg?a=1&b=2</image:loc>
<image:caption>Caf&eacute; &nbsp;&unknown; \x0b</image:caption>
</image:image></url><url><loc><![CDATA[https://s.example/b?c=1&d=2]]></loc></url><url><loc>https://s.example/\u00e4</loc></url></urlset>"""
HEAD = '<?xml version="1.0" encoding="{}"?>'


@pytest.mark.parametrize(
    "data",
    [
        BROKEN.encode(),
        b"\xef\xbb\xbf" + BROKEN.encode(),
        b" \r\n\t" + (HEAD.format("UTF-8") + BROKEN).encode(),
        (HEAD.format("utf-16") + BROKEN).encode(),
        (HEAD.format("iso-8859-1") + BROKEN).encode(),
        (HEAD.format("utf-8") + BROKEN).encode("latin-1"),
        (HEAD.format("no-such-thing") + BROKEN).encode(),
        (HEAD.format("utf-16") + BROKEN).encode("utf-16"),
        (HEAD.format("utf-16") + BROKEN).encode("utf-16-le"),
        gzip.compress(BROKEN.encode()),
        b"<br />\n<b>Warning</b>: include(x): failed in <b>/srv/x.php</b><br />\n"
        + (HEAD.format("UTF-8") + BROKEN).encode(),
        BROKEN.replace("<urlset", "<sm:urlset").replace("</urlset", "</sm:urlset").encode(),
        BROKEN.replace("</url><url><loc><![", "<url><loc><![").encode(),
    ],
)
def test_slightly_malformed_sitemap_is_read(data: bytes) -> None:
    document = read_sitemap(data, PAGE_URL, 1 << 20)
    pages = ["https://s.example/a?id=1&lang=de&copy=2&x=3", "https://s.example/b?c=1&d=2", "https://s.example/%C3%A4"]
    assert [link.url for link in document.links] == pages
    (image,) = document.images
    assert (image.url, image.page_url) == ("https://s.example/p.jpg?a=1&b=2", pages[0])
    assert image.context.startswith("Caf\u00e9")


FIRST_ENTRY, SECOND_ENTRY = (
    "<url><loc>https://s.example/1?a=1&b=2</loc></url>",
    "<url><loc>https://s.example/2</loc></url>",
)


@pytest.mark.parametrize(
    "text",
    [
        f"<urlset xmlns=http://www.sitemaps.org/schemas/sitemap/0.9>{FIRST_ENTRY}{SECOND_ENTRY}</urlset>",
        f"<urlset><url id=1>{FIRST_ENTRY[5:]}{SECOND_ENTRY}</urlset>",
        f"<urlset>{FIRST_ENTRY}</urlset>\n<?xml version='1.0'?><urlset>{SECOND_ENTRY}</urlset>",
        f"<urlset>{FIRST_ENTRY}</urlset>{SECOND_ENTRY}</urlset>",
        f"<urlset nowrap><!-- {SECOND_ENTRY} --><url><loc><![CDATA[https://s.example/1?a=1&b=2]]></loc></url>{SECOND_ENTRY}</urlset>",
    ],
)
def test_entries_after_malformed_sitemap_markup_are_read(text: str) -> None:
    document = read_sitemap(text.encode(), PAGE_URL, 1 << 20)
    assert [link.url for link in document.links] == ["https://s.example/1?a=1&b=2", "https://s.example/2"]
    assert not document.left_out


@pytest.mark.parametrize(
    "text",
    [
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9>{FIRST_ENTRY}{SECOND_ENTRY}</urlset>',
        f"<urlset><!--{FIRST_ENTRY}{SECOND_ENTRY}</urlset>",
    ],
)
def test_unparsed_sitemap_urls_are_counted(text: str) -> None:
    document = read_sitemap(text.encode(), PAGE_URL, 1 << 20)
    assert len(document.links) + document.left_out.get(OmittedItem.ENTRIES, 0) == 2


def test_sitemap_entries_without_page_or_picture_are_counted() -> None:
    data = b"""<urlset><url><loc>mailto:a@b.example</loc></url><url><loc/></url><url><loc>http://example.org/1</loc>
        <image:image><image:loc>http://[bad/</image:loc></image:image></url></urlset>"""
    assert read_sitemap(data, PAGE_URL, 1 << 20).left_out == {OmittedItem.ENTRIES: 3}
    assert read_sitemap(b"http://example.org/1\nnonsense\n\n", PAGE_URL, 1 << 20).left_out == {OmittedItem.ENTRIES: 1}


RSS = """<rss version="2.0"><channel><title>T</title><item><title>\u00c4</title><link>https://s.example/a?id=1&lang=de&copy=2</link>
<media:content url="https://s.example/p.jpg?x=1&lang=2" medium="image"/></item></channel></rss>"""


@pytest.mark.parametrize(
    "content_type", ["", "text/html", "text/html; charset=iso-8859-1", "text/plain", "application/json"]
)
@pytest.mark.parametrize(
    "data",
    [
        RSS.encode(),
        (HEAD.format("iso-8859-1") + RSS).encode("utf-8"),
        (HEAD.format("utf-8") + RSS).encode("latin-1"),
        (HEAD.format("utf-16") + RSS).encode("utf-8"),
        (HEAD.format("utf-16") + RSS).encode("utf-16"),
        b"\xef\xbb\xbf\n " + (HEAD.format("utf-8") + RSS).encode(),
        b"<b>Notice</b>: x<br>\n" + (HEAD.format("utf-8") + RSS).encode(),
        gzip.compress(RSS.encode()),
    ],
)
def test_slightly_malformed_feed_is_read(data: bytes, content_type: str) -> None:
    document = read_feed(data, PAGE_URL, 1 << 20, content_type)
    assert [link.url for link in document.links] == ["https://s.example/a?id=1&lang=de&copy=2"]
    assert [(image.url, image.context) for image in document.images] == [
        ("https://s.example/p.jpg?x=1&lang=2", "\u00c4")
    ]


@pytest.mark.parametrize(
    ("whole", "entry"),
    [
        ("<rss version='2.0'><channel>{}{}</channel></rss>", "<item><link>https://s.example/1</link></item>"),
        ("<feed xmlns='http://www.w3.org/2005/Atom'>{}{}</feed>", "<entry><link href='https://s.example/1'/></entry>"),
    ],
)
def test_truncated_feed_is_reported_and_yields_its_entries(whole: str, entry: str) -> None:
    text = whole.format(entry, entry.replace("/1", "/2").replace("</", "&nbsp;</", 1))
    assert not read_feed(text.encode(), PAGE_URL, 1 << 20).is_truncated
    for end in (text.rindex("/2"), text.rindex(entry[-7:]), text.rindex(entry[-7:]) + 7):
        document = read_feed(text[:end].encode(), PAGE_URL, 1 << 20)
        assert document.is_truncated
        assert "https://s.example/1" in {link.url for link in document.links}


def test_feed_entries_without_link_are_counted() -> None:
    data = RSS.replace("https://s.example/a?", "ftp://s.example/a?").encode()
    assert read_feed(data, PAGE_URL, 1 << 20).left_out == {OmittedItem.ENTRIES: 1}


@pytest.mark.long
def test_fifty_megabyte_sitemap_fits_helper_limits() -> None:
    entries = "".join(f"<url><loc>http://example.org/?a=1&b={number:0980}</loc></url>" for number in range(50_000))
    data = f"<urlset>{entries}</urlset>".encode()
    assert 50_000_000 < len(data) < MAX_SITEMAP_BYTES
    document = parse_document(data, Kind.SITEMAP, url="http://example.org/sitemap.xml", max_bytes=MAX_SITEMAP_BYTES)
    assert (len(document.links), document.left_out) == (50_000, {})
