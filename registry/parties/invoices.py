"""Invoices for agreed amounts. They are numbered per owner and year, without gaps, and never changed.

Amounts are integers in the currency's smallest unit (ISO 4217).
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from django.db.models import QuerySet, Sum
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from evidence.documents.phrases import load_phrases
from evidence.documents.sheets.invoice import InvoiceFacts, render_invoice
from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from registry.accounts.models import Owner
from registry.db.rows import copy_columns, get_next_number, lock_row, require
from registry.parties.demands import check_amount, parse_amount, to_main_units
from registry.parties.models import Demand, DemandEntry, Instalment, Invoice
from registry.works.work_tables import to_iso_date

MAX_INSTALMENTS = 24
NAME_PATTERN = r"^[1-9][0-9]{3}-[0-9]{4,9}$"
_COPIED_FIELDS = ("agreed_on", "issuer", "payer", "subject", "currency", "tax", "payment", "language")
"""Fields that a cancellation copies from its invoice."""


@dataclass(frozen=True, slots=True)
class DueAmount:
    """The unpaid amount of an instalment and the day by which it is due."""

    day: date
    amount: int  # In the currency's smallest unit.


@dataclass(frozen=True, slots=True)
class NewInvoice:
    """The owner's input for an invoice, in addition to the agreed amount."""

    issuer: str  # Name and address, on separate lines.
    payer: str  # Name and address, on separate lines.
    subject: str  # Description of what is paid for.
    instalments: Sequence[DueAmount]  # In order; each day is later than the one before.
    tax: str = ""
    payment: str = ""  # Payment instructions.
    language: str = "en"  # ``en`` or ``zh-Hans``.


def list_invoices(owner: Owner, demand: int | None = None) -> QuerySet[Invoice]:
    """Return the owner's invoices, newest first; only those of one demand if its number is given."""
    rows = Invoice.objects.filter(owner=owner, **({} if demand is None else {"demand__number": demand}))
    rows = rows.select_related("owner", "demand", "cancels", "cancellation")
    return rows.prefetch_related("instalments").order_by("-pk")


def get_invoice(owner: Owner, name: str) -> Invoice:
    """Return an owner's invoice by its number, such as ``2026-0001``.

    Raises:
        NotFoundError: The owner has no invoice with this number.
    """
    year, _dash, number = name.partition("-") if re.fullmatch(NAME_PATTERN, name) else ("0", "", "0")
    row = list_invoices(owner).filter(year=int(year), number=int(number)).first()
    return require(row, f"{owner.name} has no invoice {name[:20]}.")


def get_agreed_entry(demand: Demand) -> DemandEntry | None:
    """Return the latest uncorrected entry (by day) that records an agreement, or None."""
    rows = demand.entries.filter(kind=DemandEntry.Kind.AGREED, correction=None)
    return rows.order_by("-day", "-number").first()


def sum_received(demand: Demand) -> int:
    """Sum the payments received for a demand, without corrected entries."""
    rows = demand.entries.filter(kind=DemandEntry.Kind.RECEIVED, correction=None)
    return int(rows.aggregate(sum=Sum("amount"))["sum"] or 0)


def is_valid(row: Invoice) -> bool:
    """Return True if an invoice is valid: it is not a cancellation and has not been cancelled."""
    return row.cancels_id is None and not hasattr(row, "cancellation")


def get_next_due(row: Invoice, paid: int) -> DueAmount | None:
    """Return the first instalment that the payments do not cover, with the amount left, or None if all are paid."""
    cumulative_amount = 0
    for instalment in row.instalments.all():
        cumulative_amount += instalment.amount
        if cumulative_amount > paid:
            return DueAmount(instalment.day, min(instalment.amount, cumulative_amount - paid))
    return None


def propose_values(demand: Demand) -> dict[str, str]:
    """Return initial form values: the works' titles, and issuer, tax and payment from the owner's last invoice."""
    last_invoice = Invoice.objects.filter(owner=demand.owner, cancels=None).order_by("-pk").first()
    values = (
        copy_columns(last_invoice, "issuer", "tax", "payment", "language")
        if last_invoice
        else {"issuer": demand.owner.name}
    )
    previous_invoice = demand.invoices.filter(cancels=None).order_by("-pk").first()
    titles = demand.cases.order_by("number").values_list("work__title", flat=True)
    subject = "\n".join(dict.fromkeys(filter(None, titles)))
    agreed_entry = get_agreed_entry(demand)
    amount = to_main_units(agreed_entry.amount, demand.currency) if agreed_entry else ""
    lines = f"{agreed_entry.due_on} {amount}" if agreed_entry and agreed_entry.due_on else ""
    return values | {
        "payer": previous_invoice.payer if previous_invoice else "",
        "subject": subject,
        "instalments": lines,
    }


def parse_instalments(text: str, currency: str) -> list[DueAmount]:
    """Parse instalments, one per line, each a day and an amount, such as ``2026-12-15 250.00``.

    Raises:
        InvalidRequestError: A line is not a day followed by an amount.
    """
    return [_parse_instalment(line, currency) for line in text.splitlines() if line.strip()]


def _parse_instalment(line: str, currency: str) -> DueAmount:
    day, _blank, amount = line.strip().partition(" ")
    try:
        return DueAmount(date.fromisoformat(to_iso_date(day)), parse_amount(amount, currency))
    except ValueError as error:
        message = _("“%(given)s” is not a date followed by an amount.") % {"given": line.strip()[:40]}
        hint = _("Enter each instalment on its own line, for example 2026-12-15 250.00.")
        raise InvalidRequestError(message, hint=hint) from error


def issue_invoice(demand: Demand, new_invoice: NewInvoice, *, by: str) -> Invoice:
    """Issue an invoice for the agreed amount, dated today, with the year's next number.

    Raises:
        InvalidRequestError: No amount is agreed, a valid invoice exists, a required field is empty, or the instalments
            do not add up to the amount.
    """
    load_phrases(new_invoice.language)
    with lock_row(demand.owner) as owner, lock_row(demand) as locked_demand:
        agreed_entry = get_agreed_entry(locked_demand)
        if agreed_entry is None or not agreed_entry.amount:
            raise InvalidRequestError(_("No amount has been agreed."), hint=_("Record the agreed amount first."))
        if locked_demand.invoices.filter(cancels=None, cancellation=None).exists():
            raise InvalidRequestError(
                _("An invoice already exists."), hint=_("Cancel the existing invoice before you create another one.")
            )
        texts = {name: value.strip() for name, value in asdict(new_invoice).items() if isinstance(value, str)}
        if not (texts["issuer"] and texts["payer"] and texts["subject"]):
            raise InvalidRequestError(_("Enter the issuer, the payer and the subject of the invoice."))
        _check_instalments(new_invoice.instalments, agreed_entry.amount)
        invoice_fields = texts | {
            "agreed_on": agreed_entry.day,
            "currency": locked_demand.currency,
            "amount": agreed_entry.amount,
        }
        row = _create_numbered_invoice(owner, locked_demand, by, **invoice_fields)
        lines = (
            Instalment(invoice=row, number=n, day=due.day, amount=due.amount)
            for n, due in enumerate(new_invoice.instalments, 1)
        )
        Instalment.objects.bulk_create(lines)
    return get_invoice(owner, row.name)


def cancel_invoice(row: Invoice, reason: str, *, by: str) -> Invoice:
    """Cancel an invoice by issuing a cancellation with its own number.

    Raises:
        InvalidRequestError: No reason is given, or the invoice was cancelled or is a cancellation itself.
    """
    if not reason.strip():
        raise InvalidRequestError(_("Enter the reason for the cancellation."))
    with lock_row(row.owner) as owner:
        if row.cancels_id is not None or Invoice.objects.filter(cancels=row).exists():
            hint = _("The invoice has already been cancelled, or is itself a cancellation invoice.")
            raise InvalidRequestError(_("This invoice cannot be cancelled."), hint=hint)
        invoice_fields = copy_columns(row, *_COPIED_FIELDS) | {
            "amount": -row.amount,
            "cancels": row,
            "words": reason.strip(),
        }
        cancellation = _create_numbered_invoice(owner, row.demand, by, **invoice_fields)
    return get_invoice(owner, cancellation.name)


def render_invoice_pdf(row: Invoice) -> bytes:
    """Render an invoice as PDF/A-3b from its stored data. The bytes are the same each time.

    Raises:
        ServiceMissingError: A font that the language needs is not installed.
    """
    facts = InvoiceFacts(
        name=row.name,
        amount=to_main_units(row.amount, row.currency),
        instalments=tuple(
            (instalment.day, to_main_units(instalment.amount, row.currency)) for instalment in row.instalments.all()
        ),
        cancelled_invoice=row.cancels.name if row.cancels else "",
        cancelled_invoice_date=row.cancels.day if row.cancels else None,
        made_at=row.at,
        **copy_columns(row, "day", "agreed_on", "issuer", "payer", "subject", "currency", "tax", "payment", "words"),
    )
    return render_invoice(facts, row.language)


def _check_instalments(instalments: Sequence[DueAmount], amount: int) -> None:
    if not 1 <= len(instalments) <= MAX_INSTALMENTS:
        message = _("An invoice can have 1 to %(n)d instalments.") % {"n": MAX_INSTALMENTS}
        raise InvalidRequestError(message, hint=_("For a single payment, enter one instalment."))
    days = [instalment.day for instalment in instalments]
    if days != sorted(set(days)) or not all(check_amount(instalment.amount) for instalment in instalments):
        raise InvalidRequestError(_("Each instalment needs an amount and a date after the previous instalment."))
    if sum(instalment.amount for instalment in instalments) != amount:
        raise InvalidRequestError(_("The instalments do not add up to the agreed amount."))


def _create_numbered_invoice(owner: Owner, demand: Demand, by: str, **invoice_fields: object) -> Invoice:
    """Create an invoice dated today with the year's next number. The caller must hold the owner's lock."""
    day = localdate()
    number = get_next_number(owner.invoices.filter(year=day.year))
    values = {"year": day.year, "number": number, "day": day, "by": by, "at": now()}
    return Invoice.objects.create(owner=owner, demand=demand, **values, **invoice_fields)
