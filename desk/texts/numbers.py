"""Numbers as the reader writes them."""

from decimal import Decimal

from django.utils.formats import number_format

from exhibit.types import Money


def grouped(number: int) -> str:
    """A number with its thousands apart."""
    return number_format(number, force_grouping=True)


def money(amount: Money) -> str:
    """An exact amount with its currency."""
    number, currency = str(amount).split()
    return number_format(Decimal(number), force_grouping=True) + "\u00a0" + currency
