"""Test that licences are tried, added and changed with the API."""

from registry.models import Owner
from tests.assets.noticed import studio
from tests.assets.programs import Program, file_of
from tests.desk.api.resources.test_notices import program

__all__ = ["program", "studio"]


def test_a_licence_is_tried_added_and_changed(program: Program, studio: Owner) -> None:
    new = {"licensee": "The shop", "domain": "shop.example"}
    status, trial = program.post("/licences/preview", {"licences": [new]})
    assert (status, trial["decided"], trial["checked"], trial["next"]) == (200, 2, 2, None)
    assert trial["cases"][0] == {
        "number": 1,
        "site": "shop.example",
        "decision": "confirmed",
        "effect": "decided",
    }
    assert program.post("/licences/preview", {"licences": [new], "after": 2})[1]["checked"] == 0
    assert program.post("/licences/preview", {"licences": [new], "replaces": 7})[0] == 404
    assert not studio.licences.exists()
    assert program.post("/licences", new)[0] == 201
    status, changed = program.send("PUT", "/licences/1", {**new, "domain": "other.example", "change_reason": "Moved."})
    assert (status, changed["domain"]) == (200, "other.example")
    assert studio.ledger_changes.filter(kind="changed", reason="Moved.").exists()
    assert program.send("PUT", "/licences/1", {"licensee": "The shop"})[0] == 422
    status, refused = program.post("/licences", {**new, "domain": "shop.example/sellers"})
    assert (status, "url_pattern, such as shop.example/sellers/*" in refused["hint"]) == (422, True)


def test_a_table_of_licences_is_read_as_was_chosen_for_its_headings(program: Program, studio: Owner) -> None:
    table = b"Abnehmer;Wo;Lager;valid_from\nThe shop;shop.example;=1+1;01/02/2026\n"
    assert program.form("/licences/import", {"table": file_of("l.csv", table)})[0] == 422
    columns = [("Abnehmer", "licensee"), ("Wo", "domain"), ("Lager", ""), ("valid_from", "valid_from")]
    chosen = [{"heading": heading, "column": column} for heading, column in columns]
    assert program.post("/column-mappings", {"kind": "licences", "columns": chosen})[0] == 201
    status, told = program.form("/licences/import", {"table": file_of("l.csv", table)})
    assert (status, "may be" in told["detail"]) == (422, True), "which day that is"
    about = {"days": "day-month", "dry_run": "true"}
    status, told = program.form("/licences/import", about | {"table": file_of("l.csv", table)})
    assert (status, told["read"], told["new"], told["columns"]) == (200, 1, None, chosen)
    assert not studio.licences.exists()
    told = program.form("/licences/import", {"days": "day-month", "table": file_of("l.csv", table)})[1]
    assert (told["new"], told["encoding"], told["is_likely"]) == (1, "ascii", False)
    assert told["columns_chosen_by"]
    kept = program.get("/licences/1")[1]
    assert (kept["licensee"], kept["domain"], kept["valid_from"]) == ("The shop", "shop.example", "2026-02-01")
    told = program.form("/licences/import", {"days": "day-month", "table": file_of("l.csv", table)})[1]
    assert (told["read"], told["new"]) == (1, 0)


def test_a_table_that_is_too_large_or_only_likely_read_is_refused(program: Program, studio: Owner) -> None:
    large = b"licensee,domain\n" + b"The shop,shop.example\n" * 100_000
    status, told = program.form("/licences/import", {"table": file_of("l.csv", large)})
    assert (status, "larger than 2 MiB" in told["detail"]) == (422, True)
    likely = "licensee,domain\nM\u00fcller Gem\u00e4lde Caf\u00e9,shop.example\n".encode("cp1252")
    status, told = program.form("/licences/import", {"table": file_of("l.csv", likely)})
    assert (status, "windows-1252" in told["hint"]) == (422, True)
    assert not studio.licences.exists()
    asked = {"encoding": "windows-1252", "table": file_of("l.csv", likely)}
    assert program.form("/licences/import", asked)[1]["new"] == 1
    wrong = {"skip_rows": "true", "table": file_of("l.csv", b"licensee,domain\nA,a.example\n,b.example\n")}
    told = program.form("/licences/import", wrong)[1]
    assert (told["new"], [one["row"] for one in told["skipped_rows"]], told["unread_sheets"]) == (1, [3], [])
    told = program.form("/licences/import", {"dry_run": "true", "table": file_of("l.csv", likely)})[1]
    assert (told["read"], told["is_likely"], told["new"]) == (1, True, None)
