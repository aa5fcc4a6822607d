from datetime import UTC, datetime, timedelta, timezone

import pytest

from exhibit.clock import MAX_CLOCK_SKEW, format_rfc3339, is_recent, now, parse_rfc3339

NINE = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def test_time_has_the_same_text_form_in_any_time_zone() -> None:
    assert (
        format_rfc3339(NINE)
        == format_rfc3339(NINE.astimezone(timezone(timedelta(hours=8))))
        == "2026-11-20T09:30:00.000000Z"
    )
    for text in ("2026-11-20T09:30:00.000000Z", "2026-11-20T17:30:00+08:00"):
        assert parse_rfc3339(text) == NINE
        assert parse_rfc3339(text).tzinfo is UTC
    assert now().tzinfo is UTC


def test_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        format_rfc3339(NINE.replace(tzinfo=None))
    with pytest.raises(ValueError, match="has no time zone"):
        parse_rfc3339("2026-11-20T09:30:00")


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00", "1000-01-01T00:00:00+14:00"]
)
def test_time_that_cannot_be_serialised_is_not_parsed(text: str) -> None:
    with pytest.raises(ValueError, match=r"out of range|4 digits"):
        parse_rfc3339(text)


def test_time_in_the_future_is_not_recent() -> None:
    within, moment = timedelta(minutes=10), now()
    assert is_recent(moment - timedelta(minutes=9), within)
    assert is_recent(moment + MAX_CLOCK_SKEW / 2, within)
    assert not is_recent(moment - timedelta(minutes=11), within)
    assert not is_recent(moment + 2 * MAX_CLOCK_SKEW, within)
