"""Test works uploaded in parts with the API, with a table."""

import pytest

from exhibit.types import Json
from registry.models import ColumnMapping, Owner
from registry.works.column_mappings import remember_choice
from tests.assets.api_programs import Program, alice, file_of, studio
from tests.assets.rows import owner, photograph, register
from tests.assets.tiffs import RAW_PHOTOGRAPHS
from workers.tasks.sync_runner import SyncRunner

__all__ = ["alice", "studio"]


@pytest.mark.long
def test_works_are_uploaded_in_parts_with_a_table(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    table = b"file,title,author\na.jpg,Harbour,A. Example\nmissing.jpg,Nothing,\n"
    status, upload = alice.form("/uploads", {"expected": "3", "rights": "Mine", "table": file_of("w.csv", table)})
    assert (status, upload["expected"], upload["is_complete"]) == (201, 3, False)
    assert upload["started_by"] == "alice@example.org (token program)"
    upload_url = f"/uploads/{upload['number']}"
    portion = [
        file_of("a.jpg", photograph(1)),
        file_of("b.jpg", b"not a picture"),
        file_of("c.nef", RAW_PHOTOGRAPHS["NEF"]()),
    ]
    status, body = alice.form(f"{upload_url}/files", {"files": portion, "names": ["x/a.jpg", "x/b.jpg", "x/c.nef"]})
    assert (status, body["received"]) == (202, 3)
    assert alice.form(f"{upload_url}/files", {"files": portion, "names": ["x/a.jpg"]})[0] == 422
    assert alice.form(f"{upload_url}/files", {"files": [file_of("a.jpg", photograph(1))]})[0] == 202
    assert alice.post(f"{upload_url}/close", {})[0] == 200
    inline.run_until_idle()
    status, body = alice.get(upload_url)
    assert (body["registered"], body["already_registered"], body["refused"], body["is_complete"]) == (1, 1, 2, True)
    files = {row["name"]: row for row in alice.get(f"{upload_url}/files")[1]["items"]}
    assert files["x/a.jpg"]["work"] == 1
    assert files["x/b.jpg"]["reason"] == "not-a-picture"
    assert files["x/b.jpg"]["remedy"]
    assert files["x/c.nef"]["reason"] == "raw-photograph"
    assert files["x/c.nef"]["remedy"] not in ("", files["x/b.jpg"]["remedy"])
    assert [row["name"] for row in alice.get(f"{upload_url}/files?only=refused")[1]["items"]] == ["x/b.jpg", "x/c.nef"]
    assert [row["file"] for row in alice.get(f"{upload_url}/unmatched-rows")[1]["items"]] == ["missing.jpg"]
    assert alice.get("/works?only=authorless")[1]["items"] == []
    work = alice.get("/works/1")[1]
    assert (work["title"], work["author"], work["rights"]) == ("Harbour", "A. Example", "Mine")


def test_table_row_of_a_registered_work_is_reported_as_skipped(
    studio: Owner, alice: Program, inline: SyncRunner
) -> None:
    register(inline.services, studio, photograph(1), "Harbour")
    register(inline.services, studio, photograph(2), "Bridge")
    table = b"file,title,author\na.jpg,Port,A. Example\nb.jpg,Bridge,\n"
    alice.form("/uploads", {"table": file_of("w.csv", table)})
    portion = [file_of("a.jpg", photograph(1)), file_of("b.jpg", photograph(2))]
    alice.form("/uploads/1/files", {"files": portion})
    alice.post("/uploads/1/close", {})
    inline.run_until_idle()
    files = {row["name"]: row for row in alice.get("/uploads/1/files?only=known")[1]["items"]}
    assert "title, author" in files["a.jpg"]["explanation"]
    assert files["a.jpg"]["remedy"]
    assert (files["b.jpg"]["explanation"], files["b.jpg"]["remedy"]) == ("", "")
    alice.send("PATCH", "/works/1", {"title": "Port", "author": "A. Example"})
    assert alice.get("/uploads/1/files?only=known")[1]["items"][0]["explanation"] == ""


def test_upload_with_an_unreadable_table_starts_after_columns_are_mapped(studio: Owner, alice: Program) -> None:
    status, body = alice.form("/uploads", {"table": file_of("w.csv", b"colour,size\nred,1\n")})
    assert status == 422
    assert body["hint"]
    assert alice.get("/uploads")[1]["items"] == []
    mapping = {"kind": "works", "columns": [{"heading": "colour ", "column": "file"}, {"heading": "size"}]}
    assert alice.post("/column-mappings", mapping)[0] == 201
    status, body = alice.form("/uploads", {"table": file_of("w.csv", b"colour,size\nred.jpg,1\n")})
    assert (status, body["columns_chosen_by"]) == (201, "alice@example.org (token program)")
    status, body = alice.form("/uploads", {"table": file_of("w.csv", b"file\nred.jpg\n")})
    assert (status, body["columns_chosen_by"]) == (201, "")


def test_column_mappings_are_saved_listed_and_deleted_by_their_owner(studio: Owner, alice: Program) -> None:
    mapping = {
        "kind": "licences",
        "columns": [{"heading": "<b>", "column": "licensee"}, {"heading": "=1", "column": ""}],
    }
    status, body = alice.post("/column-mappings", mapping)
    assert (status, body["kind"], body["columns"], body["by"]) == (
        201,
        "licences",
        mapping["columns"],
        "alice@example.org (token program)",
    )
    assert alice.post("/column-mappings", mapping)[1]["number"] == body["number"], (
        "it stands in the earlier one's place"
    )
    assert alice.get("/column-mappings")[1]["items"] == [
        body | {"at": alice.get("/column-mappings")[1]["items"][0]["at"]}
    ]
    for columns in (
        [{"heading": "a", "column": "domain"}],
        [{"heading": "a", "column": "licensee"}, {"heading": "b", "column": "licensee"}],
        [{"heading": "a", "column": "licensee"}, {"heading": "b", "column": "<script>"}],
    ):
        status, data = alice.post("/column-mappings", {"kind": "licences", "columns": columns})
        assert (status, "licensee" in data["hint"]) == (422, True), columns
    wrongs: tuple[dict[str, Json], ...] = (
        {"kind": "fees"},
        {"columns": []},
        {"columns": [{"heading": "a" * 301}]},
        {"columns": [{}] * 101},
    )
    for value in wrongs:
        assert alice.post("/column-mappings", mapping | value)[0] == 400
    other_id = remember_choice(owner("agency"), ColumnMapping.Kind.WORKS, [("Bild", "file")], by="eve").pk
    assert [row["number"] for row in alice.get("/column-mappings")[1]["items"]] == [body["number"]]
    for number in (other_id, 0, 10**30):
        assert alice.send("DELETE", f"/column-mappings/{number}")[0] == 404
    assert alice.send("DELETE", f"/column-mappings/{body['number']}")[0] == 204
    assert ColumnMapping.objects.get().pk == other_id
