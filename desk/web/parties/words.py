"""Words of the pages of parties and money, in the reader's language."""

from collections.abc import Iterable

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from registry.models import DemandEntry, Fee
from registry.parties.demands import fee_in_words, in_units
from registry.parties.periods import period_named

ENTRIES = {
    DemandEntry.Kind.ASKED: pgettext_lazy("money", "asked"),
    DemandEntry.Kind.AGREED: pgettext_lazy("money", "agreed"),
    DemandEntry.Kind.RECEIVED: pgettext_lazy("money", "received"),
}
MISSING = {
    "nobody": _("No registry is known that answers for it."),
    "not-found": _("The registry doesn't know it."),
    "no-answer": _("The registry didn't answer."),
    "nonsense": _("The registry's answer couldn't be read."),
}


def amount(number: int | None, currency: str) -> str:
    """An amount with its currency in the reader's form; a stroke for none."""
    if number is None:
        return "–"
    return number_format(in_units(number, currency), force_grouping=True) + "\u00a0" + currency


def fees(offered: Iterable[Fee]) -> list[tuple[str, str]]:
    """Fees as a form offers them, behind none of them; nothing where there are none."""
    told = [
        (f"{fee.table.number}.{fee.number}", f"{fee_in_words(fee)[:80]} · {amount(fee.amount, fee.table.currency)}")
        for fee in offered
    ]
    return [("", str(_("None of a table: an amount of your own"))), *told] if told else []


def period(name: str) -> str:
    """A month, a quarter or a year by its name, such as ``2026-Q3``."""
    found = period_named(name)
    if name.isdecimal():
        return str(_("%(year)s, the whole year") % {"year": name})
    year, _dash, part = name.partition("-")
    if part.startswith("Q"):
        return str(_("%(year)s, quarter %(n)s") % {"year": year, "n": part[1:]})
    return date_format(found.first, "YEAR_MONTH_FORMAT")
