"""Money that owners ask of parties: its basis, and the entries from which follows how it stands. Nothing is deleted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry.accounts.scoped import numbered
from registry.db.rows import alone_with, next_number, there
from registry.models import Case, Demand, DemandEntry, Fee, FeeTable, Owner
from registry.parties.amounts import checked_amount, currency_named, in_units, read_amount

MAX_CASES = 200
MAX_FEES = 500
"""Lines of a table of fees: a form offers all of them."""
Kind = DemandEntry.Kind


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What happened to the money."""

    kind: str
    amount: int  # in the currency's smallest unit
    day: date | None = None  # today, if none
    due_on: date | None = None
    words: str = ""
    corrects: int | None = None  # number of the entry that counts no more


@dataclass(frozen=True, slots=True)
class NewDemand:
    """Money to be asked of a party: what isn't said of currency, amount and basis is the fee's."""

    party: str
    cases: Sequence[int]  # their numbers
    fee: Fee | None = None
    currency: str = ""  # ISO 4217
    amount: int | None = None  # in the currency's smallest unit
    basis: str = ""  # on what the amount rests
    due_on: date | None = None


def demands(of: Owner, party: str = "") -> QuerySet[Demand]:
    """The owner's demands, each with ``asked`` and ``agreed`` last, all that was ``received``, and ``due_on``."""
    live = DemandEntry.objects.filter(demand=OuterRef("pk"), correction=None).order_by("-number")
    sums = live.filter(kind=Kind.RECEIVED).order_by().values("demand").annotate(sum=Sum("amount"))
    rows = Demand.objects.filter(owner=of, **({"party": party} if party else {})).annotate(
        asked=Subquery(live.filter(kind=Kind.ASKED).values("amount")[:1]),
        agreed=Subquery(live.filter(kind=Kind.AGREED).values("amount")[:1]),
        received=Subquery(sums.values("sum")),
        due_on=Subquery(live.exclude(kind=Kind.RECEIVED).values("due_on")[:1]),
    )
    return rows.select_related("fee__table").order_by("-number")


demand = numbered(demands, "demand")


def totals(of: Owner) -> QuerySet[Demand, tuple[str, int | None, int | None, int | None]]:
    """What was asked, agreed and received in each currency."""
    rows = demands(of).order_by("currency").values("currency")
    sums = rows.annotate(all_asked=Sum("asked"), all_agreed=Sum("agreed"), all_received=Sum("received"))
    return sums.values_list("currency", "all_asked", "all_agreed", "all_received")


def typed(of: Owner, party: str, cases: Sequence[int], due_on: date | None, given: Mapping[str, str]) -> NewDemand:
    """What a person typed: ``fee`` as ``TABLE.LINE``, ``amount`` such as ``1200.50``, ``currency``, ``basis``.

    Raises ``WrongUseError`` for what can't be read, ``NotFoundError`` for a fee that the owner doesn't have.
    """
    table, _dot, line = given["fee"].partition(".")
    at, number = (int(text) if text.isdecimal() and len(text) < 9 else 0 for text in (table, line))
    row = fee(of, at, number) if table else None
    code = row.table.currency if row and not given["currency"] else currency_named(given["currency"])
    amount = read_amount(given["amount"], code) if given["amount"] or row is None else None
    return NewDemand(party, cases, row, code, amount, given["basis"], due_on)


def begin(owner: Owner, new: NewDemand, *, by: str) -> Demand:
    """Ask a party for money, by a line of a table of fees or an amount with its basis, for some of its confirmed cases.

    Raises ``WrongUseError`` for cases that are another party's or that no person has confirmed, without an amount or a
    basis, and for a fee of another currency.
    """
    fee = new.fee
    basis = new.basis.strip() or (fee_in_words(fee) if fee else "")
    amount = new.amount if new.amount is not None or fee is None else fee.amount
    currency = currency_named(new.currency or (fee.table.currency if fee else ""))
    if not basis or amount is None:
        raise WrongUseError(_("No basis is given."), hint=_("Write on what the amount rests, or choose a fee."))
    if fee and fee.table.currency != currency:
        raise WrongUseError(_("The fee is in %(currency)s.") % {"currency": fee.table.currency})
    found = Case.objects.filter(owner=owner, party=new.party, decision=Case.Decision.CONFIRMED, number__in=new.cases)
    rows = list(found[:MAX_CASES])
    if not rows or len(rows) < len(set(new.cases)):
        hint = _("Choose cases of one party that a person has called not licensed.")
        raise WrongUseError(_("Money is asked for cases of one party, at least one."), hint=hint)
    about = {"party": new.party, "currency": currency, "basis": basis, "fee": fee, "made_at": now()}
    with alone_with(owner):
        made = Demand.objects.create(owner=owner, number=next_number(owner.demands), **about)
        made.cases.set(rows)
        add_entry(made, NewEntry(Kind.ASKED, amount, due_on=new.due_on), by=by)
    return demand(owner, made.number)


def add_entry(row: Demand, new: NewEntry, *, by: str) -> DemandEntry:
    """Write down what happened to the money; one that corrects another says so, and why, and stands in its place.

    Raises ``WrongUseError`` for a day to come, and a correction that can't be.
    """
    if new.kind not in Kind.values:
        raise WrongUseError(_("Choose what has happened."))
    day = new.day or localdate()
    if day > now().date() + timedelta(days=1):
        raise WrongUseError(_("The day lies in the future."))
    checked_amount(new.amount)
    with alone_with(row) as held:
        wrong = None
        if new.corrects is not None:
            wrong = held.entries.filter(number=new.corrects, kind=new.kind, correction=None).first()
            if wrong is None or not new.words.strip():
                hint = _("Name an entry of the same kind that isn't corrected yet, and say why.")
                raise WrongUseError(_("This corrects nothing."), hint=hint)
        said = asdict(new) | {"day": day, "corrects": wrong, "words": new.words.strip(), "by": by, "at": now()}
        return DemandEntry.objects.create(demand=held, number=next_number(held.entries), **said)


HEAD = (
    "demand", "party", "cases", "basis", "fee_table", "currency", "entry", "kind", "amount", "day", "due_on",
    "corrects", "corrected_by", "words", "by", "at",
)  # fmt: skip


def ledger(of: Owner) -> Iterator[tuple[object, ...]]:
    """All entries of an owner's demands, below their heads; amounts in the currency's unit, such as 1200.50."""
    yield HEAD
    rows = DemandEntry.objects.filter(demand__owner=of).order_by("demand__number", "number")
    for row in rows.select_related("demand__fee__table", "corrects", "correction").prefetch_related("demand__cases"):
        of_it, correction = row.demand, getattr(row, "correction", None)
        cases = " ".join(str(case.number) for case in of_it.cases.all())
        table = of_it.fee.table.name if of_it.fee else ""
        yield (
            *(of_it.number, of_it.party, cases, of_it.basis, table, of_it.currency, row.number, row.kind),
            *(in_units(row.amount, of_it.currency), row.day, row.due_on or ""),
            *(row.corrects.number if row.corrects else "", correction.number if correction else ""),
            *(row.words, row.by, row.at.isoformat()),
        )


def fee_tables(of: Owner) -> QuerySet[FeeTable]:
    """The owner's tables of fees, newest first."""
    return FeeTable.objects.filter(owner=of).order_by("-number")


def fees(of: Owner) -> QuerySet[Fee]:
    """What can be chosen now: the lines of the newest table of each name."""
    newest = FeeTable.objects.filter(owner=of).order_by("name", "-number").distinct("name")
    return Fee.objects.filter(table__in=newest.values("pk")).select_related("table").order_by("table__name", "number")


def fee(of: Owner, table: int, number: int) -> Fee:
    """A line of one of the owner's tables; raises ``NotFoundError``."""
    found = Fee.objects.filter(table__owner=of, table__number=table, number=number).select_related("table").first()
    return there(found, f"{of.name} has no fee {number} in table {table}.")


def fee_in_words(row: Fee) -> str:
    """A line of a table of fees, without its amount."""
    return " · ".join(filter(None, (row.table.name, row.use, row.size, row.duration)))


def keep_fees(owner: Owner, name: str, currency: str, lines: Iterable[Fee], *, by: str) -> FeeTable:
    """Keep a table of fees and its lines, no rows yet; one of its name is offered no more, and stays for its uses.

    Raises ``WrongUseError`` without a name or lines, and for too many.
    """
    given = list(lines)
    if not name.strip() or not 1 <= len(given) <= MAX_FEES:
        most = _("A table of fees has a name, and up to %(n)d lines.") % {"n": MAX_FEES}
        raise WrongUseError(most)
    with alone_with(owner):
        number, code = next_number(owner.fee_tables), currency_named(currency)
        about = {"name": name.strip(), "currency": code, "made_at": now(), "made_by": by}
        made = FeeTable.objects.create(owner=owner, number=number, **about)
        for at, line in enumerate(given, 1):
            line.table, line.number, line.amount = made, at, checked_amount(line.amount)
        Fee.objects.bulk_create(given)
    return made
