"""Accounting periods (months, quarters and years) and their totals by currency."""

import re
from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from django.db.models import Sum

from exhibit.errors import InvalidRequestError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.parties.models import DemandEntry, Invoice

_PERIOD_NAME = re.compile(r"([1-9][0-9]{3})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")
Kind = DemandEntry.Kind


@dataclass(frozen=True, slots=True)
class Period:
    """A month, quarter or year by its name: ``2026``, ``2026-Q3`` or ``2026-07``."""

    name: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class PeriodTotals:
    """Totals of a period in one currency, in its smallest unit, without corrected entries."""

    currency: str
    demanded: int  # The last amount demanded within the period, summed over demands.
    agreed: int  # The last amount agreed within the period, summed over demands.
    invoiced: int  # Invoices dated within the period, minus cancellations dated within it.
    received: int  # Payments received within the period.
    open: int  # Agreed by the last day of the period and not received by then.


def parse_period(text: str) -> Period:
    """Parse the name of a period, such as ``2026-Q3``.

    Raises:
        InvalidRequestError: The text is not the name of a period.
    """
    name_match = _PERIOD_NAME.fullmatch(text)
    if name_match is None:
        message = Sentence("“%(given)s” is not a month, quarter or year.", given=text[:40])
        raise InvalidRequestError(message, hint=Sentence("Enter a period such as 2026, 2026-Q3 or 2026-07."))
    year, quarter, month = int(name_match[1]), name_match[2], name_match[3]
    first_month, last_month = (int(month), int(month)) if month else (1, 12)
    if quarter:
        first_month, last_month = 3 * int(quarter) - 2, 3 * int(quarter)
    return Period(text, date(year, first_month, 1), date(year, last_month, monthrange(year, last_month)[1]))


def list_periods(owner: Owner) -> list[str]:
    """Return the names of all years, quarters and months with entries or invoices, latest first."""
    entry_months = DemandEntry.objects.filter(demand__owner=owner).order_by().dates("day", "month")
    invoice_months = Invoice.objects.filter(owner=owner).order_by().dates("day", "month")
    names: list[str] = []
    for day in sorted({*entry_months, *invoice_months}, reverse=True):
        names += [f"{day.year}", f"{day.year}-Q{(day.month + 2) // 3}", f"{day.year}-{day.month:02}"]
    return list(dict.fromkeys(names))


def compute_totals(owner: Owner, period: Period) -> list[PeriodTotals]:
    """Compute the totals of a period, one row per currency. Currencies are never added up."""
    entries = DemandEntry.objects.filter(demand__owner=owner, correction=None, day__lte=period.last)
    rows = entries.order_by("demand", "day", "number").values_list(
        "demand", "demand__currency", "kind", "amount", "day"
    )
    period_totals: dict[tuple[str, str, int], int] = defaultdict(int)
    agreed_amounts: dict[tuple[str, int], int] = {}
    paid_amounts: dict[tuple[str, int], int] = defaultdict(int)
    for demand, currency, kind, amount, day in rows:
        if kind == Kind.RECEIVED:
            paid_amounts[currency, demand] += amount
        elif kind == Kind.AGREED:
            agreed_amounts[currency, demand] = amount
        if day >= period.first:
            period_totals[currency, kind, demand] = amount + (
                period_totals[currency, kind, demand] if kind == Kind.RECEIVED else 0
            )
    due_amounts = {key: max(amount - paid_amounts[key], 0) for key, amount in agreed_amounts.items()}
    invoices = Invoice.objects.filter(owner=owner, day__range=(period.first, period.last)).order_by()
    invoiced_amounts = dict(invoices.values_list("currency").annotate(sum=Sum("amount")))
    unpaid_currencies = {currency for (currency, _demand), remaining_amount in due_amounts.items() if remaining_amount}
    currencies = unpaid_currencies | invoiced_amounts.keys() | {key[0] for key in period_totals}

    def sum_amounts(currency: str, kind: str) -> int:
        return sum(
            amount
            for (row_currency, row_kind, _demand), amount in period_totals.items()
            if (row_currency, row_kind) == (currency, kind)
        )

    return [
        PeriodTotals(
            currency,
            demanded=sum_amounts(currency, Kind.DEMANDED),
            agreed=sum_amounts(currency, Kind.AGREED),
            invoiced=invoiced_amounts.get(currency, 0),
            received=sum_amounts(currency, Kind.RECEIVED),
            open=sum(
                remaining_amount
                for (row_currency, _demand), remaining_amount in due_amounts.items()
                if row_currency == currency
            ),
        )
        for currency in sorted(currencies)
    ]
