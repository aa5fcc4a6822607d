"""Images that a page names in JSON-LD for machines. extruct reads the scripts; here the objects are searched."""

from typing import Any

from lxml.etree import LxmlError

from exhibit.types import Json, Untyped

_IMAGE_KEYS = frozenset({"image", "images", "photo", "photos", "thumbnail", "thumbnailUrl", "primaryImageOfPage"})
_ADDRESS_KEYS = ("url", "contentUrl", "@id", "thumbnailUrl")
_IMAGE_TYPES = ("ImageObject", "Photograph", "http://schema.org/ImageObject", "https://schema.org/ImageObject")
_MAX_NODES = 20_000


def images_of(root: Untyped) -> list[tuple[str, str]]:
    """Addresses and captions of images in the JSON-LD scripts of a parsed page, as written.

    A script that can't be read is left out: pages are full of broken ones.
    """
    from extruct.jsonld import JsonLdExtractor  # noqa: PLC0415 - takes 0.7 s to load, and few pages need it

    extractor = JsonLdExtractor()
    found: list[tuple[str, str]] = []
    for script in root.iter("script"):
        if (script.get("type") or "").strip().lower() != "application/ld+json":
            continue
        script.set("type", "application/ld+json")
        try:
            items = extractor.extract_items(script)  # one by one: it stops at the first broken script
        except (ValueError, TypeError, AttributeError, RecursionError, LxmlError):
            continue
        found += _search(items)
    return found


def _search(items: list[Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    waiting: list[Any] = list(reversed(items))
    for _ in range(_MAX_NODES):
        if not waiting:
            break
        node = waiting.pop()
        if isinstance(node, list):
            waiting += reversed(node)
        elif isinstance(node, dict):
            kinds = node.get("@type")
            if any(kind in _IMAGE_TYPES for kind in (kinds if isinstance(kinds, list) else [kinds])):
                found += _addresses(node)
            for key, value in node.items():
                if key in _IMAGE_KEYS:
                    found += _addresses(value)
            waiting += [value for value in reversed(node.values()) if isinstance(value, dict | list)]
    return found


def _addresses(value: Json) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(value, "")]
    if isinstance(value, list):
        return [pair for item in value if isinstance(item, str | dict) for pair in _addresses(item)]
    if not isinstance(value, dict):
        return []
    words = next((value[key] for key in ("caption", "name", "description") if isinstance(value.get(key), str)), "")
    address = next((value[key] for key in _ADDRESS_KEYS if isinstance(value.get(key), str)), "")
    return [(address, words)] if address else []
