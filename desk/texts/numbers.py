"""Numbers and lengths of time as the reader writes them."""

from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from exhibit.types import Money


def grouped(number: int) -> str:
    """A number with its thousands apart."""
    return number_format(number, force_grouping=True)


def lasting(seconds: float) -> str:
    """A length of time in the largest unit of which there are two."""
    for size, words in ((86_400, _("%(n)s days")), (3_600, _("%(n)s h")), (60, _("%(n)s min"))):
        if seconds >= 2 * size:
            return words % {"n": grouped(int(seconds // size))}
    return _("%(n)s s") % {"n": grouped(int(seconds))}


def money(amount: Money) -> str:
    """An exact amount with its currency."""
    number, currency = str(amount).split()
    return number_format(Decimal(number), force_grouping=True) + "\u00a0" + currency
