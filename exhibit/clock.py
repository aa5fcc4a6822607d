"""The one clock: aware UTC times, and the one text form in which they are sealed."""

from datetime import UTC, datetime, timedelta

SLACK = timedelta(minutes=2)
"""By so much the clocks of machines that belong together may differ."""


def now() -> datetime:
    """The current time, aware, UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """A time in UTC with microseconds: ``2026-11-20T09:30:00.000000Z``. Raises ``ValueError`` without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone can't be written down")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> datetime:
    """The inverse of :func:`rfc3339`; raises ``ValueError`` without a zone, or outside the years 1000 to 9999."""
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
    """Whether something happened so lately; what a clock that was ahead has dated counts as long ago."""
    return -SLACK <= now() - moment <= within
