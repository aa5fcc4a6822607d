"""Reading sitemaps and feeds (RSS, Atom, Media RSS, JSON Feed) from bytes: nothing is fetched here."""

import json
import re
import zlib
from calendar import timegm
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import feedparser
from lxml import etree

from crawler.formats.job import Kind
from crawler.reading.found import Document, FoundImage, FoundLink, Room, absolute, is_visitable, plain
from crawler.reading.webpage import read_page
from exhibit.clock import rfc3339
from exhibit.errors import RefusedError
from exhibit.periods import as_stated
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import SeenElsewhere, SeenKind, Untyped

_GZIP = b"\x1f\x8b"
_CAPTIONS = ("title", "caption", "geo_location")
_ASIDE = re.compile(rb"<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)", re.DOTALL)
_ROOT = re.compile(
    rb"\A\s*(?:<!DOCTYPE[^>]*>\s*)?<(?:[A-Za-z][\w.-]*:)?(?P<name>[A-Za-z][\w.-]{0,60})", re.IGNORECASE | re.ASCII
)
_CLOSED = re.compile(rb"</(?:[\w.-]+:)?(?:urlset|sitemapindex|urlindex)\s*>", re.IGNORECASE)
_NAME_LENGTH = 100
_FIRST_YEAR = 1990
"""No date on the web is older; one that is was left empty."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_JSON_FEED = re.compile(r"https?://(?:www\.)?jsonfeed\.org/version/\S+|1(?:\.[01])?")
"""What a JSON Feed says as its version; some say the bare number."""


def read_sitemap(data: bytes, url: str, max_bytes: int) -> Document:
    """Read a sitemap, an index of sitemaps, either of them gzipped, or a plain list of addresses (sitemaps.org 0.9).

    Images come from the extensions for images and videos, each with the page that its entry names. Raises
    ``RefusedError`` with reason ``too-large`` when unpacking gives more, ``unreadable`` when it is no sitemap. One that
    breaks off gives what it holds, and is said to be cut.
    """
    is_whole = True
    for _ in range(2):  # a file that is packed, sent by a server that packs what it sends and doesn't say so
        if data.startswith(_GZIP):
            data, ended = _unpack(data, max_bytes)
            is_whole &= ended
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return replace(_read_list(data, url), is_cut=not is_whole)
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data.strip(), parser)
    except etree.LxmlError:
        root = None
    if root is None or _name(root) not in ("urlset", "sitemapindex", "urlindex"):
        raise RefusedError("The sitemap can't be read.", reason=Reason.UNREADABLE)
    links: dict[str, FoundLink] = {}
    images: dict[tuple[str, str], FoundImage] = {}
    room = Room()
    for entry in root:
        told = {_name(element): element.text or "" for element in entry}
        location = absolute(url, told.get("loc", ""))
        if not is_visitable(location) or not room.takes(location):
            continue
        kind = Kind.SITEMAP if _name(entry) == "sitemap" else Kind.PAGE
        links.setdefault(location, FoundLink(location, kind, _modified(told.get("lastmod", ""))))
        for image in _images(entry, location):
            if room.takes(image.url):
                images.setdefault((image.page_url, image.url), image)
    is_cut = len(parser.error_log) > 0 and _CLOSED.search(data) is None  # whatever becomes of the end of a packed file
    return Document(images=tuple(images.values()), links=tuple(links.values()), is_cut=is_cut)


def read_feed(data: bytes, url: str, content_type: str = "") -> Document:
    """Read RSS, Atom, Media RSS or JSON Feed 1.1: entries as links; media, enclosures and pictures in texts as images.

    The pictures of the feed itself, its logo for one, are images too. Raises ``RefusedError`` with reason
    ``unreadable`` when it is no feed.
    """
    feed = _json_feed(data)
    if feed is None:
        # a stream, never text: feedparser would fetch a text that looks like an address
        headers = {"content-location": url, **({"content-type": content_type} if content_type else {})}
        feed = feedparser.parse(BytesIO(data), response_headers=headers, sanitize_html=False)
        if not feed.get("version") and not feed.entries:
            _check_root(data)
    links: dict[str, FoundLink] = {}
    images: dict[tuple[str, str], FoundImage] = {}
    room = Room()
    about = feed.feed
    home = absolute(url, str(about.get("link") or ""))
    for image in _images_of(about, home if is_visitable(home) else url):
        images.setdefault((image.page_url, image.url), image)
    for entry in feed.entries:
        page = absolute(url, str(entry.get("link") or ""))
        page = page if is_visitable(page) else url
        if page != url:
            links.setdefault(page, FoundLink(page, Kind.PAGE, _modified_entry(entry)))
        told = _published(entry, url, plain(str(about.get("title") or ""), _NAME_LENGTH))
        for image in _images_of(entry, page):
            if room.takes(image.url):
                images.setdefault((image.page_url, image.url), replace(image, elsewhere=told))
    return Document(
        images=tuple(images.values()),
        links=tuple(links.values()),
        title=plain(str(about.get("title") or ""), 300),
        language=plain(str(about.get("language") or ""), 35),
    )


def _check_root(data: bytes) -> None:
    """Let a feed pass that has no entries and tells no version, as CDF and RSS 0.90 do; say what everything else is."""
    match = _ROOT.search(_ASIDE.sub(b"", data))
    name = match["name"].decode("ascii") if match else ""
    if name.lower() in ("channel", "rdf"):
        return
    if name.lower() == "html":
        sentence = Sentence("The feed can't be read: it is a page.")
    elif name:
        sentence = Sentence("The feed can't be read: it is XML that begins with <%(name)s>.", name=name)
    else:
        sentence = Sentence("The feed can't be read: it is neither XML nor a JSON Feed.")
    raise RefusedError(sentence, reason=Reason.UNREADABLE)


def _json_feed(data: bytes) -> Untyped | None:
    """A JSON Feed (jsonfeed.org, 1.1) under the names that feedparser gives; ``None`` when it is none."""
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return None
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RefusedError(Sentence("The feed can't be read: its JSON is broken."), reason=Reason.UNREADABLE) from error
    items = told.get("items")
    if not _JSON_FEED.fullmatch(str(told.get("version"))) or not isinstance(items, list):
        raise RefusedError(Sentence("The feed can't be read: it is JSON, but no JSON Feed."), reason=Reason.UNREADABLE)
    told = _texts(told)
    about = {"title": told.get("title"), "language": told.get("language"), "link": told.get("home_page_url")}
    entries = [_json_item(item) for item in items if isinstance(item, dict)]
    return feedparser.FeedParserDict(entries=entries, feed={**about, "image": {"href": told.get("icon")}})


def _texts(value: dict[str, Any]) -> dict[str, str]:
    """What of an object is text: the names that count have nothing else."""
    return {name: text for name, text in value.items() if isinstance(text, str)}


def _json_item(item: dict[str, Any]) -> dict[str, Any]:
    parts = map(_texts, _parts(item, "attachments"))
    attached = [{"url": part.get("url"), "type": part.get("mime_type")} for part in parts if part.get("url")]
    item = _texts(item)
    named = [item.get(name) for name in ("image", "banner_image")]
    return {
        "title": item.get("title"),
        "link": item.get("url") or item.get("external_url"),
        "media_thumbnail": [{"url": address} for address in named if address],
        "media_content": attached,
        "content": [{"value": item.get("content_html")}],
        "published": item.get("date_published"),
        "updated": item.get("date_modified") or item.get("date_published"),
    }


def _images_of(entry: Untyped, page: str) -> Iterator[FoundImage]:
    """The images of an entry, or of the feed itself."""
    title = str(entry.get("title") or "")
    words = plain(f"{title} {entry.get('media_description') or ''} {entry.get('media_credit') or ''}")
    named = [(part, part.get("type") or "", part.get("medium") or "") for part in _parts(entry, "media_content")]
    named += [(part, "image/", "") for part in _parts(entry, "media_thumbnail")]
    named += [(part, part.get("type") or "", "") for part in _parts(entry, "links") if part.get("rel") == "enclosure"]
    image = entry.get("image")  # of RSS, and of iTunes
    named += [(image if isinstance(image, dict) else {}, "image/", "")]
    named += [({"url": entry.get("logo")}, "image/", "")]
    for part, media_type, medium in named:
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
    """The parts of an entry; an element of this very name stands there as text."""
    found = entry.get(name)
    return [image for image in found if isinstance(image, dict)] if isinstance(found, list) else []


def _images(entry: Untyped, page: str) -> Iterator[FoundImage]:
    """What the extensions for images and videos name: ``image:loc``, ``video:thumbnail_loc``."""
    for image in entry:
        if _name(image) not in ("image", "video"):
            continue
        texts = {_name(element): element.text or "" for element in image}
        address = absolute(page, texts.get("loc" if _name(image) == "image" else "thumbnail_loc", ""))
        if address:
            yield FoundImage(address, "sitemap", plain(" ".join(texts.get(name, "") for name in _CAPTIONS)), page)


def _read_list(data: bytes, url: str) -> Document:
    """One address a line (sitemaps.org, "Text file")."""
    lines = data.decode("utf-8-sig", "replace").splitlines()
    found = dict.fromkeys(absolute(url, line) for line in lines if is_visitable(line.strip()))
    links = tuple(FoundLink(address, Kind.PAGE) for address in found if address)
    if not links:
        raise RefusedError("The sitemap can't be read.", reason=Reason.UNREADABLE)
    return Document(links=links)


def _modified(text: str) -> str:
    """A date of the W3C's form (sitemaps.org, ``lastmod``), a bare day by its end; empty when it is none."""
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        moment += timedelta(days=1) if _DAY.fullmatch(text) else timedelta(0)
        return rfc3339(moment) if moment.year >= _FIRST_YEAR else ""
    except (ValueError, OverflowError):
        return ""


def _modified_entry(entry: Untyped) -> str:
    """When an entry of a feed was changed last, or published; empty when it doesn't say."""
    names = entry.keys()  # asked for a date that isn't there, feedparser warns and gives another
    told = next((entry[name] for name in ("updated_parsed", "published_parsed") if name in names and entry[name]), None)
    if told is not None:
        return _modified(datetime.fromtimestamp(timegm(told), UTC).isoformat())
    return _modified(str(entry["updated"] or "")) if "updated" in names else ""


def _published(entry: Untyped, url: str, name: str) -> tuple[SeenElsewhere, ...]:
    """When an entry of a feed was published, as the feed states it; nothing where it doesn't."""
    names = entry.keys()
    stated = as_stated(entry["published"]) if "published" in names else ""
    if not stated and "published_parsed" in names and entry["published_parsed"]:
        stated = as_stated(timegm(entry["published_parsed"]))
    told = SeenElsewhere(kind=SeenKind.FEED_PUBLISHED, by=name, stated=stated, where=url)
    return (told,) if stated else ()


def _name(element: Untyped) -> str:
    """The name of an element without its namespace, which many sitemaps get wrong."""
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _unpack(data: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """What a gzip file holds, all of its members (RFC 1952, 2.2), and whether the last one is whole.

    What stands behind them counts for nothing.
    """
    unpacked, rest, is_whole = bytearray(), data, True
    while rest.startswith(_GZIP):
        reader = zlib.decompressobj(wbits=31)
        try:
            unpacked += reader.decompress(rest, max_bytes + 1 - len(unpacked))
        except zlib.error as error:
            if not unpacked:
                raise RefusedError("The sitemap can't be unpacked.", reason=Reason.UNREADABLE) from error
            return bytes(unpacked), False
        if len(unpacked) > max_bytes:
            raise RefusedError(f"The sitemap has more than {max_bytes} bytes once unpacked.", reason=Reason.TOO_LARGE)
        rest, is_whole = reader.unused_data.lstrip(b"\0"), reader.eof
    return bytes(unpacked), is_whole
