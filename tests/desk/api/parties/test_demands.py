"""Test money in the API: whole numbers, correction entries, and fee tables."""

import io

from openpyxl import load_workbook

from registry.models import Owner
from tests.assets.noticed import studio
from tests.assets.programs import ROOT, Program
from tests.desk.api.resources.test_notices import program

__all__ = ["program", "studio"]

NEW = {"site": "shop.example", "cases": [1], "amount": 30000, "currency": "EUR", "basis": "Usual fee"}


def test_money_is_asked_agreed_received_and_corrected(program: Program, studio: Owner) -> None:
    status, made = program.post("/demands", NEW)
    assert (status, made["number"], made["demanded"], made["received"], made["cases"]) == (201, 1, 30000, None, [1])
    for entry in ({"kind": "agreed", "amount": 25000}, {"kind": "received", "amount": 52000}):
        status, made = program.post("/demands/1/entries", entry)
    assert (status, made["agreed"], made["received"]) == (201, 25000, 52000)
    assert program.post("/demands/1/entries", {"kind": "received", "amount": 25000, "corrects": 3})[0] == 422
    about = {"kind": "received", "amount": 25000, "corrects": 3, "note": "A slip"}
    made = program.post("/demands/1/entries", about)[1]
    assert (made["received"], [one["corrected_by"] for one in made["entries"]]) == (25000, [None, None, 4, None])
    assert program.get("/demands?site=shop.example")[1]["items"][0]["received"] == 25000
    assert program.get("/demands?site=zoo.example")[1]["items"] == []
    assert program.get("/demands/2")[0] == 404


def test_a_fee_of_a_table_is_a_basis(program: Program, studio: Owner) -> None:
    fees = [{"use": "Website", "duration": "1 year", "amount": 120050}]
    assert program.post("/fee-tables", {"name": "Own", "currency": "EUR", "fees": fees})[0] == 201
    assert program.get("/fee-tables")[1]["items"][0]["fees"][0]["amount"] == 120050
    status, made = program.post("/demands", {"site": "shop.example", "cases": [1, 2], "fee_table": 1, "fee": 1})
    assert (status, made["demanded"], made["currency"], made["fee_table"], made["fee"]) == (201, 120050, "EUR", 1, 1)
    assert program.post("/demands", {"site": "shop.example", "cases": [1], "fee_table": 1, "fee": 2})[0] == 404


def test_fees_are_proposed_by_what_is_known_and_nothing_is_asked(program: Program, studio: Owner) -> None:
    fees = [{"use": "Website", "duration": "1 year", "amount": 5000}, {"use": "Poster", "amount": 9}]
    program.post("/fee-tables", {"name": "Own", "currency": "EUR", "fees": fees})
    status, told = program.get("/fee-proposals?site=shop.example&cases=1,2")
    assert (status, told["amount"], told["currency"]) == (200, 10000, "EUR")
    one = told["items"][0]
    assert (one["case"], one["proposed"]["table"], one["proposed"]["number"], one["pages"]) == (1, 1, 1, 1)
    assert one["unknown"] == [{"column": "use", "text": "Poster", "kind": ""}]
    assert program.get("/demands")[1]["items"] == []
    for wrong in ("site=zoo.example&cases=1", "site=shop.example&cases=7", "site=shop.example&cases=999999999"):
        assert program.get(f"/fee-proposals?{wrong}")[0] == 422
    for wrong in ("site=shop.example", "site=shop.example&cases=-1", "site=shop.example&cases=1" + ",1" * 200):
        assert program.get(f"/fee-proposals?{wrong}")[0] == 400


def test_what_cant_be_is_refused(program: Program, studio: Owner) -> None:
    for change in (
        {"amount": 1.5},
        {"amount": -1},
        {"currency": "EUX"},
        {"cases": [7]},
        {"amount": None},
        {"basis": ""},
    ):
        assert program.post("/demands", NEW | change)[0] in (400, 422), change
    for given, missing in (({"fee_table": 1}, "fee"), ({"fee": 1}, "fee_table")):
        status, told = program.post("/demands", NEW | given)
        assert (status, told["detail"]) == (422, f"`{missing}` is missing.")
    assert program.get("/demands")[1]["items"] == []


def test_an_invoice_is_made_once_and_cancelled_by_another(program: Program, studio: Owner) -> None:
    program.post("/demands", NEW)
    program.post("/demands/1/entries", {"kind": "agreed", "amount": 25000, "day": "2026-11-20"})
    about = {"issuer": "Studio", "payer": "Shop", "subject": "Harbour"}
    parts = [{"day": "2026-12-01", "amount": 10000}, {"day": "2027-01-01", "amount": 15000}]
    assert program.post("/demands/1/invoices", about | {"instalments": parts[:1]})[0] == 422
    assert program.post("/demands/1/invoices", about | {"instalments": []})[0] == 400
    status, made = program.post("/demands/1/invoices", about | {"instalments": parts})
    assert (status, made["amount"], made["agreed_on"], made["instalments"]) == (201, 25000, "2026-11-20", parts)
    name = made["name"]
    assert program.get(f"/invoices/{name}")[1] == made
    status, taken_back = program.post(f"/invoices/{name}/cancel", {"reason": "Wrong address"})
    assert (status, taken_back["amount"], taken_back["cancels"]) == (201, -25000, name)
    assert program.get(f"/invoices/{name}")[1]["cancelled_by"] == taken_back["name"]
    assert [one["name"] for one in program.get("/invoices?demand=1")[1]["items"]] == [name, taken_back["name"]]
    assert program.get("/invoices?demand=2")[1]["items"] == []
    assert [program.get(f"/invoices/{other}")[0] for other in ("2026-9999", "2026-1")] == [404, 400]


def test_the_ledger_comes_as_a_workbook_in_which_nothing_is_computed(program: Program, studio: Owner) -> None:
    program.post("/demands", NEW | {"basis": "=1+1"})
    answer = program.client.get(f"{ROOT}/demands/ledger?format=xlsx")
    assert answer.headers["Content-Type"].endswith("spreadsheetml.sheet")
    sheet = load_workbook(io.BytesIO(answer.content)).worksheets[0]
    assert [(cell.value, cell.data_type) for cell in sheet["D"]] == [("basis", "s"), ("=1+1", "s")]
    assert program.client.get(f"{ROOT}/demands/ledger").content.startswith(b"\xef\xbb\xbfdemand,")
    assert program.get("/demands/ledger?format=ods")[0] == 400
