"""Test that licences are tried, added and changed with the API."""

from registry.models import Owner
from tests.assets.api_programs import Program, file_of
from tests.assets.notice_drafts import studio
from tests.desk.api.resources.test_notices import program

__all__ = ["program", "studio"]


def test_licence_is_tested_added_and_changed(program: Program, studio: Owner) -> None:
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
    status, body = program.send("PUT", "/licences/1", {**new, "domain": "other.example", "change_reason": "Moved."})
    assert (status, body["domain"]) == (200, "other.example")
    assert studio.ledger_changes.filter(kind="changed", reason="Moved.").exists()
    assert program.send("PUT", "/licences/1", {"licensee": "The shop"})[0] == 422
    status, problem = program.post("/licences", {**new, "domain": "shop.example/sellers"})
    assert (status, "url_pattern, such as shop.example/sellers/*" in problem["hint"]) == (422, True)


def test_licence_table_uses_the_saved_column_mapping(program: Program, studio: Owner) -> None:
    table = b"Abnehmer;Wo;Lager;valid_from\nThe shop;shop.example;=1+1;01/02/2026\n"
    assert program.form("/licences/import", {"table": file_of("l.csv", table)})[0] == 422
    columns = [("Abnehmer", "licensee"), ("Wo", "domain"), ("Lager", ""), ("valid_from", "valid_from")]
    mapping = [{"heading": heading, "column": column} for heading, column in columns]
    assert program.post("/column-mappings", {"kind": "licences", "columns": mapping})[0] == 201
    status, body = program.form("/licences/import", {"table": file_of("l.csv", table)})
    assert (status, "could be" in body["detail"]) == (422, True), "which day that is"
    fields = {"days": "day-month", "dry_run": "true"}
    status, body = program.form("/licences/import", fields | {"table": file_of("l.csv", table)})
    assert (status, body["read"], body["new"], body["columns"]) == (200, 1, None, mapping)
    assert not studio.licences.exists()
    body = program.form("/licences/import", {"days": "day-month", "table": file_of("l.csv", table)})[1]
    assert (body["new"], body["encoding"], body["is_likely"]) == (1, "ascii", False)
    assert body["columns_chosen_by"]
    licence = program.get("/licences/1")[1]
    assert (licence["licensee"], licence["domain"], licence["valid_from"]) == ("The shop", "shop.example", "2026-02-01")
    body = program.form("/licences/import", {"days": "day-month", "table": file_of("l.csv", table)})[1]
    assert (body["read"], body["new"]) == (1, 0)


def test_oversized_table_or_uncertain_encoding_is_rejected(program: Program, studio: Owner) -> None:
    large = b"licensee,domain\n" + b"The shop,shop.example\n" * 100_000
    status, body = program.form("/licences/import", {"table": file_of("l.csv", large)})
    assert (status, "larger than 2 MiB" in body["detail"]) == (422, True)
    likely = "licensee,domain\nM\u00fcller Gem\u00e4lde Caf\u00e9,shop.example\n".encode("cp1252")
    status, body = program.form("/licences/import", {"table": file_of("l.csv", likely)})
    assert (status, "windows-1252" in body["hint"]) == (422, True)
    assert not studio.licences.exists()
    form = {"encoding": "windows-1252", "table": file_of("l.csv", likely)}
    assert program.form("/licences/import", form)[1]["new"] == 1
    invalid_form = {"skip_rows": "true", "table": file_of("l.csv", b"licensee,domain\nA,a.example\n,b.example\n")}
    body = program.form("/licences/import", invalid_form)[1]
    assert (body["new"], [row["row"] for row in body["skipped_rows"]], body["unread_sheets"]) == (1, [3], [])
    body = program.form("/licences/import", {"dry_run": "true", "table": file_of("l.csv", likely)})[1]
    assert (body["read"], body["is_likely"], body["new"]) == (1, True, None)
