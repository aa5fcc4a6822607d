"""Periods as people write them."""

import click
import pytest

from desk.cli.watching.periods import period, shown


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600)])
def test_periods_are_read(text: str, seconds: int) -> None:
    assert period(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "1y", "1h30m", "99999999h"])
def test_other_periods_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        period(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(90, "90s"), (1800, "30m"), (86_400, "24h"), (172_800, "2d"), (604_800, "1w")]
)
def test_periods_are_shown_in_their_largest_unit(seconds: int, text: str) -> None:
    assert shown(seconds) == text
