"""Amounts are whole numbers of a currency's smallest unit, exactly as they were written."""

from decimal import Decimal

import pytest

from exhibit.errors import WrongUseError
from registry.parties.amounts import MAX_AMOUNT, checked_amount, currency_named, in_units, read_amount


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [("1200.5", "EUR", 120_050), (" 0.01 ", "EUR", 1), ("800", "JPY", 800), ("1.234", "KWD", 1234), ("3", "BHD", 3000)],
)
def test_an_amount_is_read_exactly_and_written_as_it_was(text: str, currency: str, amount: int) -> None:
    assert read_amount(text, currency) == amount
    assert in_units(amount, currency) == Decimal(text.strip())


@pytest.mark.parametrize(
    ("text", "currency"),
    [("1.5", "JPY"), ("1.234", "EUR"), ("1,000", "EUR"), ("-1", "EUR"), ("1e3", "EUR"), ("", "EUR"), ("٣", "EUR")],
)
def test_what_isnt_an_amount_of_the_currency_is_refused(text: str, currency: str) -> None:
    with pytest.raises(WrongUseError, match=currency):
        read_amount(text, currency)


def test_an_amount_has_its_bounds() -> None:
    assert checked_amount(MAX_AMOUNT) == MAX_AMOUNT
    for amount in (MAX_AMOUNT + 1, -1):
        with pytest.raises(WrongUseError):
            checked_amount(amount)


def test_currencies_are_those_of_the_standard() -> None:
    assert currency_named(" cny ") == "CNY"
    for text in ("EU", "EUX", "", "R U", "AED\n", "DAFN"[:3]):
        if text.strip() != "AED":
            with pytest.raises(WrongUseError):
                currency_named(text)
