"""Works that come in portions through the API, with a table."""

from registry.models import ColumnMapping, Owner
from registry.works.column_mappings import Columns, mark
from tests.assets.programs import Program, alice, file_of, studio
from tests.assets.rows import photograph
from workers.tasks.sync_runner import SyncRunner

__all__ = ["alice", "studio"]


def test_works_come_in_portions_with_a_table(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    table = b"file,title,author\na.jpg,Harbour,A. Example\nmissing.jpg,Nothing,\n"
    status, upload = alice.form("/uploads", {"announced": "3", "rights": "Mine", "table": file_of("w.csv", table)})
    assert (status, upload["announced"], upload["done"]) == (201, 3, False)
    assert upload["started_by"] == "alice@example.org (token program)"
    one = f"/uploads/{upload['number']}"
    portion = [file_of("a.jpg", photograph(1)), file_of("b.jpg", b"not a picture")]
    status, told = alice.form(f"{one}/files", {"files": portion, "names": ["x/a.jpg", "x/b.jpg"]})
    assert (status, told["arrived"]) == (202, 2)
    assert alice.form(f"{one}/files", {"files": portion, "names": ["x/a.jpg"]})[0] == 422
    assert alice.form(f"{one}/files", {"files": [file_of("a.jpg", photograph(1))]})[0] == 202
    assert alice.post(f"{one}/close", {})[0] == 200
    inline.run_until_idle()
    status, told = alice.get(one)
    assert (told["registered"], told["known"], told["refused"], told["done"]) == (1, 1, 1, True)
    files = {row["name"]: row for row in alice.get(f"{one}/files")[1]["items"]}
    assert files["x/a.jpg"]["work"] == 1
    assert files["x/b.jpg"]["reason"] == "not-a-picture"
    assert files["x/b.jpg"]["what_to_do"]
    assert [row["name"] for row in alice.get(f"{one}/files?only=refused")[1]["items"]] == ["x/b.jpg"]
    assert [row["file"] for row in alice.get(f"{one}/lines")[1]["items"]] == ["missing.jpg"]
    assert alice.get("/works?only=authorless")[1]["items"] == []
    work = alice.get("/works/1")[1]
    assert (work["title"], work["author"], work["rights"]) == ("Harbour", "A. Example", "Mine")


def test_a_table_that_cannot_be_read_begins_nothing_until_a_member_has_said_what_it_holds(
    studio: Owner, alice: Program
) -> None:
    status, told = alice.form("/uploads", {"table": file_of("w.csv", b"colour,size\nred,1\n")})
    assert status == 422
    assert told["hint"]
    assert alice.get("/uploads")[1]["items"] == []
    headings = ["colour", "size"]
    chosen = Columns(studio, ColumnMapping.Kind.WORKS, ["file", ""], mark(headings))
    assert chosen(headings) == ["file", ""]
    chosen.remember(by="ann")
    status, told = alice.form("/uploads", {"table": file_of("w.csv", b"colour,size\nred.jpg,1\n")})
    assert (status, told["columns_by"]) == (201, "ann")
    status, told = alice.form("/uploads", {"table": file_of("w.csv", b"file\nred.jpg\n")})
    assert (status, told["columns_by"]) == (201, "")
