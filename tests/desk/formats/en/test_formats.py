from datetime import datetime

from django.utils import formats, translation

from desk.texts.numbers import grouped


def test_dates_are_unambiguous() -> None:
    moment = datetime(2026, 5, 4, 15, 6)  # noqa: DTZ001 - only how it is written matters
    with translation.override("en"):
        assert (
            formats.date_format(moment, "DATE_FORMAT")
            == formats.date_format(moment, "SHORT_DATE_FORMAT")
            == "4 May 2026"
        )
        assert formats.date_format(moment, "DATETIME_FORMAT") == "4 May 2026, 15:06"
        assert formats.date_format(moment, "YEAR_MONTH_FORMAT") == "May 2026"
        assert grouped(1234567) == "1,234,567"
