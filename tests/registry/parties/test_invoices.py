"""Test invoices: consecutive unique numbers, instalments that add up, a PDF of the stated items, cancellations."""

import csv
import io
from datetime import date

import pytest
from django.utils.timezone import localdate

from exhibit.clock import now
from exhibit.errors import InvalidRequestError, NotFoundError
from registry.models import Demand, DemandEntry, Invoice, Owner
from registry.parties import invoices
from registry.parties.invoices import DueAmount, NewInvoice
from registry.parties.periods import compute_totals, list_periods, parse_period
from registry.parties.tables import export_ledger_csv
from tests.assets.fonts import needs_chinese
from tests.assets.pdf_text import metadata_of, text_of
from tests.assets.rows import owner
from tests.registry.works.test_registration import Pause, run_concurrently, two_services

__all__ = ["two_services"]
INSTALMENTS = [DueAmount(date(2026, 12, 1), 10_000), DueAmount(date(2027, 1, 1), 15_050)]
TAX = "VAT 19%: 40.00, included"
NEW_INVOICE = NewInvoice("Studio\n1 Street", "Shop Ltd\n2 Road", "Harbour at dawn\nWebsite", INSTALMENTS, TAX, "IBAN X")


def make_agreed_demand(rights_holder: Owner, number: int = 1, amount: int = 25_050) -> Demand:
    demand = Demand.objects.create(
        owner=rights_holder, number=number, party="shop.example", currency="EUR", basis="Usual", made_at=now()
    )
    about = {"kind": "agreed", "amount": amount, "day": date(2026, 11, 2), "by": "ann", "at": now()}
    DemandEntry.objects.create(demand=demand, number=1, **about)
    return demand


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def test_concurrent_invoices_get_different_numbers(two_services: object, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = owner("studio")
    first, other = make_agreed_demand(studio), make_agreed_demand(studio, 2)
    pause = Pause(monkeypatch, "registry.parties.invoices.now", now)  # its number is chosen, but not yet written
    run_concurrently(
        pause,
        lambda: invoices.issue_invoice(first, NEW_INVOICE, by="ann"),
        lambda: invoices.issue_invoice(other, NEW_INVOICE, by="bob"),
    )
    assert list(Invoice.objects.order_by("number").values_list("number", "by")) == [(1, "ann"), (2, "bob")]


def test_instalments_must_add_up_and_second_invoice_is_rejected(studio: Owner) -> None:
    row = make_agreed_demand(studio)
    for instalments, message in (
        (INSTALMENTS[:1], "add up"),
        ([], "1 to 24"),
        (INSTALMENTS[::-1], "a date after"),
        ([*INSTALMENTS, DueAmount(date(2027, 2, 1), 0)], "needs an amount"),
        ([DueAmount(date(2030, 1, day), 1) for day in range(1, 26)], "1 to 24"),
    ):
        with pytest.raises(InvalidRequestError, match=message):
            invoices.issue_invoice(row, NewInvoice("A", "B", "C", instalments), by="ann")
    assert invoices.issue_invoice(row, NEW_INVOICE, by="ann").name == f"{localdate().year}-0001"
    with pytest.raises(InvalidRequestError):
        invoices.issue_invoice(row, NEW_INVOICE, by="ann")
    with pytest.raises(InvalidRequestError):
        invoices.issue_invoice(make_agreed_demand(studio, 2, amount=0), NEW_INVOICE, by="ann")
    assert invoices.parse_instalments("2026-12-01 100\n\n 1.1.2027  150.50 ", "EUR") == INSTALMENTS
    for line in ("1/12/2026 100", "2026-12 100", "2026-12-01", "2026-12-01 1,5"):
        with pytest.raises(InvalidRequestError):
            invoices.parse_instalments(line, "EUR")


def test_payments_cover_instalments_in_order(studio: Owner) -> None:
    invoice = invoices.issue_invoice(make_agreed_demand(studio), NEW_INVOICE, by="ann")
    dues = [invoices.get_next_due(invoice, paid) for paid in (0, 4_000, 10_000, 25_049, 25_050)]
    first, second = INSTALMENTS
    assert dues == [first, DueAmount(first.day, 6_000), second, DueAmount(second.day, 1), None]


def test_invoice_pdf_shows_its_items_and_is_reproducible(studio: Owner) -> None:
    invoice = invoices.issue_invoice(make_agreed_demand(studio), NEW_INVOICE, by="ann")
    pdf = invoices.render_invoice_pdf(invoice)
    assert pdf == invoices.render_invoice_pdf(invoices.get_invoice(studio, invoice.name))
    assert "pdfaid" in metadata_of(pdf)
    text = text_of(pdf)
    for phrase in (
        f"Invoice {invoice.name}",
        *("Studio", "2 Road", "Harbour at dawn", "Website", "Agreed on", "2026-11-02", "250.50 EUR"),
        *(TAX, "IBAN X", "2026-12-01 100.00 EUR", "2027-01-01 150.50 EUR", "stated by the issuer"),
    ):
        assert phrase in text, phrase
    assert "owe" not in text


@needs_chinese
def test_chinese_invoice_says_that_it_is_no_tax_invoice(studio: Owner) -> None:
    chinese = invoices.issue_invoice(
        make_agreed_demand(studio), NewInvoice("摄影室", "商店", "图片", INSTALMENTS, language="zh-Hans"), by="ann"
    )
    assert "不是中华人民共和国税法意义上的发票" in text_of(invoices.render_invoice_pdf(chinese)).replace(" ", "")


def test_cancellation_invoice_has_its_own_number_and_negates_the_invoice(studio: Owner) -> None:
    row = make_agreed_demand(studio)
    invoice = invoices.issue_invoice(row, NEW_INVOICE, by="ann")
    with pytest.raises(InvalidRequestError):
        invoices.cancel_invoice(invoice, " ", by="ann")
    cancellation = invoices.cancel_invoice(invoice, "=Wrong address", by="ann")
    assert (cancellation.name, cancellation.amount, cancellation.cancels) == (f"{invoice.year}-0002", -25_050, invoice)
    for cancelled in (invoice, cancellation):
        with pytest.raises(InvalidRequestError):
            invoices.cancel_invoice(cancelled, "Again", by="ann")
    text = text_of(invoices.render_invoice_pdf(cancellation))
    assert f"Cancellation {cancellation.name}" in text
    assert f"Invoice {invoice.name} of" in text
    assert "-250.50 EUR" in text.replace("−", "-")
    year = parse_period(str(localdate().year))
    assert [(entry.currency, entry.invoiced) for entry in compute_totals(studio, year)] == [("EUR", 0)]
    assert invoices.issue_invoice(row, NEW_INVOICE, by="ann").name == f"{invoice.year}-0003"
    assert compute_totals(studio, year)[0].invoiced == 25_050
    assert year.name in list_periods(studio)
    lines = list(csv.DictReader(io.StringIO(export_ledger_csv(studio, year).decode("utf-8-sig"))))
    invoiced = [(entry["invoice"][5:], entry["amount"]) for entry in lines if entry["kind"] == "invoiced"]
    assert [entry["words"] for entry in lines if entry["words"]] == [f"{invoice.name}: =Wrong address"]
    assert invoiced == [("0001", "250.50"), ("0002", "-250.50"), ("0003", "250.50")]
    with pytest.raises(NotFoundError):
        invoices.get_invoice(owner("agency"), invoice.name)
