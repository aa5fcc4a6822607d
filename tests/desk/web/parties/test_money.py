"""Test payment demands on the site: their basis, corrections by new entries, export, fee tables."""

import csv
import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from registry.models import Case, Demand, DemandEntry, FeeTable, Invoice, Owner, Role
from tests.assets.notice_drafts import create_studio
from tests.assets.pages import has_test_id, message_levels
from tests.assets.pdf_text import text_of
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, TABLET, Site, use_services
from tests.assets.source import collapse_whitespace
from tests.desk.web.notices.test_views import create_member_client
from workers.tasks.sync_runner import SyncRunner

FEE_TABLE = "use,size,duration,amount\nWebsite,full page,1 year,1200.50\n=1+1,,,99\n"
DEMAND_FORM = {"party": "shop.example", "case": ["1"], "amount": "300", "currency": "eur", "basis": "Our usual fee"}
NEW_DEMAND_PATH = "demands/new?party=shop.example&case=1&case=2"
INVOICE_FORM = {
    "issuer": "Studio\n1 Street",
    "payer": "<b>Shop</b>\n2 Road",
    "subject": "Harbour",
    "tax": "None",
    "payment": "IBAN DE00",
    "language": "en",
    "instalments": "2026-12-01 100\n2027-01-01 150.00",
}


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    use_services(monkeypatch, inline.services)
    return create_studio(inline)


@pytest.fixture
def ann(studio: Owner) -> Client:
    return create_member_client(studio, "ann", Role.REVIEWER)


def read_text(client: Client, address: str) -> str:
    return collapse_whitespace(client.get(address).content.decode()).replace("\u00a0", " ")


def import_fees(ann: Client, table: str = FEE_TABLE, name: str = "Own prices", currency: str = "eur") -> None:
    file = SimpleUploadedFile("fees.csv", table.encode())
    ann.post("/o/studio/fees/", {"name": name, "currency": currency, "file": file})


def test_demand_uses_a_fee_of_the_owners_table(studio: Owner, ann: Client) -> None:
    import_fees(ann)
    new = "/o/studio/demands/new?party=shop.example&case=1&case=2"
    assert f'action="{new.partition("?")[0]}"' in read_text(ann, "/o/studio/party/shop.example")
    assert "Own prices · Website · full page · 1 year · 1,200.50 EUR" in read_text(ann, new)
    fields = {"party": "shop.example", "case": ["1", "2"], "fee": "1.1", "amount": "", "due_on": "2026-01-31"}
    assert ann.post("/o/studio/demands/new", fields).headers["Location"] == "/o/studio/demands/1/"
    row = Demand.objects.get()
    assert (row.currency, row.basis.split(" · ")[0], row.cases.count()) == ("EUR", "Own prices", 2)
    assert row.entries.get().amount == 120_050
    page = read_text(ann, "/o/studio/demands/1/")
    assert page.count("1,200.50 EUR") >= 1
    assert '<span class="flag">' in page, "its day is over"
    assert "1,200.50 EUR" in read_text(ann, "/o/studio/party/shop.example")


def test_matching_fee_is_proposed_with_reasons_and_not_applied(studio: Owner, ann: Client) -> None:
    single_url, both = (f"/o/studio/demands/new?party=shop.example&case={case}" for case in ("1", "1&case=2"))
    assert has_test_id(read_text(ann, single_url), "no-fees")
    import_fees(ann, "use,size,duration,amount\n<b>Poster,full page,,7\nWebsite,up to 5000 px,1 year,1200.50\n")
    page = read_text(ann, single_url)
    assert "Own prices · Website · up to 5000 px · 1 year · 1,200.50 EUR</td>" in page
    assert '<option value="1.2" selected>' in page
    assert "“&lt;b&gt;Poster”" in page
    assert "up to 1200 px" in page
    assert 'value="2401.00"' not in page
    page = read_text(ann, both)
    assert 'value="2401.00"' in page
    assert 'value="2 × Own prices · Website · up to 5000 px · 1 year"' in page
    import_fees(ann, "use,amount\n=1+1,5\n")
    assert '<option value="" selected>' in read_text(ann, single_url)
    assert not Demand.objects.exists()
    invalid_url = f"{single_url}&case=99999999999"
    assert (
        ann.get(single_url.replace("case=1", "case=9"), follow=True).redirect_chain[0][0]
        == "/o/studio/party/shop.example"
    )
    assert message_levels(ann.get(f"{invalid_url}&case=7", follow=True)) == ["error"]
    eve, bob = (
        create_member_client(studio, "eve", Role.VIEWER),
        create_member_client(owner("agency"), "bob", Role.OWNER),
    )
    assert [eve.get(single_url).status_code, bob.get(single_url).status_code] == [403, 404]
    assert bob.get(single_url.replace("studio", "agency")).headers["Location"] == "/o/agency/party/shop.example"


def test_prefilled_demand_values_are_cleared_when_another_fee_is_chosen(studio: Owner, ann: Client) -> None:
    import_fees(ann, "use,size,amount\nWebsite,up to 5000 px,100\nPoster,,30\n")
    page = read_text(ann, f"/o/studio/{NEW_DEMAND_PATH}")
    prefilled = dict(re.findall(r'name="filled-(\w+)" value="([^"]*)"', page))
    assert prefilled == {
        "fee": "1.1", "amount": "200.00", "currency": "EUR", "basis": "2 × Own prices · Website · up to 5000 px",
    }  # fmt: skip
    form = {"party": "shop.example", "case": ["1", "2"], **prefilled}
    form |= {f"filled-{name}": text for name, text in prefilled.items()}
    second_page = ann.post("/o/studio/demands/new", form | {"fee": "1.2", "due_on": "soon"}).content.decode()
    assert 'name="filled-fee" value="1.1"' in second_page, "as the form was at first"
    for change, amount, basis in (
        ({}, 20_000, "2 × Own prices · Website · up to 5000 px"),
        ({"fee": "1.2"}, 6_000, "2 × Own prices · Poster"),
        ({"fee": "1.2", "basis": "As agreed"}, 6_000, "As agreed"),
        ({"fee": "1.2", "amount": "45"}, 4_500, "Own prices · Poster"),
        ({"fee": ""}, 20_000, "2 × Own prices · Website · up to 5000 px"),
    ):
        ann.post("/o/studio/demands/new", form | change)
        demand = Demand.objects.latest("number")
        assert (demand.entries.get().amount, demand.basis) == (amount, basis), change
    assert Demand.objects.count() == 5


def test_corrected_entry_remains_in_the_ledger(studio: Owner, ann: Client) -> None:
    ann.post("/o/studio/demands/new", DEMAND_FORM)
    entries, page = "/o/studio/demands/1/entries", "/o/studio/demands/1/"
    ann.post(entries, {"kind": "agreed", "amount": "250"})
    ann.post(entries, {"kind": "received", "amount": "100", "day": "2026-11-20"})
    ann.post(entries, {"kind": "received", "amount": "510"})
    assert "received 610.00 EUR" in read_text(ann, page)
    response = ann.post(entries, {"kind": "received", "amount": "150", "corrects": "4"}, follow=True)
    assert message_levels(response) == ["error"], "no reason was given"
    ann.post(entries, {"kind": "agreed", "amount": "150", "corrects": "4", "words": "Of another kind"})
    assert DemandEntry.objects.count() == 4
    ann.post(entries, {"kind": "received", "amount": "150", "corrects": "4", "words": "A slip"})
    ann.post(entries, {"kind": "received", "amount": "0", "corrects": "4", "words": "Twice"})
    text = read_text(ann, page)
    assert re.search(r"300\.00 EUR \D+250\.00 EUR \D+250\.00 EUR", text)
    assert "510.00 EUR" in text
    assert DemandEntry.objects.count() == 5
    assert "Payments received</dt><dd>250.00 EUR</dd>" in read_text(ann, "/o/studio/demands/")


@pytest.mark.long
def test_invalid_demand_is_rejected_with_a_message(studio: Owner, ann: Client) -> None:
    Case.objects.filter(number=2).update(decision="open")
    for change, expected in (
        ({"currency": "EUX"}, "“EUX” is not a currency code."),
        ({"amount": "1.234"}, "is not a valid amount in EUR."),
        ({"amount": "1,5"}, "is not a valid amount in EUR."),
        ({"amount": "9" * 16}, "The amount is too large or negative."),
        ({"basis": ""}, "The basis of the amount is missing."),
        (
            {"case": ["1", "2"]},
            "A payment demand must cover at least one case, and all of its cases must concern the same site.",
        ),
        (
            {"case": []},
            "A payment demand must cover at least one case, and all of its cases must concern the same site.",
        ),
    ):
        assert expected in collapse_whitespace(
            ann.post("/o/studio/demands/new", DEMAND_FORM | change, follow=True).content.decode()
        ), change
    response = ann.post("/o/studio/demands/new", DEMAND_FORM | {"amount": "1,5", "due_on": "2026-12-31"})
    page = collapse_whitespace(response.content.decode())
    assert response.status_code == 422
    for value in ("1,5", "eur", "Our usual fee", "2026-12-31"):
        assert f'value="{value}"' in page, value
    assert '<input type="hidden" name="case" value="1">' in page
    assert not Demand.objects.exists()
    ann.post("/o/studio/demands/new", DEMAND_FORM)
    late_entry = {"kind": "received", "amount": "1", "day": "2999-01-01"}
    assert message_levels(ann.post("/o/studio/demands/1/entries", late_entry, follow=True)) == ["error"]
    assert message_levels(ann.post("/o/studio/demands/1/entries", {"kind": "given", "amount": "1"}, follow=True)) == [
        "error"
    ]


def test_ledger_csv_contains_no_formulas(studio: Owner, ann: Client) -> None:
    import_fees(ann)
    ann.post("/o/studio/demands/new", DEMAND_FORM | {"basis": "=HYPERLINK(1)"})
    ann.post("/o/studio/demands/1/entries", {"kind": "demanded", "amount": "200.5", "corrects": "1", "words": "Less"})
    response = ann.get("/o/studio/demands/ledger.csv")
    assert "attachment" in response.headers["Content-Disposition"]
    lines = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [(line["entry"], line["amount"], line["corrects"], line["corrected_by"]) for line in lines] == [
        ("1", "300.00", "", "2"),
        ("2", "200.50", "1", ""),
    ]
    assert {line["basis"] for line in lines} == {"'=HYPERLINK(1)"}
    assert lines[0]["currency"] == "EUR"


def test_newer_fee_table_is_offered_and_the_old_table_is_stored(studio: Owner, ann: Client) -> None:
    import_fees(ann)
    import_fees(ann, "用途,金额\n网站,800\n", currency="jpy")
    page = read_text(ann, "/o/studio/demands/new?party=shop.example&case=1")
    assert "Own prices · 网站 · 800 JPY" in page
    assert "1,200.50 EUR" not in page
    assert "1,200.50 EUR" in read_text(ann, "/o/studio/fees/")
    import_fees(ann, "use,amount\nWebsite,8.50\n", currency="jpy")
    import_fees(ann, "use,amount\n" + "Website,8\n" * 501)
    assert FeeTable.objects.count() == 2


def test_viewers_are_read_only_and_other_owners_get_404(studio: Owner, ann: Client) -> None:
    import_fees(ann)
    ann.post("/o/studio/demands/new", DEMAND_FORM)
    eve = create_member_client(studio, "eve", Role.VIEWER)
    assert "/o/studio/demands/1/entries" not in read_text(eve, "/o/studio/demands/1/")
    assert eve.post("/o/studio/demands/1/entries", {"kind": "received", "amount": "1"}).status_code == 403
    bob = create_member_client(owner("agency"), "bob", Role.OWNER)
    assert bob.get("/o/agency/demands/1/").status_code == 404
    assert bob.get("/o/studio/demands/ledger.csv").status_code == 404
    assert b"shop.example" not in bob.get("/o/agency/demands/ledger.csv").content
    bob.post("/o/agency/demands/new", DEMAND_FORM | {"fee": "1.1"})
    assert Demand.objects.count() == 1


@pytest.mark.long
def test_invoice_for_agreed_amount_is_cancelled_by_a_second_invoice(studio: Owner, ann: Client) -> None:
    ann.post("/o/studio/demands/new", DEMAND_FORM)
    page, new = "/o/studio/demands/1/", "/o/studio/demands/1/invoice"
    assert new not in read_text(ann, page)
    ann.post(new, INVOICE_FORM)
    assert not Invoice.objects.exists()
    ann.post("/o/studio/demands/1/entries", {"kind": "agreed", "amount": "250", "day": "2026-11-20"})
    title = Case.objects.get(number=1).work.title
    assert title in read_text(ann, page).split("Items")[1]
    for change, expected in (
        ({"instalments": "2026-12-01 249.99"}, "add up"),
        ({"instalments": "soon 250"}, "is not a date followed by an amount"),
        ({"payer": " "}, "Enter the issuer, the payer and the subject"),
        ({"language": "xx"}, "language"),
    ):
        page_text = collapse_whitespace(ann.post(new, INVOICE_FORM | change).content.decode())
        assert expected in page_text, change
        assert ">IBAN DE00</textarea>" in page_text.split('<details class="no-print" open>')[1], "the typed text stays"
    ann.post(new, INVOICE_FORM)
    invoice = Invoice.objects.get()
    ann.post("/o/studio/demands/1/entries", {"kind": "received", "amount": "120"})
    text = read_text(ann, page)
    assert re.search(rf"{invoice.name}\D+120\.00 EUR\D+250\.00 EUR", text)
    assert "130.00 EUR" in text
    assert "<b>Shop" not in text
    file = f"/o/studio/invoices/{invoice.name}.pdf"
    assert "<b>Shop</b>" in text_of(ann.get(file).content)
    eve, bob = (
        create_member_client(studio, "eve", Role.VIEWER),
        create_member_client(owner("agency"), "bob", Role.OWNER),
    )
    cancel = f"/o/studio/invoices/{invoice.name}/cancel"
    assert [eve.get(file).status_code, eve.post(new, INVOICE_FORM).status_code, eve.post(cancel).status_code] == [
        200,
        403,
        403,
    ]
    for slug in ("studio", "agency"):
        at = f"/o/{slug}/invoices/{invoice.name}"
        assert [bob.get(f"{at}.pdf").status_code, bob.post(f"{at}/cancel", {"words": "x"}).status_code] == [404, 404]
        assert bob.post(f"/o/{slug}/demands/1/invoice", INVOICE_FORM).status_code == 404
    assert ann.get("/o/studio/invoices/2026-99999999999999999999.pdf").status_code == 404
    ann.post(cancel, {"words": "Wrong address"})
    text = read_text(ann, page)
    assert f"{invoice.year}-0002" in text
    assert "-250.00 EUR" in text
    assert "IBAN DE00" in text, "as the last one said"


@pytest.mark.long
def test_payment_pages_fit_a_phone_and_are_accessible(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    new_owner = create_studio(site.inline)
    client = create_member_client(new_owner, "max", Role.OWNER)
    import_fees(client)
    client.post("/o/studio/demands/new", DEMAND_FORM | {"due_on": "2026-01-31"})
    client.post("/o/studio/demands/1/entries", {"kind": "received", "amount": "20"})
    client.post("/o/studio/demands/new", DEMAND_FORM)
    for number in (1, 2):
        client.post(f"/o/studio/demands/{number}/entries", {"kind": "agreed", "amount": "250"})
    client.post("/o/studio/demands/1/invoice", INVOICE_FORM)
    for size in (PHONE, TABLET):
        ann = site.member(new_owner, size=size)
        for address in (
            "parties/",
            "party/shop.example",
            "demands/",
            "demands/1/",
            "demands/2/",
            "fees/",
            NEW_DEMAND_PATH,
        ):
            page = ann.open(f"/o/studio/{address}")
            for details in page.locator("main details").all():
                details.evaluate("one => one.open = true")
            ann.check()
