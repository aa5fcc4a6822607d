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
from crawler.reading.document import (
    Document,
    FoundImage,
    FoundLink,
    UrlBudget,
    is_visitable,
    normalise_text,
    resolve_url,
)
from crawler.reading.encoding import guess_encoding
from crawler.reading.limits import OmittedItem, get_nonzero_counts
from crawler.reading.markup import detect_encoding, escape_ampersands, get_root_name, unpack
from crawler.reading.webpage import read_page
from exhibit.clock import format_rfc3339
from exhibit.errors import RefusedError
from exhibit.periods import normalise_stated_time
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import SourceStatement, SourceStatementKind, Untyped

_CAPTION_FIELDS = ("title", "caption", "geo_location")
_MEDIA_ELEMENTS = ("image", "video")
_PREFIX = re.compile("[}:]")
_SITEMAP_ROOT = re.compile(r"<(?:[a-z][\w.-]*:)?(?:urlset|sitemapindex|urlindex)\b", re.IGNORECASE | re.ASCII)
_SITEMAP_END = re.compile(r"</(?:[\w.-]+:)?(?:urlset|sitemapindex|urlindex)\s*>", re.IGNORECASE)
_FEED_END = re.compile(r"</(?:[\w.-]{1,60}:)?(?:rss|feed|rdf|channel)\s{0,60}>", re.IGNORECASE)
_ADDRESS_TAG = re.compile(r"<(?:[\w.-]{1,60}:)?loc[\s>]", re.IGNORECASE)
_MAX_NAME_LENGTH = 100
_FIRST_YEAR = 1990
"""Earliest plausible year on the web; earlier dates are placeholders."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_JSON_FEED = re.compile(r"https?://(?:www\.)?jsonfeed\.org/version/\S+|1(?:\.[01])?")
"""Version values of a JSON Feed; some feeds state only the number."""


def read_sitemap(data: bytes, url: str, max_bytes: int, content_type: str = "") -> Document:
    """Read a sitemap, a sitemap index, either of them gzipped, or a plain list of URLs (sitemaps.org 0.9).

    Images come from the extensions for images and videos, each with the page that its entry names. A truncated sitemap
    returns its readable part and is marked as truncated; entries without a usable URL are counted.

    Args:
        data: The bytes as served.
        url: URL of the sitemap, to which relative URLs are resolved.
        max_bytes: Largest uncompressed size.
        content_type: The header, of which only the character set is used.

    Raises:
        RefusedError: ``too-large`` if the uncompressed size is larger, ``unreadable`` if it is not a sitemap.
    """
    data, is_complete = unpack(data, max_bytes)
    text = _decode(data, content_type)
    if not text.startswith("<"):
        return replace(_read_list(text, url), is_truncated=not is_complete)
    parser = etree.XMLParser(
        encoding="utf-8", recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    text = escape_ampersands(text)
    root, lost_urls = _recover_tree(_parse_sitemap_root(text, parser), text, parser)
    links: dict[str, FoundLink] = {}
    images: dict[tuple[str, str], FoundImage] = {}
    url_budget, unread_entries = UrlBudget(), lost_urls
    for entry in root.iter():
        values = _get_child_texts(entry)
        if "loc" not in values or _get_local_name(entry) in _MEDIA_ELEMENTS:
            continue
        location = resolve_url(url, values["loc"])
        if not is_visitable(location):
            unread_entries += 1
            continue
        if not url_budget.reserve(location):
            continue
        kind = Kind.SITEMAP if _get_local_name(entry) == "sitemap" else Kind.PAGE
        links.setdefault(location, FoundLink(location, kind, _parse_modified(values.get("lastmod", ""))))
        for image in _find_extension_images(entry, location):
            if not is_visitable(image.url):
                unread_entries += 1
            elif url_budget.reserve(image.url):
                images.setdefault((image.page_url, image.url), image)
    # Even if the compressed file is truncated
    is_truncated = len(parser.error_log) > 0 and _SITEMAP_END.search(text) is None
    left_out = get_nonzero_counts(
        {OmittedItem.ENTRIES: unread_entries, OmittedItem.ADDRESSES: url_budget.refused_count}
    )
    return Document(
        images=tuple(images.values()), links=tuple(links.values()), is_truncated=is_truncated, left_out=left_out
    )


def _parse_sitemap_root(text: str, parser: etree.XMLParser) -> Untyped:
    """Parse a sitemap, even if its XML is broken; output that a server printed before the root element is skipped."""
    root_match = _SITEMAP_ROOT.search(text)
    for part in (text, text[root_match.start() :] if root_match else ""):
        try:
            root = etree.fromstring(part.encode("utf-8"), parser) if part else None
        except etree.LxmlError:
            root = None
        if root is not None and _get_local_name(root) in ("urlset", "sitemapindex", "urlindex"):
            return root
    raise RefusedError("The sitemap cannot be read.", reason=Reason.UNREADABLE)


def _recover_tree(root: Untyped, text: str, parser: etree.XMLParser) -> tuple[Untyped, int]:
    """Return the tree that contains more URLs, and the number of URLs in the text that it lacks.

    XML's recovery drops everything after an unquoted attribute or a second root element; HTML's does not. Sitemaps that
    are not well-formed are therefore parsed as HTML, too.
    """
    if not any(error.level == etree.ErrorLevels.FATAL for error in parser.error_log):
        return root, 0
    text = _remove_comments(_escape_cdata(text))
    html_parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_pis=True)
    with suppress(etree.LxmlError):
        html_root = etree.fromstring(text.encode("utf-8"), html_parser)
        root = max(root, html_root, key=_count_urls)
    return root, max(0, len(_ADDRESS_TAG.findall(text)) - _count_urls(root))


def _count_urls(root: Untyped) -> int:
    return 0 if root is None else sum(_get_local_name(entry) == "loc" for entry in root.iter())


def _escape_cdata(text: str) -> str:
    """Return the text with the content of CDATA sections escaped instead."""
    first, *sections = text.split("<![CDATA[")
    parts = (part.partition("]]>") for part in sections)
    return first + "".join(escape(content) + remainder for content, _, remainder in parts)


def _remove_comments(text: str) -> str:
    """Return the text without comments; an unclosed comment is kept as text."""
    first, *sections = text.split("<!--")
    parts = (part.partition("-->") for part in sections)
    return first + "".join(remainder if end else content for content, end, remainder in parts)


def _decode(data: bytes, content_type: str) -> str:
    """Decode XML, JSON or a list; evidence in the bytes takes precedence over the declared encoding.

    Valid UTF-8 with non-ASCII characters is UTF-8. Otherwise the declared character set is used if the bytes fit it.
    """
    detected_encoding = detect_encoding(data)
    if not detected_encoding:
        declared_encodings = (html_body_declared_encoding(data), http_content_type_encoding(content_type))
        wide_prefixes = ("utf-16", "utf-32", "ucs")  # the declaration was read byte by byte, so it is none of these
        encodings = [name for name in declared_encodings if name and not name.lower().startswith(wide_prefixes)]
        for encoding in (*(() if data.isascii() else ("utf-8",)), *encodings, "utf-8"):
            with suppress(LookupError, ValueError):
                return data.decode(encoding).lstrip("\ufeff \t\r\n")
        detected_encoding = guess_encoding(data)
    return data.decode(detected_encoding, "replace").lstrip("\ufeff \t\r\n")


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
    data, is_complete = unpack(data, max_bytes)
    text = _decode(data, content_type)
    feed = _parse_json_feed(text)
    if feed is None:
        # Pass a stream, never text: feedparser would fetch text that looks like a URL.
        headers = {"content-location": url, "content-type": "application/xml; charset=utf-8"}
        stream = BytesIO(escape_ampersands(text).encode("utf-8"))
        feed = feedparser.parse(stream, response_headers=headers, sanitize_html=False)
        if not feed.get("version") and not feed.entries:
            _check_root(text)
        is_complete = is_complete and not (feed.get("bozo") and _FEED_END.search(text) is None)
    links: dict[str, FoundLink] = {}
    images: dict[tuple[str, str], FoundImage] = {}
    url_budget, unread_entries = UrlBudget(), 0
    feed_info = feed.feed
    home_url = resolve_url(url, str(feed_info.get("link") or ""))
    for image in _find_entry_images(feed_info, home_url if is_visitable(home_url) else url):
        images.setdefault((image.page_url, image.url), image)
    for entry in feed.entries:
        page_url = resolve_url(url, str(entry.get("link") or ""))
        unread_entries += bool(entry.get("link")) and not is_visitable(page_url)
        page_url = page_url if is_visitable(page_url) else url
        if page_url != url and url_budget.reserve(page_url):
            links.setdefault(page_url, FoundLink(page_url, Kind.PAGE, _get_entry_modified(entry)))
        dates = _get_published(entry, url, normalise_text(str(feed_info.get("title") or ""), _MAX_NAME_LENGTH))
        for image in _find_entry_images(entry, page_url):
            if url_budget.reserve(image.url):
                images.setdefault((image.page_url, image.url), replace(image, elsewhere=dates))
    return Document(
        images=tuple(images.values()),
        links=tuple(links.values()),
        is_truncated=not is_complete,
        left_out=get_nonzero_counts(
            {OmittedItem.ENTRIES: unread_entries, OmittedItem.ADDRESSES: url_budget.refused_count}
        ),
        title=normalise_text(str(feed_info.get("title") or ""), 300),
        language=normalise_text(str(feed_info.get("language") or ""), 35),
    )


def _check_root(text: str) -> None:
    """Accept feeds without entries and version, such as CDF and RSS 0.90, and reject anything else with its format.

    Raises:
        RefusedError: The document is not a feed.
    """
    name = get_root_name(text)
    if name.lower() in ("channel", "rdf"):
        return
    if name.lower() == "html":
        sentence = Sentence("The feed cannot be read: it is a web page.")
    elif name:
        sentence = Sentence("The feed cannot be read: it is XML with the root element <%(name)s>.", name=name)
    else:
        sentence = Sentence("The feed cannot be read: it is neither XML nor JSON Feed.")
    raise RefusedError(sentence, reason=Reason.UNREADABLE)


def _parse_json_feed(text: str) -> Untyped | None:
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
    feed = _select_texts(feed)
    feed_info = {"title": feed.get("title"), "language": feed.get("language"), "link": feed.get("home_page_url")}
    entries = [_convert_json_item(item) for item in items if isinstance(item, dict)]
    return feedparser.FeedParserDict(entries=entries, feed={**feed_info, "image": {"href": feed.get("icon")}})


def _select_texts(value: dict[str, Any]) -> dict[str, str]:
    """Return the text fields of an object; fields of other types are not used."""
    return {name: text for name, text in value.items() if isinstance(text, str)}


def _convert_json_item(item: dict[str, Any]) -> dict[str, Any]:
    parts = map(_select_texts, _get_parts(item, "attachments"))
    attachments = [{"url": part.get("url"), "type": part.get("mime_type")} for part in parts if part.get("url")]
    item = _select_texts(item)
    addresses = [item.get(name) for name in ("image", "banner_image")]
    return {
        "title": item.get("title"),
        "link": item.get("url") or item.get("external_url"),
        "media_thumbnail": [{"url": address} for address in addresses if address],
        "media_content": attachments,
        "content": [{"value": item.get("content_html")}],
        "published": item.get("date_published"),
        "updated": item.get("date_modified") or item.get("date_published"),
    }


def _find_entry_images(entry: Untyped, page_url: str) -> Iterator[FoundImage]:
    """Yield the images of an entry, or of the feed itself."""
    title = str(entry.get("title") or "")
    caption = normalise_text(f"{title} {entry.get('media_description') or ''} {entry.get('media_credit') or ''}")
    items = [(part, part.get("type") or "", part.get("medium") or "") for part in _get_parts(entry, "media_content")]
    items += [(part, "image/", "") for part in _get_parts(entry, "media_thumbnail")]
    items += [
        (part, part.get("type") or "", "") for part in _get_parts(entry, "links") if part.get("rel") == "enclosure"
    ]
    image = entry.get("image")  # RSS and iTunes
    items += [(image if isinstance(image, dict) else {}, "image/", "")]
    items += [({"url": entry.get("logo")}, "image/", "")]
    for part, media_type, medium in items:
        address = resolve_url(page_url, str(part.get("url") or part.get("href") or ""))
        if address and (str(media_type).startswith("image/") or medium == "image" or not (media_type or medium)):
            yield FoundImage(address, "feed", caption, page_url)
    bodies = [str(part.get("value") or "") for part in _get_parts(entry, "content")]
    for body in [title, *bodies, str(entry.get("summary") or "")]:
        if "<" in body:
            with suppress(RefusedError):
                for body_image in read_page(body, page_url).images:
                    yield FoundImage(body_image.url, "feed", normalise_text(f"{title} {body_image.context}"), page_url)


def _get_parts(entry: Untyped, name: str) -> list[dict[str, Any]]:
    """Return the parts of an entry; an XML element of that name would be text and is ignored."""
    parts = entry.get(name)
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _find_extension_images(entry: Untyped, page_url: str) -> Iterator[FoundImage]:
    """Yield the images named by the image and video extensions: ``image:loc``, ``video:thumbnail_loc``."""
    for image in entry:
        if _get_local_name(image) not in _MEDIA_ELEMENTS:
            continue
        texts = _get_child_texts(image)
        address_text = texts.get("loc" if _get_local_name(image) == "image" else "thumbnail_loc", "")
        if address_text.strip():
            address = resolve_url(page_url, address_text)
            yield FoundImage(
                address, "sitemap", normalise_text(" ".join(texts.get(name, "") for name in _CAPTION_FIELDS)), page_url
            )


def _read_list(text: str, url: str) -> Document:
    """Read one URL per line (sitemaps.org, "Text file"); lines without a URL are counted."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    addresses = [resolve_url(url, line) for line in lines if is_visitable(line)]
    links = tuple(FoundLink(address, Kind.PAGE) for address in dict.fromkeys(filter(None, addresses)))
    if not links:
        raise RefusedError("The sitemap cannot be read.", reason=Reason.UNREADABLE)
    return Document(
        links=links, left_out=get_nonzero_counts({OmittedItem.ENTRIES: len(lines) - sum(map(bool, addresses))})
    )


def _parse_modified(text: str) -> str:
    """Parse a W3C date (sitemaps.org, ``lastmod``), a day as its end; return an empty string if it is not valid."""
    text = text.strip()
    try:
        modified_at = datetime.fromisoformat(text)
        modified_at = modified_at.replace(tzinfo=modified_at.tzinfo or UTC)
        modified_at += timedelta(days=1) if _DAY.fullmatch(text) else timedelta(0)
        return format_rfc3339(modified_at) if modified_at.year >= _FIRST_YEAR else ""
    except (ValueError, OverflowError):
        return ""


def _get_entry_modified(entry: Untyped) -> str:
    """Return the time of a feed entry's last update or else of its publication; empty if neither is stated."""
    names = entry.keys()  # For a missing date, feedparser would warn and return another.
    date = next((entry[name] for name in ("updated_parsed", "published_parsed") if name in names and entry[name]), None)
    if date is not None:
        return _parse_modified(datetime.fromtimestamp(timegm(date), UTC).isoformat())
    return _parse_modified(str(entry["updated"] or "")) if "updated" in names else ""


def _get_published(entry: Untyped, url: str, name: str) -> tuple[SourceStatement, ...]:
    """Return the publication date of a feed entry as the feed states it; empty if it does not."""
    names = entry.keys()
    stated_time = normalise_stated_time(entry["published"]) if "published" in names else ""
    if not stated_time and "published_parsed" in names and entry["published_parsed"]:
        stated_time = normalise_stated_time(timegm(entry["published_parsed"]))
    statement = SourceStatement(kind=SourceStatementKind.FEED_PUBLISHED, by=name, stated=stated_time, where=url)
    return (statement,) if stated_time else ()


def _get_local_name(element: Untyped) -> str:
    """Return an element's name without namespace or undeclared prefix, both of which many sitemaps get wrong."""
    return _PREFIX.split(element.tag)[-1].lower() if isinstance(element.tag, str) else ""


def _get_child_texts(element: Untyped) -> dict[str, str]:
    """Return the texts of an element's children by name; of several children with one name, the first."""
    values: dict[str, str] = {}
    for child in element:
        values.setdefault(_get_local_name(child), child.text or "")
    return values
