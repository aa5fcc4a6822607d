"""Payment demands to parties, with their basis and the entries that determine their status. Nothing is deleted.

Amounts are integers in the currency's smallest unit (ISO 4217), read and written exactly.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.accounts.scoped import make_number_lookup
from registry.cases.models import Case
from registry.db.rows import get_next_number, lock_row, require
from registry.parties.models import Demand, DemandEntry, Fee, FeeTable, Invoice
from registry.parties.periods import Period

MAX_CASES = 200
MAX_FEES = 500
"""Maximum number of rows in a fee table; a form lists all of them."""
Kind = DemandEntry.Kind
LEDGER_COLUMNS = (
    "demand", "party", "cases", "basis", "fee_table", "currency", "entry", "kind", "amount", "day", "due_on",
    "corrects", "corrected_by", "words", "by", "at", "invoice",
)  # fmt: skip
MAX_AMOUNT = 10**15
_CURRENCY_CODES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR
IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR
MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD
XCG XOF XPF YER ZAR ZMW ZWG
"""
_ZERO_DECIMAL_CURRENCIES, _THREE_DECIMAL_CURRENCIES = (
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    "BHD IQD JOD KWD LYD OMR TND",
)
"""Currencies with no decimal digits, and with three. All others have two."""
_AMOUNT = re.compile(r"([0-9]{1,16})(?:[.]([0-9]{1,3}))?")


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A payment event to record."""

    kind: str
    amount: int  # In the currency's smallest unit.
    day: date | None = None  # Defaults to today; for a correction, to the day of the corrected entry.
    due_on: date | None = None
    words: str = ""
    corrects: int | None = None  # Number of the entry that this one replaces.


@dataclass(frozen=True, slots=True)
class NewDemand:
    """A demand to create. Currency, amount and basis default to those of the fee."""

    party: str
    cases: Sequence[int]  # Case numbers.
    fee: Fee | None = None
    currency: str = ""  # ISO 4217.
    amount: int | None = None  # In the currency's smallest unit.
    basis: str = ""  # Basis of the amount.
    due_on: date | None = None


def list_demands(owner: Owner, party: str = "") -> QuerySet[Demand]:
    """Return the demands with the latest ``demanded``, ``agreed`` and ``due_on``, and the total ``received``."""
    current_entries = DemandEntry.objects.filter(demand=OuterRef("pk"), correction=None).order_by("-day", "-number")
    sums = current_entries.filter(kind=Kind.RECEIVED).order_by().values("demand").annotate(sum=Sum("amount"))
    rows = Demand.objects.filter(owner=owner, **({"party": party} if party else {})).annotate(
        demanded=Subquery(current_entries.filter(kind=Kind.DEMANDED).values("amount")[:1]),
        agreed=Subquery(current_entries.filter(kind=Kind.AGREED).values("amount")[:1]),
        received=Subquery(sums.values("sum")),
        due_on=Subquery(current_entries.exclude(kind=Kind.RECEIVED).values("due_on")[:1]),
    )
    return rows.select_related("fee__table").order_by("-number")


get_demand = make_number_lookup(list_demands, "demand")


def sum_by_currency(owner: Owner) -> QuerySet[Demand, tuple[str, int | None, int | None, int | None]]:
    """Sum the amounts demanded, agreed and received, by currency."""
    rows = list_demands(owner).order_by("currency").values("currency")
    sums = rows.annotate(all_demanded=Sum("demanded"), all_agreed=Sum("agreed"), all_received=Sum("received"))
    return sums.values_list("currency", "all_demanded", "all_agreed", "all_received")


def parse_demand_form(
    owner: Owner, party: str, cases: Sequence[int], due_on: date | None, fields: Mapping[str, str]
) -> NewDemand:
    """Parse a demand form: ``fee`` as ``TABLE.LINE``, ``amount`` such as ``1200.50``, ``currency``, ``basis``.

    Raises:
        InvalidRequestError: A value cannot be parsed.
        NotFoundError: The owner does not have the fee.
    """
    table, _dot, line = fields["fee"].partition(".")
    table_number, line_number = (int(text) if text.isdecimal() and len(text) < 9 else 0 for text in (table, line))
    row = get_fee(owner, table_number, line_number) if table else None
    code = row.table.currency if row and not fields["currency"] else parse_currency(fields["currency"])
    amount = parse_amount(fields["amount"], code) if fields["amount"] or row is None else None
    return NewDemand(party, cases, row, code, amount, fields["basis"], due_on)


def create_demand(owner: Owner, new_demand: NewDemand, *, by: str) -> Demand:
    """Demand payment from a party for some of its confirmed cases, by a fee or by an amount with its basis.

    Raises:
        InvalidRequestError: A case belongs to another party or is not confirmed, the amount or basis is missing, or the
            fee is in another currency.
    """
    fee = new_demand.fee
    basis = new_demand.basis.strip() or (describe_fee(fee) if fee else "")
    amount = new_demand.amount if new_demand.amount is not None or fee is None else fee.amount
    currency = parse_currency(new_demand.currency or (fee.table.currency if fee else ""))
    if not basis or amount is None:
        raise InvalidRequestError(
            _("The basis of the amount is missing."), hint=_("Enter the basis of the amount, or choose a fee.")
        )
    if fee and fee.table.currency != currency:
        raise InvalidRequestError(
            _("The selected fee is in %(currency)s, but the demand is in another currency.")
            % {"currency": fee.table.currency}
        )
    values = {"party": new_demand.party, "currency": currency, "basis": basis, "fee": fee, "made_at": now()}
    with lock_row(owner):
        rows = load_claimable_cases(owner, new_demand.party, new_demand.cases)
        row = Demand.objects.create(owner=owner, number=get_next_number(owner.demands), **values)
        row.cases.set(rows)
        add_entry(row, NewEntry(Kind.DEMANDED, amount, due_on=new_demand.due_on), by=by)
    return get_demand(owner, row.number)


def load_claimable_cases(owner: Owner, party: str, cases: Sequence[int]) -> list[Case]:
    """Return cases for which payment can be demanded from a party, by their numbers.

    Raises:
        InvalidRequestError: A case is not a confirmed case of this party, or there are none or too many.
    """
    numbers = set(cases)
    rows = Case.objects.filter(owner=owner, party=party, decision=Case.Decision.CONFIRMED, number__in=numbers)
    confirmed_cases = list(rows.order_by("number")) if 0 < len(numbers) <= MAX_CASES else []
    if not numbers or len(confirmed_cases) < len(numbers):
        hint = _("Select only cases about the same site that a member has decided are not licensed.")
        raise InvalidRequestError(
            _("A payment demand must cover at least one case, and all of its cases must concern the same site."),
            hint=hint,
        )
    return confirmed_cases


def add_entry(row: Demand, new_entry: NewEntry, *, by: str) -> DemandEntry:
    """Record a payment event. A correction names the entry it replaces and gives a reason.

    Raises:
        InvalidRequestError: The kind or amount is invalid, the day is in the future, or the correction is not possible.
    """
    if new_entry.kind not in Kind.values:
        raise InvalidRequestError(_("Select an event."))
    check_amount(new_entry.amount)
    with lock_row(row) as locked_row:
        corrected_entry = None
        if new_entry.corrects is not None:
            corrected_entry = locked_row.entries.filter(
                number=new_entry.corrects, kind=new_entry.kind, correction=None
            ).first()
            if corrected_entry is None or not new_entry.words.strip():
                hint = _("Specify an entry of the same type that has not been corrected yet, and the reason.")
                raise InvalidRequestError(_("The entry to correct is missing."), hint=hint)
        day = new_entry.day or (localdate() if corrected_entry is None else corrected_entry.day)
        if day > now().date() + timedelta(days=1):
            raise InvalidRequestError(_("The day is in the future."))
        values = asdict(new_entry) | {
            "day": day,
            "corrects": corrected_entry,
            "words": new_entry.words.strip(),
            "by": by,
            "at": now(),
        }
        return DemandEntry.objects.create(demand=locked_row, number=get_next_number(locked_row.entries), **values)


def iterate_ledger(owner: Owner, period: Period | None = None) -> Iterator[tuple[object, ...]]:
    """Yield the ledger: a header, the entries of all demands, then all invoices, limited to a period if given.

    Amounts are in the currency's main unit, such as 1200.50. Those of cancellations are negative.
    """
    yield LEDGER_COLUMNS
    period_filter = {} if period is None else {"day__range": (period.first, period.last)}
    entries = DemandEntry.objects.filter(demand__owner=owner, **period_filter).order_by("demand__number", "number")
    joined_entries = entries.select_related("demand__fee__table", "corrects", "correction")
    for row in joined_entries.prefetch_related("demand__cases"):
        correction = getattr(row, "correction", None)
        yield (
            *(*_describe_demand(row.demand), row.number, row.kind),
            *(to_main_units(row.amount, row.demand.currency), row.day, row.due_on or ""),
            *(row.corrects.number if row.corrects else "", correction.number if correction else ""),
            *(row.words, row.by, row.at.isoformat(), ""),
        )
    invoices = Invoice.objects.filter(owner=owner, **period_filter).order_by("year", "number")
    for invoice in invoices.select_related("demand__fee__table", "cancels").prefetch_related("demand__cases"):
        yield (
            *(
                *_describe_demand(invoice.demand),
                "",
                "invoiced",
                to_main_units(invoice.amount, invoice.currency),
                invoice.day,
                "",
                "",
                "",
            ),
            *(
                f"{invoice.cancels.name}: {invoice.words}" if invoice.cancels else "",
                invoice.by,
                invoice.at.isoformat(),
                invoice.name,
            ),
        )


def _describe_demand(row: Demand) -> tuple[object, ...]:
    """Return the first columns of a ledger row, which identify the demand."""
    cases = " ".join(str(case.number) for case in row.cases.all())
    return row.number, row.party, cases, row.basis, row.fee.table.name if row.fee else "", row.currency


def list_fee_tables(owner: Owner) -> QuerySet[FeeTable]:
    """Return the owner's fee tables, newest first."""
    return FeeTable.objects.filter(owner=owner).order_by("-number")


def list_fees(owner: Owner) -> QuerySet[Fee]:
    """Return the fees that can be chosen now: the rows of the newest table of each name."""
    newest_tables = FeeTable.objects.filter(owner=owner).order_by("name", "-number").distinct("name")
    return (
        Fee.objects.filter(table__in=newest_tables.values("pk"))
        .select_related("table")
        .order_by("table__name", "number")
    )


def get_fee(owner: Owner, table: int, number: int) -> Fee:
    """Return a row of one of the owner's fee tables.

    Raises:
        NotFoundError: The owner has no such table or row.
    """
    row = Fee.objects.filter(table__owner=owner, table__number=table, number=number).select_related("table").first()
    return require(row, f"{owner.name} has no fee {number} in table {table}.")


def describe_fee(row: Fee) -> str:
    """Describe a fee-table row, without its amount."""
    return " · ".join(filter(None, (row.table.name, row.use, row.size, row.duration)))


def save_fee_table(owner: Owner, name: str, currency: str, lines: Iterable[Fee], *, by: str) -> FeeTable:
    """Store a fee table and its rows (unsaved ``Fee`` objects).

    An older table of the same name is no longer offered, but is kept for demands that use it.

    Raises:
        InvalidRequestError: The name or the rows are missing, or there are too many rows.
    """
    rows = list(lines)
    if not name.strip() or not 1 <= len(rows) <= MAX_FEES:
        message = _("A fee table needs a name and at most %(n)d rows.") % {"n": MAX_FEES}
        raise InvalidRequestError(message)
    with lock_row(owner):
        number, code = get_next_number(owner.fee_tables), parse_currency(currency)
        columns = {"name": name.strip(), "currency": code, "made_at": now(), "made_by": by}
        table = FeeTable.objects.create(owner=owner, number=number, **columns)
        for line_number, line in enumerate(rows, 1):
            line.table, line.number, line.amount = table, line_number, check_amount(line.amount)
        Fee.objects.bulk_create(rows)
    return table


def parse_currency(text: str) -> str:
    """Return a currency code in upper case.

    Raises:
        InvalidRequestError: The code is not in ISO 4217.
    """
    code = text.strip().upper()
    if len(code) != 3 or not code.isalpha() or code not in _CURRENCY_CODES:
        message = Sentence("“%(given)s” is not a currency code.", given=text.strip()[:40])
        raise InvalidRequestError(
            message, hint=Sentence("Enter the three-letter code of the currency, for example EUR or CNY.")
        )
    return code


def parse_amount(text: str, currency: str) -> int:
    """Parse an amount such as ``120.50`` into the currency's smallest unit.

    Raises:
        InvalidRequestError: The text is not an amount in this currency.
    """
    decimals, digits_match = _count_decimals(currency), _AMOUNT.fullmatch(text.strip())
    if digits_match is None or len(digits_match[2] or "") > decimals:
        message = Sentence(
            "“%(given)s” is not a valid amount in %(currency)s.", given=text.strip()[:40], currency=currency
        )
        raise InvalidRequestError(
            message, hint=Sentence("Enter digits and a decimal point without the currency, for example 1200.50.")
        )
    return check_amount(int(digits_match[1] + (digits_match[2] or "").ljust(decimals, "0")))


def check_amount(amount: int) -> int:
    """Return the amount if it is within the limits.

    Raises:
        InvalidRequestError: The amount is negative or exceeds ``MAX_AMOUNT``.
    """
    if not 0 <= amount <= MAX_AMOUNT:
        raise InvalidRequestError(Sentence("The amount is too large or negative."))
    return amount


def to_main_units(amount: int, currency: str) -> Decimal:
    """Convert an amount to the currency's main unit, with all decimal digits."""
    return Decimal(amount).scaleb(-_count_decimals(currency))


def _count_decimals(currency: str) -> int:
    return 0 if currency in _ZERO_DECIMAL_CURRENCIES else 3 if currency in _THREE_DECIMAL_CURRENCIES else 2
