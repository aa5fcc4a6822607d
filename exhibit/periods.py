"""Times as sources state them: a moment, or a period where they state no more, or nothing."""

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone

from exhibit.clock import SLACK, now

FIRST_YEAR = 1990
_STAMP = re.compile(r"[0-9]{14}", re.ASCII)
_TIME = re.compile(
    r"(?P<year>\d{4})(?:-?(?P<month>\d\d)(?:-?(?P<day>\d\d)"
    r"(?:[Tt ]?(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<part>\d{1,9}))?)?"
    r"\s*(?P<zone>[Zz]|[+-]\d\d:?\d\d)?)?)?)?",
    re.ASCII,
)
_MAX_SECONDS = 1 << 33
_LENGTHS = {"minute": 16, "day": 10, "month": 7, "year": 4}
"""How much of ISO 8601 states a period, the shortest one first."""


def stated_time(text: str) -> tuple[datetime | None, str]:
    """Read a time as web archives state it: as much of ``2016-01-11T23:24:03.5Z`` as is known (WARC 1.1, 5.4).

    Returns the moment, aware, UTC; or ``None`` and the period, such as ``2016``, ``2016-01``, ``2016-01-11`` or
    ``2016-01-11T23:24Z``, which is empty where there is none. Digits alone will do, as ARC has them. Without a zone it
    is UTC, as the formats of archives prescribe. The second 60 counts as the end of the one before. What can't be read,
    or lies in the future, is no time.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None, ""
    told = {name: int(value) for name, value in found.groupdict().items() if value and name not in ("part", "zone")}
    is_leap = told.get("second") == 60
    if is_leap:
        told["second"] = 59
    try:
        begin = datetime(**{"month": 1, "day": 1, **told}, tzinfo=_zone(found["zone"])).astimezone(UTC)
    except (ValueError, OverflowError):
        return None, ""
    if begin > now() + SLACK:
        return None, ""
    if "second" not in told:
        form = next(name for name in _LENGTHS if name in told)
        return None, begin.isoformat()[: _LENGTHS[form]] + ("Z" if form == "minute" else "")
    part = "999999" if is_leap else (found["part"] or "")[:6].ljust(6, "0")
    return begin.replace(microsecond=int(part)), ""


def capture_time(stamp: str) -> datetime | None:
    """The moment of 14 digits in the index of a web archive, aware, UTC; ``None`` for others, and for any before 1990.

    There was no web before.
    """
    moment = stated_time(stamp)[0] if _STAMP.fullmatch(stamp) else None
    return None if moment is None or moment.year < FIRST_YEAR else moment


def as_stated(value: object) -> str:
    """A time as a page or a search states it, at the precision of that; empty for what is no time, or in the future.

    Seconds since 1970 will do. A time without a zone is somewhere's: its day is what is stated.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return as_stated(datetime.fromtimestamp(value, UTC).isoformat()) if 0 < value < _MAX_SECONDS else ""
    text = value.strip() if isinstance(value, str) else ""
    found = _TIME.fullmatch(text)
    if found is None or "-" not in text[:5]:  # digits alone may be any number
        return text if re.fullmatch(r"(?:19|20)\d\d", text, re.ASCII) and stated_time(text)[1] else ""
    moment, period = stated_time(text if found["zone"] else text[:10])
    return period if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def days_of(period: str) -> tuple[date, date]:
    """The first and the last day of a period, as :func:`stated_time` gives it."""
    whole = {4: f"{period}-01-01", 7: f"{period}-01"}.get(len(period), period[:10])
    first = date.fromisoformat(whole)
    if len(period) == 4:
        return first, first.replace(month=12, day=31)
    return first, first.replace(day=monthrange(first.year, first.month)[1]) if len(period) == 7 else first


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """The first of some moments, as far as they are known."""
    return min((moment for moment in moments if moment is not None), default=None)


def latest(moments: Iterable[datetime | None]) -> datetime | None:
    """The last of some moments, as far as they are known."""
    return max((moment for moment in moments if moment is not None), default=None)


def _zone(text: str | None) -> timezone:
    if not text or text in "Zz":
        return UTC
    away = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-away if text[0] == "-" else away)
