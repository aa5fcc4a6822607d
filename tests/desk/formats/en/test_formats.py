from datetime import datetime

from django.utils import formats, translation

from desk.texts.numbers import grouped


def test_days_are_written_so_that_no_reader_takes_the_month_for_the_day() -> None:
    when = datetime(2026, 5, 4, 15, 6)  # noqa: DTZ001 - only how it is written matters
    with translation.override("en"):
        assert (
            formats.date_format(when, "DATE_FORMAT") == formats.date_format(when, "SHORT_DATE_FORMAT") == "4 May 2026"
        )
        assert formats.date_format(when, "DATETIME_FORMAT") == "4 May 2026, 15:06"
        assert formats.date_format(when, "YEAR_MONTH_FORMAT") == "May 2026"
        assert grouped(1234567) == "1,234,567"
