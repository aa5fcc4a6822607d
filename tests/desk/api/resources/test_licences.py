"""Licences through the API: tried, added, changed."""

from registry.models import Owner
from tests.assets.noticed import studio
from tests.assets.programs import Program
from tests.desk.api.resources.test_notices import program

__all__ = ["program", "studio"]


def test_a_licence_is_tried_added_and_changed(program: Program, studio: Owner) -> None:
    new = {"licensee": "The shop", "domain": "shop.example"}
    status, trial = program.post("/licences/trials", {"licences": [new]})
    assert (status, trial["decided"], trial["looked_at"], trial["next"]) == (200, 2, 2, None)
    assert trial["cases"][0] == {
        "number": 1,
        "party": "shop.example",
        "decision": "confirmed",
        "effect": "decided",
    }
    assert program.post("/licences/trials", {"licences": [new], "after": 2})[1]["looked_at"] == 0
    assert program.post("/licences/trials", {"licences": [new], "instead_of": 7})[0] == 404
    assert not studio.licences.exists()
    assert program.post("/licences", new)[0] == 201
    status, changed = program.send("PUT", "/licences/1", {**new, "domain": "other.example", "why": "Moved."})
    assert (status, changed["domain"]) == (200, "other.example")
    assert studio.ledger_changes.filter(kind="changed", reason="Moved.").exists()
    assert program.send("PUT", "/licences/1", {"licensee": "The shop"})[0] == 422
