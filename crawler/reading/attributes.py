"""Images named in HTML attributes: lazy loading, light boxes, page builders, microdata and RDFa."""

import re
from collections.abc import Iterator

from crawler.reading import css, scripts
from crawler.reading.sniff import has_image_suffix
from exhibit.types import Untyped

IMAGE_TAGS = frozenset({"img", "source", "amp-img", "image"})
_LAZY_ATTRIBUTES = frozenset({
    "data-src", "data-original", "data-lazy", "data-lazy-src", "data-lazyload", "data-url", "data-hi-res-src",
    "data-large", "data-full", "data-full-src", "data-zoom-image", "data-image", "data-img", "data-bg", "data-echo",
    "data-background", "data-actualsrc", "data-original-src", "data-srcimage", "data-thumb", "lazy-src", "ng-src",
    "data-cfsrc", "data-ezsrc", "data-flickity-lazyload", "data-splide-lazy", "data-pagespeed-lazy-src",
    "data-lazy-load", "data-lazysrc", "data-ll-src", "data-src-retina", "data-deferred-src", "file", "zoomfile",
})  # fmt: skip
"""Attributes in which lazy loaders store the URL of an ``img``, regardless of the URL's form."""
_OTHER_ATTRIBUTES = re.compile(
    r"^(?:href|src|alt|title|id|class|name|value|type|content|itemprop|property|download|accept|placeholder|resource|"
    r"longdesc|about|srcdoc|aria-.*|[:@*[].*|v-.*|x-.*)$|title|caption|tooltip|"
    r"(?:^|-)(?:alt|name|filename|label|desc(?:ription)?|text|width|height|size|index|count|id|href|link)$",
    re.IGNORECASE,
)
"""Attributes that contain words, numbers, code or page URLs, and those that their element's own reader handles."""
_IMAGE_PROPERTIES = frozenset(
    {"image", "thumbnail", "thumbnailurl", "contenturl", "photo", "primaryimageofpage", "img", "depiction"}
)
_OTHER_SUFFIXES = re.compile(r"\.(?:html?|php\d?|aspx?|jsp|js|css|json|xml|svgz?|mp[34]|webm|m4[av]|pdf|zip|woff2?)$")
_SEPARATORS = re.compile(r"[\s,|;]+")
_PLACEHOLDER_WIDTH = "1024"
"""Width used for image URLs with a width placeholder, which shops use."""
_CANDIDATE = re.compile(r"[\s,]*(?P<url>\S+)")
_DESCRIPTORS = re.compile(r"(?:\([^)]*(?:\)|\Z)|[^,(])*")
_SIZE = re.compile(r"(?<!\d)(?P<number>\d+(?:\.\d+)?)(?P<unit>[wx])")


def find_images(tag: str, name: str, value: str, element: Untyped) -> list[str]:
    """Return image URLs in an attribute, as written; skips attributes that the element's own reader handles."""
    if name == "style":
        return css.read_sheet(value)[0] if "(" in value else []
    if name in ("itemprop", "property"):
        return _read_property(element, value) if tag != "meta" else []
    if not value or _OTHER_ATTRIBUTES.search(name) or (name == "srcset" and tag in IMAGE_TAGS):
        return []
    if name.startswith("on"):
        return list(scripts.find_urls_in_text(value))
    return [address for address in _find_urls(tag, name, value.strip()) if "{" not in address]


def _find_urls(tag: str, name: str, value: str) -> Iterator[str]:
    """Yield image URLs from a non-standard attribute: a single URL, a ``srcset``, a list, JSON, CSS or HTML."""
    if "url(" in value:
        yield from css.read_sheet(value)[0]
    elif value[:1] in "[{<" and value:
        yield from dict.fromkeys((*scripts.find_urls_in_json(value), *scripts.find_urls_in_text(value)))
    elif "srcset" in name or name.endswith(("bgset", "-set")):
        yield from map(find_largest, value.split("|") if name.endswith("bgset") else [value])
    elif len(parts := [part for part in _SEPARATORS.split(value) if part]) > 1 and all(map(has_image_suffix, parts)):
        yield from filter(scripts.has_file_name, parts)
    elif has_image_suffix(value):
        value = value.replace("{width}", _PLACEHOLDER_WIDTH)
        yield from [value] if scripts.has_file_name(value) else []
    elif (
        name in ("background", "poster")
        or (name in _LAZY_ATTRIBUTES and tag in IMAGE_TAGS)
        or _suggests_image(name, value)
    ):
        yield value


def _suggests_image(name: str, value: str) -> bool:
    """Return True if an attribute's name suggests an image, and its value may be an image URL."""
    is_other_type = _OTHER_SUFFIXES.search(value.partition("?")[0].lower())
    return bool(scripts.IMAGE_WORDS.search(name)) and scripts.is_url(value) and not is_other_type


def _read_property(element: Untyped, names: str) -> list[str]:
    """Return the image URL in microdata (HTML, 5.2.4) or RDFa (RDFa Core 1.1, 7.5) of an element."""
    if not _IMAGE_PROPERTIES & {name.rpartition(":")[2].rpartition("/")[2].lower() for name in names.split()}:
        return []
    values = (element.get(name) or "" for name in ("content", "resource", "href", "src", "data"))
    return [next((value for value in values if value), "")]


def parse_srcset(srcset: str) -> list[tuple[str, float]]:
    """Return all ``srcset`` candidates with width or density (1 if not given), after the HTML standard, 4.8.4.2.

    Invalid text between candidates is skipped. URLs are returned as written.
    """
    candidates: list[tuple[str, float]] = []
    position = 0
    while match := _CANDIDATE.match(srcset, position):
        url, position = match["url"], match.end()
        if url.endswith(","):
            descriptors = ""
        else:
            descriptor_match = _DESCRIPTORS.match(srcset, position)
            descriptors = descriptor_match[0] if descriptor_match else ""
            position += len(descriptors) + 1
        url = url.rstrip(",")
        if url:
            size = _SIZE.search(descriptors)
            candidates.append((url, float(size["number"]) if size else 1.0))
    return candidates


def find_largest(srcset: str) -> str:
    """Return the URL of the largest candidate, or an empty string; per the standard, all show the same image."""
    candidates = parse_srcset(srcset)
    return max(candidates, key=lambda candidate: candidate[1])[0] if candidates else ""
