"""Test invoices: consecutive unique numbers, instalments that add up, a PDF of the stated items, cancellations."""

import csv
import io
from datetime import date

import pytest
from django.utils.timezone import localdate

from exhibit.clock import now
from exhibit.errors import NotFoundError, WrongUseError
from registry.models import Demand, DemandEntry, Invoice, Owner
from registry.parties import invoices
from registry.parties.invoices import Due, NewInvoice
from registry.parties.periods import period_named, periods_of, sums
from registry.parties.tables import ledger_bytes
from tests.assets.pdf_text import metadata_of, text_of
from tests.assets.rows import owner
from tests.registry.works.test_registration import Stop, houses, together

__all__ = ["houses"]
DUE = [Due(date(2026, 12, 1), 10_000), Due(date(2027, 1, 1), 15_050)]
TAX = "VAT 19%: 40.00, included"
NEW = NewInvoice("Studio\n1 Street", "Shop Ltd\n2 Road", "Harbour at dawn\nWebsite", DUE, TAX, "IBAN X")


def agreed(of: Owner, number: int = 1, amount: int = 25_050) -> Demand:
    made = Demand.objects.create(
        owner=of, number=number, party="shop.example", currency="EUR", basis="Usual", made_at=now()
    )
    about = {"kind": "agreed", "amount": amount, "day": date(2026, 11, 2), "by": "ann", "at": now()}
    DemandEntry.objects.create(demand=made, number=1, **about)
    return made


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def test_two_at_once_never_have_one_number(houses: object, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = owner("studio")
    one, other = agreed(studio), agreed(studio, 2)
    stop = Stop(monkeypatch, "registry.parties.invoices.now", now)  # its number is chosen, but not yet written
    together(stop, lambda: invoices.issue(one, NEW, by="ann"), lambda: invoices.issue(other, NEW, by="bob"))
    assert list(Invoice.objects.order_by("number").values_list("number", "by")) == [(1, "ann"), (2, "bob")]


def test_instalments_add_up_and_one_invoice_stands(studio: Owner) -> None:
    row = agreed(studio)
    for wrong, why in (
        (DUE[:1], "add up"),
        ([], "1 to 24"),
        (DUE[::-1], "a day after"),
        ([*DUE, Due(date(2027, 2, 1), 0)], "has an amount"),
        ([Due(date(2030, 1, day), 1) for day in range(1, 26)], "1 to 24"),
    ):
        with pytest.raises(WrongUseError, match=why):
            invoices.issue(row, NewInvoice("A", "B", "C", wrong), by="ann")
    assert invoices.issue(row, NEW, by="ann").name == f"{localdate().year}-0001"
    with pytest.raises(WrongUseError):
        invoices.issue(row, NEW, by="ann")
    with pytest.raises(WrongUseError):
        invoices.issue(agreed(studio, 2, amount=0), NEW, by="ann")
    assert invoices.read_instalments("2026-12-01 100\n\n 1.1.2027  150.50 ", "EUR") == DUE
    for line in ("1/12/2026 100", "2026-12 100", "2026-12-01", "2026-12-01 1,5"):
        with pytest.raises(WrongUseError):
            invoices.read_instalments(line, "EUR")


def test_what_is_received_pays_instalments_in_their_order(studio: Owner) -> None:
    made = invoices.issue(agreed(studio), NEW, by="ann")
    dues = [invoices.due_next(made, paid) for paid in (0, 4_000, 10_000, 25_049, 25_050)]
    first, second = DUE
    assert dues == [first, Due(first.day, 6_000), second, Due(second.day, 1), None]


def test_the_pdf_says_what_was_stated_and_stays_the_same(studio: Owner) -> None:
    made = invoices.issue(agreed(studio), NEW, by="ann")
    pdf = invoices.invoice_pdf(made)
    assert pdf == invoices.invoice_pdf(invoices.invoice(studio, made.name))
    assert "pdfaid" in metadata_of(pdf)
    text = text_of(pdf)
    for said in (
        f"Invoice {made.name}",
        *("Studio", "2 Road", "Harbour at dawn", "Website", "Agreed on", "2026-11-02", "250.50 EUR"),
        *(TAX, "IBAN X", "2026-12-01 100.00 EUR", "2027-01-01 150.50 EUR", "stated by the issuer"),
    ):
        assert said in text, said
    assert "owe" not in text
    chinese = invoices.issue(agreed(studio, 2), NewInvoice("摄影室", "商店", "图片", DUE, language="zh-Hans"), by="ann")
    assert "不是中华人民共和国税法意义上的发票" in text_of(invoices.invoice_pdf(chinese)).replace(" ", "")


def test_a_cancellation_has_its_own_number_and_nets_out(studio: Owner) -> None:
    row = agreed(studio)
    made = invoices.issue(row, NEW, by="ann")
    with pytest.raises(WrongUseError):
        invoices.cancel(made, " ", by="ann")
    taken_back = invoices.cancel(made, "=Wrong address", by="ann")
    assert (taken_back.name, taken_back.amount, taken_back.cancels) == (f"{made.year}-0002", -25_050, made)
    for twice in (made, taken_back):
        with pytest.raises(WrongUseError):
            invoices.cancel(twice, "Again", by="ann")
    text = text_of(invoices.invoice_pdf(taken_back))
    assert f"Cancellation {taken_back.name}" in text
    assert f"Invoice {made.name} of" in text
    assert "-250.50 EUR" in text.replace("−", "-")
    year = period_named(str(localdate().year))
    assert [(one.currency, one.invoiced) for one in sums(studio, year)] == [("EUR", 0)]
    assert invoices.issue(row, NEW, by="ann").name == f"{made.year}-0003"
    assert sums(studio, year)[0].invoiced == 25_050
    assert year.name in periods_of(studio)
    lines = list(csv.DictReader(io.StringIO(ledger_bytes(studio, year).decode("utf-8-sig"))))
    shown = [(one["invoice"][5:], one["amount"]) for one in lines if one["kind"] == "invoiced"]
    assert [one["words"] for one in lines if one["words"]] == [f"{made.name}: =Wrong address"]
    assert shown == [("0001", "250.50"), ("0002", "-250.50"), ("0003", "250.50")]
    with pytest.raises(NotFoundError):
        invoices.invoice(owner("agency"), made.name)
