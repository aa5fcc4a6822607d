"""Times as sources state them: a moment, a period if the source is less precise, or nothing."""

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
"""Number of characters of ISO 8601 for each precision, the shortest period first."""


def stated_time(text: str) -> tuple[datetime | None, str]:
    """Parse a time as web archives state it: any known part of ``2016-01-11T23:24:03.5Z`` (WARC 1.1, 5.4).

    Digits without separators are accepted, as in ARC files. Times without a time zone are UTC, as the archive formats
    require. Second 60 counts as the end of second 59.

    Returns:
        The moment (aware, UTC) and an empty string; or ``None`` and the period, such as ``2016``, ``2016-01``,
        ``2016-01-11`` or ``2016-01-11T23:24Z``. The period is empty for unreadable and future times.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None, ""
    numbers = {name: int(value) for name, value in match.groupdict().items() if value and name not in ("part", "zone")}
    is_leap = numbers.get("second") == 60
    if is_leap:
        numbers["second"] = 59
    try:
        begin = datetime(**{"month": 1, "day": 1, **numbers}, tzinfo=_zone(match["zone"])).astimezone(UTC)
    except (ValueError, OverflowError):
        return None, ""
    if begin > now() + SLACK:
        return None, ""
    if "second" not in numbers:
        form = next(name for name in _LENGTHS if name in numbers)
        return None, begin.isoformat()[: _LENGTHS[form]] + ("Z" if form == "minute" else "")
    part = "999999" if is_leap else (match["part"] or "")[:6].ljust(6, "0")
    return begin.replace(microsecond=int(part)), ""


def capture_time(stamp: str) -> datetime | None:
    """Parse the 14-digit time of a web archive index (aware, UTC); ``None`` for other texts and before 1990.

    There was no web before 1990.
    """
    moment = stated_time(stamp)[0] if _STAMP.fullmatch(stamp) else None
    return None if moment is None or moment.year < FIRST_YEAR else moment


def as_stated(value: object) -> str:
    """Normalise a time that a page or a search states, at its precision; empty for unreadable or future times.

    Seconds since 1970 are accepted. A time without a time zone may be local time, so only its day is kept.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return as_stated(datetime.fromtimestamp(value, UTC).isoformat()) if 0 < value < _MAX_SECONDS else ""
    text = value.strip() if isinstance(value, str) else ""
    match = _TIME.fullmatch(text)
    if match is None or "-" not in text[:5]:  # digits alone may be any number
        return text if re.fullmatch(r"(?:19|20)\d\d", text, re.ASCII) and stated_time(text)[1] else ""
    moment, period = stated_time(text if match["zone"] else text[:10])
    return period if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def days_of(period: str) -> tuple[date, date]:
    """Return the first and the last day of a period in the format of :func:`stated_time`."""
    whole = {4: f"{period}-01-01", 7: f"{period}-01"}.get(len(period), period[:10])
    first = date.fromisoformat(whole)
    if len(period) == 4:
        return first, first.replace(month=12, day=31)
    return first, first.replace(day=monthrange(first.year, first.month)[1]) if len(period) == 7 else first


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the earliest of the moments that are not ``None``."""
    return min((moment for moment in moments if moment is not None), default=None)


def latest(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the latest of the moments that are not ``None``."""
    return max((moment for moment in moments if moment is not None), default=None)


def _zone(text: str | None) -> timezone:
    if not text or text in "Zz":
        return UTC
    away = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-away if text[0] == "-" else away)
