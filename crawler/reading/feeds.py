"""Parsers for sitemaps and feeds (RSS, Atom, Media RSS, JSON Feed). Nothing is fetched here."""

import json
import re
from calendar import timegm
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import escape
from io import BytesIO
from typing import Any

import feedparser
from lxml import etree
from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding

from crawler.formats.job import Kind
from crawler.reading.encoding import guess_encoding
from crawler.reading.found import Document, FoundImage, FoundLink, Room, absolute, is_visitable, plain
from crawler.reading.limits import LeftOut, counts_of
from crawler.reading.markup import escape_ampersands, marked_encoding, root_name, unpack
from crawler.reading.webpage import read_page
from exhibit.clock import rfc3339
from exhibit.errors import RefusedError
from exhibit.periods import as_stated
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import SeenElsewhere, SeenKind, Untyped

_CAPTIONS = ("title", "caption", "geo_location")
_MEDIA = ("image", "video")
_PREFIX = re.compile("[}:]")
_SITEMAP_ROOT = re.compile(r"<(?:[a-z][\w.-]*:)?(?:urlset|sitemapindex|urlindex)\b", re.IGNORECASE | re.ASCII)
_CLOSED = re.compile(r"</(?:[\w.-]+:)?(?:urlset|sitemapindex|urlindex)\s*>", re.IGNORECASE)
_FEED_CLOSED = re.compile(r"</(?:[\w.-]{1,60}:)?(?:rss|feed|rdf|channel)\s{0,60}>", re.IGNORECASE)
_ADDRESS_TAG = re.compile(r"<(?:[\w.-]{1,60}:)?loc[\s>]", re.IGNORECASE)
_NAME_LENGTH = 100
_FIRST_YEAR = 1990
"""Earliest plausible year on the web; an earlier date means that none was set."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_JSON_FEED = re.compile(r"https?://(?:www\.)?jsonfeed\.org/version/\S+|1(?:\.[01])?")
"""Version values of a JSON Feed; some feeds state only the number."""


def read_sitemap(data: bytes, url: str, max_bytes: int, content_type: str = "") -> Document:
    """Read a sitemap, a sitemap index, either of them gzipped, or a plain list of URLs (sitemaps.org 0.9).

    Images come from the extensions for images and videos, each with the page that its entry names. A truncated sitemap
    returns its readable part and is marked as cut; entries without a usable URL are counted.

    Args:
        data: The bytes as served.
        url: URL of the sitemap, to which relative URLs are resolved.
        max_bytes: Largest uncompressed size.
        content_type: The header, of which only the character set is used.

    Raises:
        RefusedError: ``too-large`` if the uncompressed size is larger, ``unreadable`` if it is not a sitemap.
    """
    data, is_whole = unpack(data, max_bytes)
    text = _decode(data, content_type)
    if not text.startswith("<"):
        return replace(_read_list(text, url), is_cut=not is_whole)
    parser = etree.XMLParser(
        encoding="utf-8", recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    text = escape_ampersands(text)
    root, lost = _more_complete(_sitemap_root(text, parser), text, parser)
    links: dict[str, FoundLink] = {}
    images: dict[tuple[str, str], FoundImage] = {}
    room, unread = Room(), lost
    for entry in root.iter():
        values = _values(entry)
        if "loc" not in values or _name(entry) in _MEDIA:
            continue
        location = absolute(url, values["loc"])
        if not is_visitable(location):
            unread += 1
            continue
        if not room.takes(location):
            continue
        kind = Kind.SITEMAP if _name(entry) == "sitemap" else Kind.PAGE
        links.setdefault(location, FoundLink(location, kind, _modified(values.get("lastmod", ""))))
        for image in _images(entry, location):
            if not is_visitable(image.url):
                unread += 1
            elif room.takes(image.url):
                images.setdefault((image.page_url, image.url), image)
    is_cut = len(parser.error_log) > 0 and _CLOSED.search(text) is None  # even if the compressed file is truncated
    left_out = counts_of({LeftOut.ENTRIES: unread, LeftOut.ADDRESSES: room.refused})
    return Document(images=tuple(images.values()), links=tuple(links.values()), is_cut=is_cut, left_out=left_out)


def _sitemap_root(text: str, parser: etree.XMLParser) -> Untyped:
    """Parse a sitemap as far as its XML allows; output that a server printed before the root element is skipped."""
    begin = _SITEMAP_ROOT.search(text)
    for part in (text, text[begin.start() :] if begin else ""):
        try:
            root = etree.fromstring(part.encode("utf-8"), parser) if part else None
        except etree.LxmlError:
            root = None
        if root is not None and _name(root) in ("urlset", "sitemapindex", "urlindex"):
            return root
    raise RefusedError("The sitemap can't be read.", reason=Reason.UNREADABLE)


def _more_complete(root: Untyped, text: str, parser: etree.XMLParser) -> tuple[Untyped, int]:
    """Return the tree that contains more URLs, and the number of URLs in the text that it lacks.

    XML's recovery drops everything after an unquoted attribute or a second root element; HTML's does not. Sitemaps that
    are not well-formed are therefore parsed as HTML, too.
    """
    if not any(error.level == etree.ErrorLevels.FATAL for error in parser.error_log):
        return root, 0
    text = _without_comments(_without_cdata(text))
    html_parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_pis=True)
    with suppress(etree.LxmlError):
        other = etree.fromstring(text.encode("utf-8"), html_parser)
        root = max(root, other, key=_count_addresses)
    return root, max(0, len(_ADDRESS_TAG.findall(text)) - _count_addresses(root))


def _count_addresses(root: Untyped) -> int:
    return 0 if root is None else sum(_name(entry) == "loc" for entry in root.iter())


def _without_cdata(text: str) -> str:
    """Return the text with the content of CDATA sections escaped instead."""
    first, *others = text.split("<![CDATA[")
    parts = (part.partition("]]>") for part in others)
    return first + "".join(escape(inside) + rest for inside, _, rest in parts)


def _without_comments(text: str) -> str:
    """Return the text without comments; an unclosed comment is kept as text."""
    first, *others = text.split("<!--")
    parts = (part.partition("-->") for part in others)
    return first + "".join(rest if end else inside for inside, end, rest in parts)


def _decode(data: bytes, content_type: str) -> str:
    """Decode XML, JSON or a list; evidence in the bytes takes precedence over the declared encoding.

    Valid UTF-8 with non-ASCII characters is UTF-8. Otherwise the declared character set is used if the bytes fit it.
    """
    marked = marked_encoding(data)
    if not marked:
        declared = (html_body_declared_encoding(data), http_content_type_encoding(content_type))
        is_wide = ("utf-16", "utf-32", "ucs")  # the declaration was read byte by byte, so it is none of these
        encodings = [name for name in declared if name and not name.lower().startswith(is_wide)]
        for encoding in (*(() if data.isascii() else ("utf-8",)), *encodings, "utf-8"):
            with suppress(LookupError, ValueError):
                return data.decode(encoding).lstrip("\ufeff \t\r\n")
        marked = guess_encoding(data)
    return data.decode(marked, "replace").lstrip("\ufeff \t\r\n")


def read_feed(data: bytes, url: str, max_bytes: int, content_type: str = "") -> Document:
    """Read RSS, Atom, Media RSS or JSON Feed 1.1: entries as links; media, enclosures and embedded pictures as images.

    The images of the feed itself, such as its logo, are included.

    Args:
        data: The bytes as served, gzipped or not.
        url: URL of the feed, to which relative URLs are resolved.
        max_bytes: Largest uncompressed size.
        content_type: The header, of which only the character set is used.

    Raises:
        RefusedError: ``unreadable`` if it is not a feed, ``too-large`` if the uncompressed size is larger.
    """
    data, is_whole = unpack(data, max_bytes)
    text = _decode(data, content_type)
    feed = _json_feed(text)
    if feed is None:
        # Pass a stream, never text: feedparser would fetch text that looks like a URL.
        headers = {"content-location": url, "content-type": "application/xml; charset=utf-8"}
        stream = BytesIO(escape_ampersands(text).encode("utf-8"))
        feed = feedparser.parse(stream, response_headers=headers, sanitize_html=False)
        if not feed.get("version") and not feed.entries:
            _check_root(text)
        is_whole = is_whole and not (feed.get("bozo") and _FEED_CLOSED.search(text) is None)
    links: dict[str, FoundLink] = {}
    images: dict[tuple[str, str], FoundImage] = {}
    room, unread = Room(), 0
    about = feed.feed
    home = absolute(url, str(about.get("link") or ""))
    for image in _images_of(about, home if is_visitable(home) else url):
        images.setdefault((image.page_url, image.url), image)
    for entry in feed.entries:
        page = absolute(url, str(entry.get("link") or ""))
        unread += bool(entry.get("link")) and not is_visitable(page)
        page = page if is_visitable(page) else url
        if page != url and room.takes(page):
            links.setdefault(page, FoundLink(page, Kind.PAGE, _modified_entry(entry)))
        dates = _published(entry, url, plain(str(about.get("title") or ""), _NAME_LENGTH))
        for image in _images_of(entry, page):
            if room.takes(image.url):
                images.setdefault((image.page_url, image.url), replace(image, elsewhere=dates))
    return Document(
        images=tuple(images.values()),
        links=tuple(links.values()),
        is_cut=not is_whole,
        left_out=counts_of({LeftOut.ENTRIES: unread, LeftOut.ADDRESSES: room.refused}),
        title=plain(str(about.get("title") or ""), 300),
        language=plain(str(about.get("language") or ""), 35),
    )


def _check_root(text: str) -> None:
    """Accept a feed without entries and version, such as CDF and RSS 0.90; name the format of anything else.

    Raises:
        RefusedError: The document is not a feed.
    """
    name = root_name(text)
    if name.lower() in ("channel", "rdf"):
        return
    if name.lower() == "html":
        sentence = Sentence("The feed cannot be read: it is a web page.")
    elif name:
        sentence = Sentence("The feed cannot be read: it is XML with the root element <%(name)s>.", name=name)
    else:
        sentence = Sentence("The feed cannot be read: it is neither XML nor JSON Feed.")
    raise RefusedError(sentence, reason=Reason.UNREADABLE)


def _json_feed(text: str) -> Untyped | None:
    """Return a JSON Feed (jsonfeed.org, 1.1) with feedparser's field names; ``None`` if the text is not JSON.

    Raises:
        RefusedError: The JSON is broken, or is not a JSON Feed.
    """
    if not text.startswith("{"):
        return None
    try:
        feed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError(
            Sentence("The feed cannot be read: its JSON is not valid."), reason=Reason.UNREADABLE
        ) from error
    items = feed.get("items")
    if not _JSON_FEED.fullmatch(str(feed.get("version"))) or not isinstance(items, list):
        raise RefusedError(
            Sentence("The feed cannot be read: it is JSON, but not JSON Feed."), reason=Reason.UNREADABLE
        )
    feed = _texts(feed)
    about = {"title": feed.get("title"), "language": feed.get("language"), "link": feed.get("home_page_url")}
    entries = [_json_item(item) for item in items if isinstance(item, dict)]
    return feedparser.FeedParserDict(entries=entries, feed={**about, "image": {"href": feed.get("icon")}})


def _texts(value: dict[str, Any]) -> dict[str, str]:
    """Return the fields of an object that are text, as all used fields are."""
    return {name: text for name, text in value.items() if isinstance(text, str)}


def _json_item(item: dict[str, Any]) -> dict[str, Any]:
    parts = map(_texts, _parts(item, "attachments"))
    attached = [{"url": part.get("url"), "type": part.get("mime_type")} for part in parts if part.get("url")]
    item = _texts(item)
    addresses = [item.get(name) for name in ("image", "banner_image")]
    return {
        "title": item.get("title"),
        "link": item.get("url") or item.get("external_url"),
        "media_thumbnail": [{"url": address} for address in addresses if address],
        "media_content": attached,
        "content": [{"value": item.get("content_html")}],
        "published": item.get("date_published"),
        "updated": item.get("date_modified") or item.get("date_published"),
    }


def _images_of(entry: Untyped, page: str) -> Iterator[FoundImage]:
    """Yield the images of an entry, or of the feed itself."""
    title = str(entry.get("title") or "")
    words = plain(f"{title} {entry.get('media_description') or ''} {entry.get('media_credit') or ''}")
    items = [(part, part.get("type") or "", part.get("medium") or "") for part in _parts(entry, "media_content")]
    items += [(part, "image/", "") for part in _parts(entry, "media_thumbnail")]
    items += [(part, part.get("type") or "", "") for part in _parts(entry, "links") if part.get("rel") == "enclosure"]
    image = entry.get("image")  # of RSS and iTunes
    items += [(image if isinstance(image, dict) else {}, "image/", "")]
    items += [({"url": entry.get("logo")}, "image/", "")]
    for part, media_type, medium in items:
        address = absolute(page, str(part.get("url") or part.get("href") or ""))
        if address and (str(media_type).startswith("image/") or medium == "image" or not (media_type or medium)):
            yield FoundImage(address, "feed", words, page)
    bodies = [str(part.get("value") or "") for part in _parts(entry, "content")]
    for body in [title, *bodies, str(entry.get("summary") or "")]:
        if "<" in body:
            with suppress(RefusedError):
                for found in read_page(body, page).images:
                    yield FoundImage(found.url, "feed", plain(f"{title} {found.context}"), page)


def _parts(entry: Untyped, name: str) -> list[dict[str, Any]]:
    """Return the parts of an entry; an XML element of that name would be text and is ignored."""
    parts = entry.get(name)
    return [image for image in parts if isinstance(image, dict)] if isinstance(parts, list) else []


def _images(entry: Untyped, page: str) -> Iterator[FoundImage]:
    """Yield the images named by the image and video extensions: ``image:loc``, ``video:thumbnail_loc``."""
    for image in entry:
        if _name(image) not in _MEDIA:
            continue
        texts = _values(image)
        address_text = texts.get("loc" if _name(image) == "image" else "thumbnail_loc", "")
        if address_text.strip():
            address = absolute(page, address_text)
            yield FoundImage(address, "sitemap", plain(" ".join(texts.get(name, "") for name in _CAPTIONS)), page)


def _read_list(text: str, url: str) -> Document:
    """Read one URL per line (sitemaps.org, "Text file"); lines without a URL are counted."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    addresses = [absolute(url, line) for line in lines if is_visitable(line)]
    links = tuple(FoundLink(address, Kind.PAGE) for address in dict.fromkeys(filter(None, addresses)))
    if not links:
        raise RefusedError("The sitemap can't be read.", reason=Reason.UNREADABLE)
    return Document(links=links, left_out=counts_of({LeftOut.ENTRIES: len(lines) - sum(map(bool, addresses))}))


def _modified(text: str) -> str:
    """Parse a W3C date (sitemaps.org, ``lastmod``), a day as its end; return an empty string if it is not valid."""
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        moment += timedelta(days=1) if _DAY.fullmatch(text) else timedelta(0)
        return rfc3339(moment) if moment.year >= _FIRST_YEAR else ""
    except (ValueError, OverflowError):
        return ""


def _modified_entry(entry: Untyped) -> str:
    """Return when a feed entry was last updated, or published; empty if it does not say."""
    names = entry.keys()  # For a missing date, feedparser would warn and return another.
    date = next((entry[name] for name in ("updated_parsed", "published_parsed") if name in names and entry[name]), None)
    if date is not None:
        return _modified(datetime.fromtimestamp(timegm(date), UTC).isoformat())
    return _modified(str(entry["updated"] or "")) if "updated" in names else ""


def _published(entry: Untyped, url: str, name: str) -> tuple[SeenElsewhere, ...]:
    """Return the publication date of a feed entry as the feed states it; empty if it does not."""
    names = entry.keys()
    stated_time = as_stated(entry["published"]) if "published" in names else ""
    if not stated_time and "published_parsed" in names and entry["published_parsed"]:
        stated_time = as_stated(timegm(entry["published_parsed"]))
    statement = SeenElsewhere(kind=SeenKind.FEED_PUBLISHED, by=name, stated=stated_time, where=url)
    return (statement,) if stated_time else ()


def _name(element: Untyped) -> str:
    """Return an element's name without namespace or undeclared prefix, both of which many sitemaps get wrong."""
    return _PREFIX.split(element.tag)[-1].lower() if isinstance(element.tag, str) else ""


def _values(element: Untyped) -> dict[str, str]:
    """Return the texts of an element's children by name; the first of a name is used."""
    values: dict[str, str] = {}
    for child in element:
        values.setdefault(_name(child), child.text or "")
    return values
