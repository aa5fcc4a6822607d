"""Time-zone-aware UTC times, and the text format in which Exhibit seals them."""

from datetime import UTC, datetime, timedelta

MAX_CLOCK_SKEW = timedelta(minutes=2)
"""Largest allowed difference between the clocks of machines in one installation."""


def now() -> datetime:
    """Return the current time (aware, UTC)."""
    return datetime.now(UTC)


def format_rfc3339(time: datetime) -> str:
    """Format a time as UTC: ``2026-11-20T09:30:00.000000Z``. Raises ``ValueError`` for naive times."""
    if time.tzinfo is None:
        raise ValueError("a time without a time zone cannot be formatted")
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> datetime:
    """Parse a time with a zone (RFC 3339). Raises ``ValueError`` without a zone or outside years 1000 to 9999."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        message = f"{text!r} has no time zone"
        raise ValueError(message)
    try:
        time = time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error
    if time.year < 1000:
        message = f"{text!r} has a year with fewer than 4 digits"
        raise ValueError(message)
    return time


def is_recent(time: datetime, within: timedelta) -> bool:
    """Return True if the time is at most ``within`` ago.

    Times more than :data:`MAX_CLOCK_SKEW` in the future (from a clock that was ahead) do not count as recent.
    """
    return -MAX_CLOCK_SKEW <= now() - time <= within
