"""Numbers as readers write them."""

import pytest
from django.utils import translation

from desk.texts.numbers import grouped


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_thousands_stand_apart(language: str) -> None:
    with translation.override(language):
        assert [grouped(one) for one in (0, 999, 20_000, 1_234_567)] == ["0", "999", "20,000", "1,234,567"]
