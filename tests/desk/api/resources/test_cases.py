"""Cases through the API: decided, taken back, disputed, reported."""

from registry.models import (
    Case,
    CaseEvent,
    Membership,
    Role,
)
from tests.assets.desk_scene import Scene, module_scene, scene
from tests.assets.programs import ROOT, Program, decider, program, scene_of_programs

__all__ = ["decider", "module_scene", "scene", "scene_of_programs"]


def test_cases_are_decided_together_and_taken_back(scene_of_programs: Scene, decider: Program) -> None:
    status, told = decider.post(
        "/cases/decisions", {"cases": [1], "decision": "cleared", "reason": "Ours", "copies": True}
    )
    assert (status, [one["done"] for one in told["outcomes"]], told["left"]) == (200, [True], 0)
    again = decider.post("/cases/decisions", {"cases": [1], "decision": "confirmed"})[1]
    assert [(one["done"], one["case"]["decision"]) for one in again["outcomes"]] == [(False, "cleared")]
    other = program(scene_of_programs.studio, "alice")
    Membership.objects.filter(user__username="bob@example.org").update(role=Role.REVIEWER)
    assert program(scene_of_programs.studio, "bob").post("/cases/1/undo", {})[0] == 409
    assert other.post("/cases/1/undo", {})[1]["decision"] == "open"  # the same person, and the same name of the token
    assert decider.post("/cases/decisions", {"cases": [1, 99], "decision": "confirmed"})[0] == 404
    assert Case.objects.get(number=1).decision == "open"


def test_a_decision_is_disputed_settled_and_noted(scene_of_programs: Scene, decider: Program) -> None:
    assert decider.post("/cases/1/dispute", {"reason": "Wrong"})[0] == 409  # it is open
    decider.post("/cases/1/decisions", {"decision": "cleared", "reason": "Ours", "copies": True})
    assert decider.post("/cases/1/dispute", {"reason": "It isn't ours."})[1]["disputed_at"] is not None
    assert [one["number"] for one in decider.get("/cases?state=disputed")[1]["items"]] == [1]
    assert decider.post("/cases/1/settle", {"reason": "It is."})[1]["disputed_at"] is None
    assert decider.post("/cases/1/notes", {"words": "Asked Ann."})[0] == 201
    history = decider.get("/cases/1")[1]["history"]
    assert {"note", "disputed", "settled"} <= {one["kind"] for one in history}
    assert {one["by"] for one in history if one["kind"] == "note"} == {"alice@example.org (token program)"}


def test_what_was_reported_as_illegal_is_shown_no_more(scene_of_programs: Scene, decider: Program) -> None:
    case = decider.get("/cases/1")[1]
    (use,) = case["uses"]
    (capture,) = case["captures"]
    drawing = f"/cases/1/comparisons/{use['comparison']}/overlay"
    file = f"/cases/1/captures/{capture['id']}/files/{capture['files'][0]}"
    assert decider.client.get(ROOT + drawing).headers["Content-Type"] == "image/jpeg"
    assert decider.client.get(ROOT + file).getvalue() == b"a"
    assert decider.post("/cases/1/report", {"reason": "A child."})[0] == 201
    for path in (drawing, file, f"/pictures/{use['picture']}"):
        assert decider.get(path)[0] == 404, path
    assert CaseEvent.objects.filter(kind="reported").count() == 1
