"""Test sites in the API."""

from dataclasses import replace

from registry.models import Case, Owner, PartyLookup
from tests.assets.api_programs import Program
from tests.assets.notice_drafts import create_draft, studio
from tests.desk.api.resources.test_notices import program
from workers import wiring

__all__ = ["program", "studio"]


def test_sites_are_listed_and_shown(program: Program, studio: Owner) -> None:
    create_draft(studio)
    Case.objects.filter(number=2).update(party="zoo.example/seller")
    status, body = program.get("/sites?limit=1")
    assert (status, [item["site"] for item in body["items"]], body["next"]) == (200, ["shop.example"], 1)
    assert [item["site"] for item in program.get("/sites?offset=1")[1]["items"]] == ["zoo.example/seller"]
    assert program.get("/sites?q=nobody")[1] == {"items": [], "next": None}
    status, item = program.get("/sites/shop.example")
    assert (status, item["case_numbers"], item["works"], item["notices"], item["lookup"]) == (200, [1], [1], [1], None)
    assert item["seen_at"][0]["page_url"] == "http://shop.example/page-0"
    assert item["contacts"][0]["email"] == "agent@shop.example"
    assert program.get("/sites/zoo.example/seller")[0] == 200
    assert program.get("/sites/nobody.example")[0] == 404
    assert program.get("/sites/%00")[0] == 400
    assert program.get("/notice-statistics") == (200, {"items": []})


def test_registries_are_queried_where_the_operator_allows_it(program: Program, studio: Owner) -> None:
    status, row = program.post("/site-lookups", {"site": "shop.example"})
    assert (status, row["state"], row["answers"]) == (201, "queued", [])
    assert program.get("/sites/shop.example")[1]["lookup"]["state"] == "queued"
    assert program.post("/site-lookups", {"site": "nobody.example"})[0] == 404
    services = wiring.services()
    services.config = replace(services.config, rdap_url="")
    assert program.post("/site-lookups", {"site": "shop.example"})[0] == 422
    assert PartyLookup.objects.count() == 1
