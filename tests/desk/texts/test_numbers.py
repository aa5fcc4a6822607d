"""Test numbers in the reader's format."""

import pytest
from django.utils import translation

from desk.texts.numbers import PLURAL_FORMS, counted, grouped


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_thousands_are_grouped(language: str) -> None:
    with translation.override(language):
        assert [grouped(number) for number in (0, 999, 20_000, 1_234_567)] == ["0", "999", "20,000", "1,234,567"]


def test_plural_forms_are_used() -> None:
    assert [counted(n, "cases") for n in (0, 1, 2, 1_234)] == ["0 cases", "1 case", "2 cases", "1,234 cases"]
    english = {counted(2, name) for name in PLURAL_FORMS}
    with translation.override("zh-hans"):
        assert not english & {counted(2, name) for name in PLURAL_FORMS}
