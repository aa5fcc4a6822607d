"""Months, quarters and years for an accountant, and what the books say of one: each currency by itself."""

import re
from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from django.db.models import Sum

from exhibit.errors import WrongUseError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.parties.models import DemandEntry, Invoice

_NAME = re.compile(r"([1-9][0-9]{3})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")
Kind = DemandEntry.Kind


@dataclass(frozen=True, slots=True)
class Period:
    """The days of a month, a quarter or a year, by its name: ``2026``, ``2026-Q3`` or ``2026-07``."""

    name: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Sums:
    """What the books say of a period in one currency; amounts in its smallest unit, corrected entries left out."""

    currency: str
    asked: int  # of each demand, what was asked last within the period
    agreed: int  # the same of what was agreed
    invoiced: int  # on invoices of these days, less what cancellations of these days take back
    received: int  # all that came within it
    open: int  # agreed by its last day, and not received by then


def period_named(text: str) -> Period:
    """The period of a name such as ``2026-Q3``; raises ``WrongUseError`` for anything else."""
    found = _NAME.fullmatch(text)
    if found is None:
        said = Sentence("“%(given)s” is no month, quarter or year.", given=text[:40])
        raise WrongUseError(said, hint=Sentence("Write 2026, 2026-Q3 or 2026-07."))
    year, quarter, month = int(found[1]), found[2], found[3]
    first, last = (int(month), int(month)) if month else (1, 12)
    if quarter:
        first, last = 3 * int(quarter) - 2, 3 * int(quarter)
    return Period(text, date(year, first, 1), date(year, last, monthrange(year, last)[1]))


def periods_of(owner: Owner) -> list[str]:
    """The names of all years, quarters and months in which something was entered or invoiced, the latest first."""
    entered = DemandEntry.objects.filter(demand__owner=owner).order_by().dates("day", "month")
    invoiced = Invoice.objects.filter(owner=owner).order_by().dates("day", "month")
    names: list[str] = []
    for day in sorted({*entered, *invoiced}, reverse=True):
        names += [f"{day.year}", f"{day.year}-Q{(day.month + 2) // 3}", f"{day.year}-{day.month:02}"]
    return list(dict.fromkeys(names))


def sums(owner: Owner, period: Period) -> list[Sums]:
    """What the books say of a period, a line for each currency; nothing is added across currencies."""
    entries = DemandEntry.objects.filter(demand__owner=owner, correction=None, day__lte=period.last)
    rows = entries.order_by("demand", "day", "number").values_list(
        "demand", "demand__currency", "kind", "amount", "day"
    )
    within: dict[tuple[str, str, int], int] = defaultdict(int)
    agreed: dict[tuple[str, int], int] = {}
    paid: dict[tuple[str, int], int] = defaultdict(int)
    for demand, currency, kind, amount, day in rows:
        if kind == Kind.RECEIVED:
            paid[currency, demand] += amount
        elif kind == Kind.AGREED:
            agreed[currency, demand] = amount
        if day >= period.first:
            within[currency, kind, demand] = amount + (within[currency, kind, demand] if kind == Kind.RECEIVED else 0)
    due = {key: max(amount - paid[key], 0) for key, amount in agreed.items()}
    invoices = Invoice.objects.filter(owner=owner, day__range=(period.first, period.last)).order_by()
    invoiced = dict(invoices.values_list("currency").annotate(sum=Sum("amount")))
    unpaid = {currency for (currency, _demand), left in due.items() if left}
    currencies = unpaid | invoiced.keys() | {key[0] for key in within}

    def total(currency: str, kind: str) -> int:
        return sum(amount for (of, what, _demand), amount in within.items() if (of, what) == (currency, kind))

    return [
        Sums(
            currency,
            asked=total(currency, Kind.ASKED),
            agreed=total(currency, Kind.AGREED),
            invoiced=invoiced.get(currency, 0),
            received=total(currency, Kind.RECEIVED),
            open=sum(left for (of, _demand), left in due.items() if of == currency),
        )
        for currency in sorted(currencies)
    ]
