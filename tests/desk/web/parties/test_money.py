"""Test money on the site: demands on a basis, corrections by entries only, export, fee tables."""

import csv
import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from registry.models import Case, Demand, DemandEntry, FeeTable, Invoice, Owner, Role
from tests.assets.noticed import confirmed
from tests.assets.pages import has_test_id, message_levels
from tests.assets.pdf_text import text_of
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, TABLET, Site, use_house
from tests.assets.source import flat
from tests.desk.web.notices.test_views import person
from workers.tasks.sync_runner import SyncRunner

TABLE = "use,size,duration,amount\nWebsite,full page,1 year,1200.50\n=1+1,,,99\n"
ASK = {"party": "shop.example", "case": ["1"], "amount": "300", "currency": "eur", "basis": "Our usual fee"}
NEW = "demands/new?party=shop.example&case=1&case=2"
INVOICE = {
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
    use_house(monkeypatch, inline.services)
    return confirmed(inline)


@pytest.fixture
def ann(studio: Owner) -> Client:
    return person(studio, "ann", Role.REVIEWER)


def words(client: Client, address: str) -> str:
    return flat(client.get(address).content.decode()).replace("\u00a0", " ")


def bring(ann: Client, table: str = TABLE, name: str = "Own prices", currency: str = "eur") -> None:
    file = SimpleUploadedFile("fees.csv", table.encode())
    ann.post("/o/studio/fees/", {"name": name, "currency": currency, "file": file})


def test_money_is_asked_by_a_fee_of_the_owners_table(studio: Owner, ann: Client) -> None:
    bring(ann)
    new = "/o/studio/demands/new?party=shop.example&case=1&case=2"
    assert f'action="{new.partition("?")[0]}"' in words(ann, "/o/studio/party/shop.example")
    assert "Own prices · Website · full page · 1 year · 1,200.50 EUR" in words(ann, new)
    about = {"party": "shop.example", "case": ["1", "2"], "fee": "1.1", "amount": "", "due_on": "2026-01-31"}
    assert ann.post("/o/studio/demands/new", about).headers["Location"] == "/o/studio/demands/1/"
    row = Demand.objects.get()
    assert (row.currency, row.basis.split(" · ")[0], row.cases.count()) == ("EUR", "Own prices", 2)
    assert row.entries.get().amount == 120_050
    page = words(ann, "/o/studio/demands/1/")
    assert page.count("1,200.50 EUR") >= 1
    assert '<span class="flag">' in page, "its day is over"
    assert "1,200.50 EUR" in words(ann, "/o/studio/party/shop.example")


def test_the_line_that_fits_what_is_known_is_proposed_with_its_reasons_and_nothing_is_asked(
    studio: Owner, ann: Client
) -> None:
    one, both = (f"/o/studio/demands/new?party=shop.example&case={case}" for case in ("1", "1&case=2"))
    assert has_test_id(words(ann, one), "no-fees")
    bring(ann, "use,size,duration,amount\n<b>Poster,full page,,7\nWebsite,up to 5000 px,1 year,1200.50\n")
    page = words(ann, one)
    assert "Own prices · Website · up to 5000 px · 1 year · 1,200.50 EUR</td>" in page
    assert '<option value="1.2" selected>' in page
    assert "“&lt;b&gt;Poster”" in page
    assert "up to 1200 px" in page
    assert 'value="2401.00"' not in page
    page = words(ann, both)
    assert 'value="2401.00"' in page
    assert 'value="2 × Own prices · Website · up to 5000 px · 1 year"' in page
    bring(ann, "use,amount\n=1+1,5\n")
    assert '<option value="" selected>' in words(ann, one)
    assert not Demand.objects.exists()
    refused = f"{one}&case=99999999999"
    assert ann.get(one.replace("case=1", "case=9"), follow=True).redirect_chain[0][0] == "/o/studio/party/shop.example"
    assert message_levels(ann.get(f"{refused}&case=7", follow=True)) == ["error"]
    eve, bob = person(studio, "eve", Role.VIEWER), person(owner("agency"), "bob", Role.OWNER)
    assert [eve.get(one).status_code, bob.get(one).status_code] == [403, 404]
    assert bob.get(one.replace("studio", "agency")).headers["Location"] == "/o/agency/party/shop.example"


def test_what_the_form_filled_in_for_one_fee_never_becomes_another_ones(studio: Owner, ann: Client) -> None:
    bring(ann, "use,size,amount\nWebsite,up to 5000 px,100\nPoster,,30\n")
    page = words(ann, f"/o/studio/{NEW}")
    filled = dict(re.findall(r'name="filled-(\w+)" value="([^"]*)"', page))
    assert filled == {
        "fee": "1.1", "amount": "200.00", "currency": "EUR", "basis": "2 × Own prices · Website · up to 5000 px",
    }  # fmt: skip
    form = {"party": "shop.example", "case": ["1", "2"], **filled}
    form |= {f"filled-{name}": text for name, text in filled.items()}
    late = ann.post("/o/studio/demands/new", form | {"fee": "1.2", "due_on": "soon"}).content.decode()
    assert 'name="filled-fee" value="1.1"' in late, "as the form was at first"
    for change, amount, basis in (
        ({}, 20_000, "2 × Own prices · Website · up to 5000 px"),
        ({"fee": "1.2"}, 6_000, "2 × Own prices · Poster"),
        ({"fee": "1.2", "basis": "As agreed"}, 6_000, "As agreed"),
        ({"fee": "1.2", "amount": "45"}, 4_500, "Own prices · Poster"),
        ({"fee": ""}, 20_000, "2 × Own prices · Website · up to 5000 px"),
    ):
        ann.post("/o/studio/demands/new", form | change)
        made = Demand.objects.latest("number")
        assert (made.entries.get().amount, made.basis) == (amount, basis), change
    assert Demand.objects.count() == 5


def test_an_entry_is_corrected_by_another_and_stays(studio: Owner, ann: Client) -> None:
    ann.post("/o/studio/demands/new", ASK)
    entries, page = "/o/studio/demands/1/entries", "/o/studio/demands/1/"
    ann.post(entries, {"kind": "agreed", "amount": "250"})
    ann.post(entries, {"kind": "received", "amount": "100", "day": "2026-11-20"})
    ann.post(entries, {"kind": "received", "amount": "510"})
    assert "received 610.00 EUR" in words(ann, page)
    refused = ann.post(entries, {"kind": "received", "amount": "150", "corrects": "4"}, follow=True)
    assert message_levels(refused) == ["error"], "no reason was given"
    ann.post(entries, {"kind": "agreed", "amount": "150", "corrects": "4", "words": "Of another kind"})
    assert DemandEntry.objects.count() == 4
    ann.post(entries, {"kind": "received", "amount": "150", "corrects": "4", "words": "A slip"})
    ann.post(entries, {"kind": "received", "amount": "0", "corrects": "4", "words": "Twice"})
    shown = words(ann, page)
    assert re.search(r"300\.00 EUR \D+250\.00 EUR \D+250\.00 EUR", shown)
    assert "510.00 EUR" in shown
    assert DemandEntry.objects.count() == 5
    assert "Received</dt><dd>250.00 EUR</dd>" in words(ann, "/o/studio/demands/")


@pytest.mark.long
def test_what_cant_be_asked_is_refused_with_a_sentence(studio: Owner, ann: Client) -> None:
    Case.objects.filter(number=2).update(decision="open")
    for change, said in (
        ({"currency": "EUX"}, "“EUX” isn&#x27;t a currency."),
        ({"amount": "1.234"}, "isn&#x27;t an amount of EUR."),
        ({"amount": "1,5"}, "isn&#x27;t an amount of EUR."),
        ({"amount": "9" * 16}, "The amount is too large or negative."),
        ({"basis": ""}, "The basis of the amount is missing."),
        ({"case": ["1", "2"]}, "A payment demand covers at least one case, and cases of one site only."),
        ({"case": []}, "A payment demand covers at least one case, and cases of one site only."),
    ):
        assert said in flat(ann.post("/o/studio/demands/new", ASK | change, follow=True).content.decode()), change
    refused = ann.post("/o/studio/demands/new", ASK | {"amount": "1,5", "due_on": "2026-12-31"})
    page = flat(refused.content.decode())
    assert refused.status_code == 422
    for kept in ("1,5", "eur", "Our usual fee", "2026-12-31"):
        assert f'value="{kept}"' in page, kept
    assert '<input type="hidden" name="case" value="1">' in page
    assert not Demand.objects.exists()
    ann.post("/o/studio/demands/new", ASK)
    late = {"kind": "received", "amount": "1", "day": "2999-01-01"}
    assert message_levels(ann.post("/o/studio/demands/1/entries", late, follow=True)) == ["error"]
    assert message_levels(ann.post("/o/studio/demands/1/entries", {"kind": "given", "amount": "1"}, follow=True)) == [
        "error"
    ]


def test_the_ledger_is_a_csv_in_which_nothing_is_computed(studio: Owner, ann: Client) -> None:
    bring(ann)
    ann.post("/o/studio/demands/new", ASK | {"basis": "=HYPERLINK(1)"})
    ann.post("/o/studio/demands/1/entries", {"kind": "asked", "amount": "200.5", "corrects": "1", "words": "Less"})
    answer = ann.get("/o/studio/demands/ledger.csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(one["entry"], one["amount"], one["corrects"], one["corrected_by"]) for one in lines] == [
        ("1", "300.00", "", "2"),
        ("2", "200.50", "1", ""),
    ]
    assert {one["basis"] for one in lines} == {"'=HYPERLINK(1)"}
    assert lines[0]["currency"] == "EUR"


def test_a_newer_table_of_the_same_name_is_offered_and_the_old_one_stays(studio: Owner, ann: Client) -> None:
    bring(ann)
    bring(ann, "用途,金额\n网站,800\n", currency="jpy")
    page = words(ann, "/o/studio/demands/new?party=shop.example&case=1")
    assert "Own prices · 网站 · 800 JPY" in page
    assert "1,200.50 EUR" not in page
    assert "1,200.50 EUR" in words(ann, "/o/studio/fees/")
    bring(ann, "use,amount\nWebsite,8.50\n", currency="jpy")
    bring(ann, "use,amount\n" + "Website,8\n" * 501)
    assert FeeTable.objects.count() == 2


def test_viewers_look_and_others_find_nothing(studio: Owner, ann: Client) -> None:
    bring(ann)
    ann.post("/o/studio/demands/new", ASK)
    eve = person(studio, "eve", Role.VIEWER)
    assert "/o/studio/demands/1/entries" not in words(eve, "/o/studio/demands/1/")
    assert eve.post("/o/studio/demands/1/entries", {"kind": "received", "amount": "1"}).status_code == 403
    bob = person(owner("agency"), "bob", Role.OWNER)
    assert bob.get("/o/agency/demands/1/").status_code == 404
    assert bob.get("/o/studio/demands/ledger.csv").status_code == 404
    assert b"shop.example" not in bob.get("/o/agency/demands/ledger.csv").content
    bob.post("/o/agency/demands/new", ASK | {"fee": "1.1"})
    assert Demand.objects.count() == 1


@pytest.mark.long
def test_an_invoice_is_made_of_what_was_agreed_and_cancelled_by_another(studio: Owner, ann: Client) -> None:
    ann.post("/o/studio/demands/new", ASK)
    page, new = "/o/studio/demands/1/", "/o/studio/demands/1/invoice"
    assert new not in words(ann, page)
    ann.post(new, INVOICE)
    assert not Invoice.objects.exists()
    ann.post("/o/studio/demands/1/entries", {"kind": "agreed", "amount": "250", "day": "2026-11-20"})
    title = Case.objects.get(number=1).work.title
    assert title in words(ann, page).split("Items")[1]
    for change, told in (
        ({"instalments": "2026-12-01 249.99"}, "add up"),
        ({"instalments": "soon 250"}, "is no day with an amount"),
        ({"payer": " "}, "who pays"),
        ({"language": "xx"}, "language"),
    ):
        refused = flat(ann.post(new, INVOICE | change).content.decode())
        assert told in refused, change
        assert ">IBAN DE00</textarea>" in refused.split('<details class="no-print" open>')[1], "what was typed stays"
    ann.post(new, INVOICE)
    made = Invoice.objects.get()
    ann.post("/o/studio/demands/1/entries", {"kind": "received", "amount": "120"})
    shown = words(ann, page)
    assert re.search(rf"{made.name}\D+120\.00 EUR\D+250\.00 EUR", shown)
    assert "130.00 EUR" in shown
    assert "<b>Shop" not in shown
    file = f"/o/studio/invoices/{made.name}.pdf"
    assert "<b>Shop</b>" in text_of(ann.get(file).content)
    eve, bob = person(studio, "eve", Role.VIEWER), person(owner("agency"), "bob", Role.OWNER)
    cancel = f"/o/studio/invoices/{made.name}/cancel"
    assert [eve.get(file).status_code, eve.post(new, INVOICE).status_code, eve.post(cancel).status_code] == [
        200,
        403,
        403,
    ]
    for theirs in ("studio", "agency"):
        at = f"/o/{theirs}/invoices/{made.name}"
        assert [bob.get(f"{at}.pdf").status_code, bob.post(f"{at}/cancel", {"words": "x"}).status_code] == [404, 404]
        assert bob.post(f"/o/{theirs}/demands/1/invoice", INVOICE).status_code == 404
    assert ann.get("/o/studio/invoices/2026-99999999999999999999.pdf").status_code == 404
    ann.post(cancel, {"words": "Wrong address"})
    shown = words(ann, page)
    assert f"{made.year}-0002" in shown
    assert "-250.00 EUR" in shown
    assert "IBAN DE00" in shown, "as the last one said"


@pytest.mark.long
def test_the_pages_fit_a_phone_and_hold_nothing_that_axe_finds(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = confirmed(site.inline)
    client = person(made, "max", Role.OWNER)
    bring(client)
    client.post("/o/studio/demands/new", ASK | {"due_on": "2026-01-31"})
    client.post("/o/studio/demands/1/entries", {"kind": "received", "amount": "20"})
    client.post("/o/studio/demands/new", ASK)
    for number in (1, 2):
        client.post(f"/o/studio/demands/{number}/entries", {"kind": "agreed", "amount": "250"})
    client.post("/o/studio/demands/1/invoice", INVOICE)
    for size in (PHONE, TABLET):
        ann = site.member(made, size=size)
        for address in ("parties/", "party/shop.example", "demands/", "demands/1/", "demands/2/", "fees/", NEW):
            page = ann.open(f"/o/studio/{address}")
            for details in page.locator("main details").all():
                details.evaluate("one => one.open = true")
            ann.check()
