"""Words of the pages of parties and money, in the reader's language."""

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from registry.models import DemandEntry
from registry.parties.amounts import in_units

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
