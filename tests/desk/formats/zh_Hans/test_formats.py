from datetime import datetime

from django.utils import formats, translation

from desk.texts.numbers import grouped


def test_dates_and_numbers_follow_chinese_conventions() -> None:
    moment = datetime(2026, 5, 4, 15, 6)  # noqa: DTZ001 - only how it is written matters
    with translation.override("zh-hans"):
        assert formats.date_format(moment, "DATE_FORMAT") == "2026年5月4日"
        assert formats.date_format(moment, "SHORT_DATETIME_FORMAT") == "2026年5月4日 15:06"
        assert formats.date_format(moment, "YEAR_MONTH_FORMAT") == "2026年5月"
        assert grouped(1234567) == "1,234,567"
