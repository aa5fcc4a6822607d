"""Rows as plain JSON data."""

from datetime import date, datetime
from typing import Any

from exhibit.clock import rfc3339
from exhibit.digests import Digest

Plain = dict[str, Any]


def fields(row: object, names: str) -> Plain:
    """What a row holds under these names: digests in hexadecimal digits, times in RFC 3339 in UTC, days in ISO 8601.

    Args:
        row: of whatever kind.
        names: of its attributes, with blanks between them.
    """
    return {name: _plain(getattr(row, name)) for name in names.split()}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    return value.hex if isinstance(value, Digest) else value
