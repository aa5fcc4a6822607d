"""Test times as sources state them: moments, periods, or none."""

from datetime import UTC, date, datetime

import pytest

from exhibit.periods import (
    get_earliest_time,
    get_latest_time,
    get_period_days,
    normalise_stated_time,
    parse_stated_time,
)

EVENING = datetime(2016, 1, 11, 23, 24, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2016-01-11T23:24:03Z", EVENING),
        ("2016-01-11T23:24:03.25Z", EVENING.replace(microsecond=250_000)),
        ("2016-01-11T23:24:03.123456789Z", EVENING.replace(microsecond=123_456)),
        ("2016-01-12T01:24:03+02:00", EVENING),
        ("2016-01-11t18:24:03-0500", EVENING),
        ("2016-01-11T23:24:03", EVENING),
        ("2016-01-11 23:24:03", EVENING),
        ("20160111232403", EVENING),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_time_in_each_notation_is_parsed_as_utc(text: str, moment: datetime) -> None:
    assert parse_stated_time(text) == (moment, "")


@pytest.mark.parametrize(
    ("text", "period", "first", "last"),
    [
        ("2016", "2016", date(2016, 1, 1), date(2016, 12, 31)),
        ("2016-02", "2016-02", date(2016, 2, 1), date(2016, 2, 29)),
        ("201602", "2016-02", date(2016, 2, 1), date(2016, 2, 29)),
        ("2016-01-11", "2016-01-11", date(2016, 1, 11), date(2016, 1, 11)),
        ("20160111", "2016-01-11", date(2016, 1, 11), date(2016, 1, 11)),
        ("2016-01-11T23:24Z", "2016-01-11T23:24Z", date(2016, 1, 11), date(2016, 1, 11)),
        ("201601112324", "2016-01-11T23:24Z", date(2016, 1, 11), date(2016, 1, 11)),
    ],
)
def test_period_keeps_the_precision_and_days_of_its_times(text: str, period: str, first: date, last: date) -> None:
    assert parse_stated_time(text) == (None, period)
    assert get_period_days(period) == (first, last)


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "2016-13", "2016-02-30", "0000", "2016-01-11T25:00:00Z", "2016-01-11T23", "9999",
        "2999-01-01T00:00:00Z", "2016-01-11T23:24:03+99:00",
    ],
)  # fmt: skip
def test_invalid_or_future_time_is_omitted(text: str) -> None:
    assert parse_stated_time(text) == (None, "")


def test_unknown_time_is_never_the_earliest_or_latest() -> None:
    assert (get_earliest_time([None, EVENING]), get_latest_time([EVENING, None])) == (EVENING, EVENING)
    assert get_earliest_time([None]) is get_latest_time([]) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2016-01-11T23:24:03Z", "2016-01-11T23:24:03Z"),
        (" 2016-01-12T01:24:03.5+02:00", "2016-01-11T23:24:03Z"),
        ("2016-01-11T23:24Z", "2016-01-11T23:24Z"),
        ("2016-01-11T23:24:03", "2016-01-11"),  # in an unknown zone
        ("2016-01", "2016-01"),
        ("2016", "2016"),
        (1_452_554_643, "2016-01-11T23:24:03Z"),
        ("1452554643", ""),
        ("20160111", ""),
        ("9999-01-01", ""),
        ("2016-13-01", ""),
        (True, ""),
        (-1, ""),
        (10**30, ""),
        (None, ""),
        ({}, ""),
    ],
)
def test_time_from_page_or_search_keeps_its_precision(value: object, expected: str) -> None:
    assert normalise_stated_time(value) == expected
