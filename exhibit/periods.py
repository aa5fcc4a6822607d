"""Times as stated by sources: an exact time, a period if the source is less precise, or nothing."""

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone

from exhibit.clock import MAX_CLOCK_SKEW, now

FIRST_YEAR = 1990
_COMPACT_TIME = re.compile(r"[0-9]{14}", re.ASCII)
_TIME = re.compile(
    r"(?P<year>\d{4})(?:-?(?P<month>\d\d)(?:-?(?P<day>\d\d)"
    r"(?:[Tt ]?(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<part>\d{1,9}))?)?"
    r"\s*(?P<zone>[Zz]|[+-]\d\d:?\d\d)?)?)?)?",
    re.ASCII,
)
_MAX_UNIX_TIME = 1 << 33
_PRECISION_LENGTHS = {"minute": 16, "day": 10, "month": 7, "year": 4}
"""Number of characters of ISO 8601 for each precision, the shortest period first."""


def parse_stated_time(text: str) -> tuple[datetime | None, str]:
    """Parse a time of a web archive: ``2016-01-11T23:24:03.5Z`` or its beginning, down to the year (WARC 1.1, 5.4).

    Digits without separators are accepted, as in ARC files. Times without a time zone are UTC, as the archive formats
    require. Second 60 counts as the end of second 59.

    Returns:
        The time (aware, UTC) and an empty string; or ``None`` and the period, such as ``2016``, ``2016-01``,
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
        start = datetime(**{"month": 1, "day": 1, **numbers}, tzinfo=_parse_zone(match["zone"])).astimezone(UTC)
    except (ValueError, OverflowError):
        return None, ""
    if start > now() + MAX_CLOCK_SKEW:
        return None, ""
    if "second" not in numbers:
        precision = next(name for name in _PRECISION_LENGTHS if name in numbers)
        return None, start.isoformat()[: _PRECISION_LENGTHS[precision]] + ("Z" if precision == "minute" else "")
    microseconds = "999999" if is_leap else (match["part"] or "")[:6].ljust(6, "0")
    return start.replace(microsecond=int(microseconds)), ""


def parse_capture_time(stamp: str) -> datetime | None:
    """Parse the 14-digit time of a web archive index (aware, UTC); ``None`` for other texts.

    Times before 1990 are rejected as well: there was no web.
    """
    time = parse_stated_time(stamp)[0] if _COMPACT_TIME.fullmatch(stamp) else None
    return None if time is None or time.year < FIRST_YEAR else time


def normalise_stated_time(value: object) -> str:
    """Normalise a time stated by a page or a search, and keep its precision; empty for unreadable or future times.

    Seconds since 1970 are accepted. A time without a time zone may be local time, so only its day is kept.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return (
            normalise_stated_time(datetime.fromtimestamp(value, UTC).isoformat()) if 0 < value < _MAX_UNIX_TIME else ""
        )
    text = value.strip() if isinstance(value, str) else ""
    match = _TIME.fullmatch(text)
    if match is None or "-" not in text[:5]:  # other digits without separators may be any number
        return text if re.fullmatch(r"(?:19|20)\d\d", text, re.ASCII) and parse_stated_time(text)[1] else ""
    time, period = parse_stated_time(text if match["zone"] else text[:10])
    return period if time is None else time.strftime("%Y-%m-%dT%H:%M:%SZ")


def get_period_days(period: str) -> tuple[date, date]:
    """Return the first and the last day of a period in the format of :func:`parse_stated_time`."""
    first_day_text = {4: f"{period}-01-01", 7: f"{period}-01"}.get(len(period), period[:10])
    first_day = date.fromisoformat(first_day_text)
    if len(period) == 4:
        return first_day, first_day.replace(month=12, day=31)
    return first_day, first_day.replace(day=monthrange(first_day.year, first_day.month)[1]) if len(
        period
    ) == 7 else first_day


def get_earliest_time(times: Iterable[datetime | None]) -> datetime | None:
    """Return the earliest time, ignoring ``None``; ``None`` if there is no other."""
    return min((time for time in times if time is not None), default=None)


def get_latest_time(times: Iterable[datetime | None]) -> datetime | None:
    """Return the latest time, ignoring ``None``; ``None`` if there is no other."""
    return max((time for time in times if time is not None), default=None)


def _parse_zone(text: str | None) -> timezone:
    if not text or text in "Zz":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)
