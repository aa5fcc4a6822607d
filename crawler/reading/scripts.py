"""Find images named in scripts, embedded JSON, JSON-LD and attributes; most of these uses are not standardised."""

import html
import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from lxml.etree import LxmlError

from crawler.reading.limits import MAX_JSON_NODES, MAX_SCRIPT_CHARS, MAX_SCRIPT_PICTURES
from crawler.reading.sniff import IMAGE_SUFFIXES, has_image_suffix
from exhibit.periods import normalise_stated_time
from exhibit.types import Json, Untyped

IMAGE_WORDS = re.compile(
    r"(?:^|[-_.:]|(?-i:(?<=[a-z])(?=[A-Z])))(?:bg|backgrounds?|images?|img|thumb(?:nail)?s?|posters?|photos?|pictures?|"
    r"pics?|hi-?res|coverimage|cover-?src)(?:url|src|uri|path)?(?=$|[-_.:]|(?-i:[A-Z]))",
    re.IGNORECASE,
)
"""Names of attributes and keys that suggest an image: ``data-bg``, ``full_image_url``, ``heroImage``."""
_IMAGE_NAME = re.compile(rf"\.(?:{'|'.join(suffix[1:] for suffix in IMAGE_SUFFIXES)})\b", re.IGNORECASE)
_QUOTED = re.compile(r"""(?P<quote>["'`])(?P<text>[^"'`<>(){}\[\]\s\\|^]{1,2000}+)(?P=quote)""")
_ESCAPE = re.compile(r"(?<!\\)\\++(?:u(?P<four>[0-9a-fA-F]{4})|x(?P<two>[0-9a-fA-F]{2})|(?P<sign>[/\"'`&]))")
_NAME_KEYS = re.compile(r"(?:alt|title|name|file|caption|label|uri|key|id)[\"']?\s*[:=]\s*\Z", re.IGNORECASE)
"""Keys whose value is a file name rather than a URL."""
_VALUE_START, _VALUE_END = re.compile(r"[\[(,:={]\s*\Z"), re.compile(r"\s*[\]),};\n]")
_CONCATENATED_BEFORE, _CONCATENATED_AFTER = re.compile(r"\+\s*\Z"), re.compile(r"\s*\+")
_PLACEHOLDER = re.compile(r"%[sd]|/:\w|[*$]")
_URL_KEYS = frozenset({"src", "url", "href", "uri", "source", "contenturl", "path"})
_IMAGE_CODE = re.compile(
    r"<img\b|[\"'`]img[\"'`]|\bnew\s{1,9}Image\b|\.(?:jpe?g|png|gif|webp|avif)\b|background-?image|srcset",
    re.IGNORECASE,
)
"""Code that suggests that a script creates images, in its own terms or in those of common frameworks."""
_REQUEST_CODE = re.compile(
    r"\bfetch\s{0,9}\(|XMLHttpRequest|\.(?:get|getJSON|ajax|load|post)\s{0,9}\(|\bimport\s{0,9}\(|\baxios\b|document\.write",
    re.IGNORECASE,
)
"""Code that requests further content; every library contains it, too."""
_MAX_OWN_SCRIPT_CHARS = 32_768
_JSON_TYPES = ("application/json", "text/json", "application/manifest+json", "text/x-magento-init")
_IMAGE_KEYS = frozenset({"image", "images", "photo", "photos", "thumbnail", "thumbnailUrl", "primaryImageOfPage"})
_LD_URL_KEYS = ("url", "contentUrl", "@id", "thumbnailUrl")
_IMAGE_TYPES = ("ImageObject", "Photograph", "http://schema.org/ImageObject", "https://schema.org/ImageObject")


def find_images(root: Untyped) -> tuple[list[str], int]:
    """Return image URLs in the scripts of a parsed page, as written, and the number of URLs above the limit.

    JSON is searched by its keys, everything else for quoted URLs that have an image suffix and are not concatenated.
    JSON-LD is left to :func:`find_images_in_json_ld`.
    """
    addresses: dict[str, None] = {}
    for script in root.iter("script", "textarea"):
        kind = (script.get("type") or "").partition(";")[0].strip().lower()
        text = script.text or ""
        if not text or kind == "application/ld+json":
            continue
        if kind in _JSON_TYPES:
            addresses.update(dict.fromkeys(find_urls_in_json(text)))
        addresses.update(dict.fromkeys(find_urls_in_text(text)))
    return list(islice(addresses, MAX_SCRIPT_PICTURES)), max(0, len(addresses) - MAX_SCRIPT_PICTURES)


def find_urls_in_text(text: str) -> Iterator[str]:
    """Yield quoted URLs with an image suffix; bare file names only if they are a whole element or value."""
    if not _IMAGE_NAME.search(text[:MAX_SCRIPT_CHARS]):
        return
    unescaped_text = _ESCAPE.sub(_unescape_match, text[:MAX_SCRIPT_CHARS])
    if "&quot;" in unescaped_text or "&#34;" in unescaped_text:
        unescaped_text = _unescape_html(unescaped_text)
    for match in _QUOTED.finditer(unescaped_text):
        if _IMAGE_NAME.search(match["text"]):
            address = _unescape_html(match["text"])
            text_before, text_after = (
                unescaped_text[max(0, match.start() - 40) : match.start()],
                unescaped_text[match.end() : match.end() + 40],
            )
            is_image = has_image_suffix(address) and has_file_name(address) and not _PLACEHOLDER.search(address)
            if is_image and _is_complete_url(address, text_before, text_after):
                yield address


def _is_complete_url(address: str, text_before: str, text_after: str) -> bool:
    """Return True if a quoted text is a complete URL: the surrounding code does not concatenate it with anything."""
    if _CONCATENATED_BEFORE.search(text_before) or _CONCATENATED_AFTER.match(text_after):
        return False
    if "/" in address.partition("?")[0]:
        return True
    return bool(
        _VALUE_START.search(text_before) and (_VALUE_END.match(text_after) or not text_after)
    ) and not _NAME_KEYS.search(text_before)


def find_urls_in_json(text: str) -> Iterator[str]:
    """Yield JSON strings that have an image suffix, or are URLs under a key that suggests an image."""
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return
    pending: list[tuple[Json, bool]] = [(value, False)]
    for _ in range(MAX_JSON_NODES):
        if not pending:
            return
        node, is_picture = pending.pop()
        if isinstance(node, list):
            pending += [(child, is_picture) for child in reversed(node)]
        elif isinstance(node, dict):
            pending += [(child, _suggests_image(key, is_picture=is_picture)) for key, child in reversed(node.items())]
        elif isinstance(node, str) and is_url(node) and (is_picture or has_image_suffix(node)):
            yield node


def may_show_pictures(script: str) -> bool:
    """Return True if a script mentions images, or is short enough to be a page's own and requests content."""
    return bool(
        _IMAGE_CODE.search(script[:MAX_SCRIPT_CHARS])
        or (len(script) <= _MAX_OWN_SCRIPT_CHARS and _REQUEST_CODE.search(script))
    )


def is_url(text: str) -> bool:
    """Return True if a text may be a URL with a path: rooted or absolute, and on one line."""
    text = text.strip()
    return 3 < len(text) < 2_000 and text.isprintable() and text.startswith(("/", "./", "../", "http://", "https://"))


def _suggests_image(key: str, *, is_picture: bool) -> bool:
    return bool(IMAGE_WORDS.search(key)) or (is_picture and key.lower() in _URL_KEYS)


def has_file_name(address: str) -> bool:
    """Return True if there is a name before the suffix: scripts append ``.jpg`` or ``_thumb.jpg`` to a name."""
    return address.partition("?")[0].partition("#")[0].rpartition("/")[2][:1] not in ".-_"


def _unescape_html(text: str) -> str:
    """Unescape HTML character references; invalid ones are left as they are."""
    try:
        return html.unescape(text)
    except ValueError:  # a character reference with thousands of digits
        return text


def _unescape_match(match: re.Match[str]) -> str:
    code = match["four"] or match["two"]
    return chr(int(code, 16)) if code else match["sign"]


def find_images_in_json_ld(root: Untyped) -> tuple[list[tuple[str, str]], set[str]]:
    """Return URLs and captions of images in the JSON-LD of a parsed page, as written, and publication dates.

    extruct parses the scripts; this function searches the objects. Scripts that cannot be read are skipped, as broken
    ones are common.
    """
    images: list[tuple[str, str]] = []
    published: set[str] = set()
    scripts = [
        script for script in root.iter("script") if (script.get("type") or "").strip().lower() == "application/ld+json"
    ]
    if not scripts:
        return images, published
    from extruct.jsonld import JsonLdExtractor  # noqa: PLC0415 - takes 0.7 s to load, and few pages need it

    extractor = JsonLdExtractor()
    for script in scripts:
        script.set("type", "application/ld+json")
        try:
            items = extractor.extract_items(script)  # one by one, as it stops at the first broken script
        except (ValueError, TypeError, AttributeError, RecursionError, LxmlError):
            continue
        images += _search_items(items, published)
    return images, published


def _search_items(items: list[Any], published: set[str]) -> list[tuple[str, str]]:
    images: list[tuple[str, str]] = []
    pending: list[Any] = list(reversed(items))
    for _ in range(MAX_JSON_NODES):
        if not pending:
            break
        node = pending.pop()
        if isinstance(node, list):
            pending += reversed(node)
        elif isinstance(node, dict):
            kinds = node.get("@type")
            if any(kind in _IMAGE_TYPES for kind in (kinds if isinstance(kinds, list) else [kinds])):
                images += _get_urls_and_captions(node)
            for key, value in node.items():
                if key in _IMAGE_KEYS:
                    images += _get_urls_and_captions(value)
            if stated_time := normalise_stated_time(node.get("datePublished")):
                published.add(stated_time)
            pending += [value for value in reversed(node.values()) if isinstance(value, dict | list)]
    return images


def _get_urls_and_captions(value: Json) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(value, "")]
    if isinstance(value, list):
        return [
            url_and_caption
            for item in value
            if isinstance(item, str | dict)
            for url_and_caption in _get_urls_and_captions(item)
        ]
    if not isinstance(value, dict):
        return []
    caption = next((value[key] for key in ("caption", "name", "description") if isinstance(value.get(key), str)), "")
    address = next((value[key] for key in _LD_URL_KEYS if isinstance(value.get(key), str)), "")
    return [(address, caption)] if address else []
