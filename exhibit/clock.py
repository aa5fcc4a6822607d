"""Time-zone-aware UTC times, and the only text format in which Exhibit seals them."""

from datetime import UTC, datetime, timedelta

SLACK = timedelta(minutes=2)
"""Largest allowed difference between the clocks of machines in one installation."""


def now() -> datetime:
    """Return the current time (aware, UTC)."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """Format a time as UTC: ``2026-11-20T09:30:00.000000Z``. Raises ``ValueError`` for naive times."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone can't be written down")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> datetime:
    """Parse the format of :func:`rfc3339`. Raises ``ValueError`` without a zone or outside years 1000 to 9999."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        message = f"{text!r} has no zone"
        raise ValueError(message)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error
    if moment.year < 1000:
        message = f"{text!r} is of a year that has less than 4 digits"
        raise ValueError(message)
    return moment


def is_recent(moment: datetime, within: timedelta) -> bool:
    """Return True if the moment is at most ``within`` ago.

    Moments more than :data:`SLACK` in the future (dated by a clock that was ahead) do not count as recent.
    """
    return -SLACK <= now() - moment <= within
