"""Test money in the API: whole numbers, correction entries, and fee tables."""

import io

from openpyxl import load_workbook

from registry.models import Owner
from tests.assets.api_programs import ROOT, Program
from tests.assets.notice_drafts import studio
from tests.desk.api.resources.test_notices import program

__all__ = ["program", "studio"]

NEW_DEMAND = {"site": "shop.example", "cases": [1], "amount": 30000, "currency": "EUR", "basis": "Usual fee"}


def test_demand_is_created_agreed_paid_and_corrected(program: Program, studio: Owner) -> None:
    status, demand = program.post("/demands", NEW_DEMAND)
    assert (status, demand["number"], demand["demanded"], demand["received"], demand["cases"]) == (
        201,
        1,
        30000,
        None,
        [1],
    )
    for entry in ({"kind": "agreed", "amount": 25000}, {"kind": "received", "amount": 52000}):
        status, demand = program.post("/demands/1/entries", entry)
    assert (status, demand["agreed"], demand["received"]) == (201, 25000, 52000)
    assert program.post("/demands/1/entries", {"kind": "received", "amount": 25000, "corrects": 3})[0] == 422
    fields = {"kind": "received", "amount": 25000, "corrects": 3, "note": "A slip"}
    demand = program.post("/demands/1/entries", fields)[1]
    assert (demand["received"], [item["corrected_by"] for item in demand["entries"]]) == (25000, [None, None, 4, None])
    assert program.get("/demands?site=shop.example")[1]["items"][0]["received"] == 25000
    assert program.get("/demands?site=zoo.example")[1]["items"] == []
    assert program.get("/demands/2")[0] == 404


def test_fee_table_is_a_basis_for_a_demand(program: Program, studio: Owner) -> None:
    fees = [{"use": "Website", "duration": "1 year", "amount": 120050}]
    assert program.post("/fee-tables", {"name": "Own", "currency": "EUR", "fees": fees})[0] == 201
    assert program.get("/fee-tables")[1]["items"][0]["fees"][0]["amount"] == 120050
    status, demand = program.post("/demands", {"site": "shop.example", "cases": [1, 2], "fee_table": 1, "fee": 1})
    assert (status, demand["demanded"], demand["currency"], demand["fee_table"], demand["fee"]) == (
        201,
        120050,
        "EUR",
        1,
        1,
    )
    assert program.post("/demands", {"site": "shop.example", "cases": [1], "fee_table": 1, "fee": 2})[0] == 404


def test_fees_are_proposed_without_creating_a_demand(program: Program, studio: Owner) -> None:
    fees = [{"use": "Website", "duration": "1 year", "amount": 5000}, {"use": "Poster", "amount": 9}]
    program.post("/fee-tables", {"name": "Own", "currency": "EUR", "fees": fees})
    status, body = program.get("/fee-proposals?site=shop.example&cases=1,2")
    assert (status, body["amount"], body["currency"]) == (200, 10000, "EUR")
    proposal = body["items"][0]
    assert (proposal["case"], proposal["proposed"]["table"], proposal["proposed"]["number"], proposal["pages"]) == (
        1,
        1,
        1,
        1,
    )
    assert proposal["unknown"] == [{"column": "use", "text": "Poster", "kind": ""}]
    assert program.get("/demands")[1]["items"] == []
    for value in ("site=zoo.example&cases=1", "site=shop.example&cases=7", "site=shop.example&cases=999999999"):
        assert program.get(f"/fee-proposals?{value}")[0] == 422
    for value in ("site=shop.example", "site=shop.example&cases=-1", "site=shop.example&cases=1" + ",1" * 200):
        assert program.get(f"/fee-proposals?{value}")[0] == 400


def test_invalid_demands_are_rejected(program: Program, studio: Owner) -> None:
    for change in (
        {"amount": 1.5},
        {"amount": -1},
        {"currency": "EUX"},
        {"cases": [7]},
        {"amount": None},
        {"basis": ""},
    ):
        assert program.post("/demands", NEW_DEMAND | change)[0] in (400, 422), change
    for fields, missing in (({"fee_table": 1}, "fee"), ({"fee": 1}, "fee_table")):
        status, body = program.post("/demands", NEW_DEMAND | fields)
        assert (status, body["detail"]) == (422, f"`{missing}` is missing.")
    assert program.get("/demands")[1]["items"] == []


def test_invoice_is_issued_once_and_cancelled_by_a_second_invoice(program: Program, studio: Owner) -> None:
    program.post("/demands", NEW_DEMAND)
    program.post("/demands/1/entries", {"kind": "agreed", "amount": 25000, "day": "2026-11-20"})
    fields = {"issuer": "Studio", "payer": "Shop", "subject": "Harbour"}
    parts = [{"day": "2026-12-01", "amount": 10000}, {"day": "2027-01-01", "amount": 15000}]
    assert program.post("/demands/1/invoices", fields | {"instalments": parts[:1]})[0] == 422
    assert program.post("/demands/1/invoices", fields | {"instalments": []})[0] == 400
    status, invoice = program.post("/demands/1/invoices", fields | {"instalments": parts})
    assert (status, invoice["amount"], invoice["agreed_on"], invoice["instalments"]) == (
        201,
        25000,
        "2026-11-20",
        parts,
    )
    name = invoice["name"]
    assert program.get(f"/invoices/{name}")[1] == invoice
    status, body = program.post(f"/invoices/{name}/cancel", {"reason": "Wrong address"})
    assert (status, body["amount"], body["cancels"]) == (201, -25000, name)
    assert program.get(f"/invoices/{name}")[1]["cancelled_by"] == body["name"]
    assert [item["name"] for item in program.get("/invoices?demand=1")[1]["items"]] == [name, body["name"]]
    assert program.get("/invoices?demand=2")[1]["items"] == []
    assert [program.get(f"/invoices/{other}")[0] for other in ("2026-9999", "2026-1")] == [404, 400]


def test_ledger_workbook_contains_no_formulas(program: Program, studio: Owner) -> None:
    program.post("/demands", NEW_DEMAND | {"basis": "=1+1"})
    response = program.client.get(f"{ROOT}/demands/ledger?format=xlsx")
    assert response.headers["Content-Type"].endswith("spreadsheetml.sheet")
    sheet = load_workbook(io.BytesIO(response.content)).worksheets[0]
    assert [(cell.value, cell.data_type) for cell in sheet["D"]] == [("basis", "s"), ("=1+1", "s")]
    assert program.client.get(f"{ROOT}/demands/ledger").content.startswith(b"\xef\xbb\xbfdemand,")
    assert program.get("/demands/ledger?format=ods")[0] == 400
