"""Examples of requests and answers, put together from those of their fields."""

from collections.abc import Mapping
from typing import Any

from exhibit.types import Json

DAY = "2026-11-20"
FORMATS = {"date": DAY, "date-time": f"{DAY}T12:00:00.000000Z"}
PLAIN: dict[str, Any] = {"string": "", "integer": 0, "number": 0.0, "boolean": False, "null": None}
USUAL: dict[str, Any] = {
    "added_by": "ann@example.org",
    "asked": 3,
    "asked_by": "ann@example.org",
    "by": "ann@example.org",
    "bytes": 48213,
    "case": 3,
    "complete": 3,
    "contact": "rights@example.org",
    "dense": 0.93,
    "file": "harbour.jpg",
    "format": "jpeg",
    "hamming": 6,
    "height": 1200,
    "image_url": "https://shop.example/images/42.jpg",
    "inliers": 214,
    "made_by": "ann@example.org",
    "needed": 2,
    "number": 1,
    "page_url": "https://shop.example/42",
    "pages": 120,
    "pictures": 340,
    "sightings": 361,
    "size": 5120,
    "started_by": "ann@example.org",
    "state": "done",
    "title": "Harbour at dawn",
    "watch": "shop",
    "url": "https://shop.example/",
    "width": 1800,
    "witness": "A timestamping authority",
    "work": 12,
    "works": 500,
}
"""Of fields that say the same wherever they stand."""

Schema = Mapping[str, Any]


def example_of(schema: Schema, named: Mapping[str, Schema], field: str = "") -> Json:
    """An example of what a schema describes: its own, its default, its first choice, or one of its parts.

    ``named`` is what its references lead to, ``field`` the name under which it stands, if any.
    """
    if "$ref" in schema:
        schema = {**named[schema["$ref"].rpartition("/")[2]], **schema}
    told = [*schema.get("examples", ()), schema.get("default"), *schema.get("enum", ())]
    said = [answer for answer in told if answer is not None]
    return said[0] if said else _made(schema, named, field)


def _made(schema: Schema, named: Mapping[str, Schema], field: str) -> Json:
    if "anyOf" in schema:
        return None if {"type": "null"} in schema["anyOf"] else example_of(schema["anyOf"][0], named, field)
    if schema["type"] == "object":
        return {name: example_of(one, named, name) for name, one in schema.get("properties", {}).items()}
    if schema["type"] == "array":
        one = example_of(schema["items"], named)
        return [one] if isinstance(one, dict) else []
    plain = FORMATS.get(schema.get("format", ""), PLAIN[schema["type"]])
    usual = USUAL.get(field, plain)
    return usual if isinstance(usual, type(plain)) else plain
