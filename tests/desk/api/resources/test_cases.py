"""Test that the API decides, reopens, disputes and reports cases."""

import io
from urllib.parse import urlencode

import pytest
from PIL import Image

from registry.cases import triage
from registry.models import (
    Case,
    CaseEvent,
    Match,
    Membership,
    Role,
    User,
)
from tests.assets.desk_scene import Scene, scene
from tests.assets.pages import numbers_in
from tests.assets.programs import ROOT, Program, decider, program, scene_of_programs
from tests.assets.rows import jpeg, owner, photograph, register

__all__ = ["decider", "scene", "scene_of_programs"]


def test_cases_are_decided_together_and_taken_back(scene_of_programs: Scene, decider: Program) -> None:
    status, told = decider.post(
        "/cases/decisions", {"cases": [1], "decision": "cleared", "reason": "Ours", "is_copy": True}
    )
    assert (status, [one["applied"] for one in told["outcomes"]], told["remaining"]) == (200, [True], 0)
    again = decider.post("/cases/decisions", {"cases": [1], "decision": "confirmed"})[1]
    assert [(one["applied"], one["case"]["decision"]) for one in again["outcomes"]] == [(False, "cleared")]
    other = program(scene_of_programs.studio, "alice")
    Membership.objects.filter(user__username="bob@example.org").update(role=Role.REVIEWER)
    assert program(scene_of_programs.studio, "bob").post("/cases/1/undo", {})[0] == 409
    assert other.post("/cases/1/undo", {})[1]["decision"] == "open"  # same user, same token name
    status, open_already = other.post("/cases/1/undo", {})
    assert (status, numbers_in(open_already["detail"])) == (409, ["1"])
    assert "hint" not in open_already
    assert other.post("/cases/1/decisions", {"decision": "open"})[0] == 409
    assert decider.post("/cases/decisions", {"cases": [1, 99], "decision": "confirmed"})[0] == 404
    assert Case.objects.get(number=1).decision == "open"


def test_cases_are_listed_by_a_part_of_a_url_or_by_number(scene_of_programs: Scene, decider: Program) -> None:
    seen = Case.objects.get(number=1).case_sightings.select_related("sighting")[0].sighting
    for words, numbers in ((seen.page_url, [1]), (seen.image_url, [1]), ("#1", [1]), ("nowhere.example/x", [])):
        assert [one["number"] for one in decider.get(f"/cases?{urlencode({'q': words})}")[1]["items"]] == numbers


@pytest.mark.long
def test_a_decision_is_disputed_settled_and_noted(scene_of_programs: Scene, decider: Program) -> None:
    assert decider.post("/cases/1/dispute", {"reason": "Wrong"})[0] == 409  # it is open
    decider.post("/cases/1/decisions", {"decision": "cleared", "reason": "Ours", "is_copy": True})
    assert decider.post("/cases/1/dispute", {"reason": "It isn't ours."})[1]["disputed_at"] is not None
    assert [one["number"] for one in decider.get("/cases?state=disputed")[1]["items"]] == [1]
    assert decider.post("/cases/1/settle", {"reason": "It is."})[1]["disputed_at"] is None
    assert decider.post("/cases/1/notes", {"text": "Asked Ann."})[0] == 201
    history = decider.get("/cases/1")[1]["history"]
    assert {"note", "disputed", "settled"} <= {one["kind"] for one in history}
    assert {one["by"] for one in history if one["kind"] == "note"} == {"alice@example.org (token program)"}


def test_cases_are_assigned_to_members_and_listed_by_whom_they_are_assigned_to(
    scene_of_programs: Scene, decider: Program
) -> None:
    members = {one["email"]: one["person"] for one in decider.get("/members")[1]["items"]}
    alice = members["alice@example.org"]
    told = decider.post("/cases/assignments", {"cases": [1], "member": alice})[1]
    assert told["changes"] == [{"case": 1, "before": None, "after": alice}]
    assert [one["assigned_to"] for one in decider.get(f"/cases?assigned_to={alice}")[1]["items"]] == [alice]
    assert decider.get("/cases?assigned_to=nobody")[1]["items"] == []
    assert decider.get("/cases?assigned_to=x")[0] == 400
    for stranger in (User.objects.exclude(pk__in=members.values()).first(), None):
        person = 999_999 if stranger is None else stranger.pk
        assert decider.post("/cases/assignments", {"cases": [1], "member": person})[0] == 404
    assert decider.post("/cases/assignments", {"cases": [1], "member": None})[1]["changes"][0]["after"] is None


def test_an_agency_is_asked_about_a_case_and_its_answer_is_kept(scene_of_programs: Scene, decider: Program) -> None:
    assert decider.post("/cases/1/agency-inquiry", {"agency": "Alamy"})[1]["agency"] == "Alamy"
    assert decider.post("/cases/1/agency-inquiry", {"agency": "Alamy"})[0] == 409
    assert [one["number"] for one in decider.get("/cases?state=asked")[1]["items"]] == [1]
    assert decider.post("/cases/1/agency-inquiry/reply", {"text": "No."})[1]["agency_asked_at"] is None
    assert decider.post("/cases/99/agency-inquiry", {"agency": "Alamy"})[0] == 404


def test_what_only_resembles_lies_in_its_drawer_until_a_program_makes_it_a_case(
    scene_of_programs: Scene, decider: Program
) -> None:
    figures = {"cosine": 0.25, "drift": None}
    Match.objects.update(decision="resembles", probability=None, related=8.99, exposure=-0.5, figures=figures)
    case = Case.objects.get(number=1)
    Case.objects.filter(pk=case.pk).update(waits=False)
    triage.look_again(case.pk)
    (told,) = decider.get("/cases?state=resembles")[1]["items"]
    assert (told["number"], told["needs_review"], told["is_related"]) == (1, False, True)
    assert decider.get("/cases?state=look-alikes")[1]["items"] == []
    assert [one["number"] for one in decider.get("/cases?certainty=resembles")[1]["items"]] == [1]
    (use,) = decider.get("/cases/1")[1]["uses"]
    assert (use["match"], use["related"], use["exposure"], use["figures"]) == ("resembles", 8.99, -0.5, figures)
    assert decider.post("/cases/1/queue-for-review", {})[1]["needs_review"]
    assert decider.get("/cases?state=resembles")[1]["items"] == []


def test_a_case_names_other_works_of_its_owner_that_its_picture_shows_and_none_of_others(
    scene_of_programs: Scene, decider: Program
) -> None:
    assert decider.get("/cases/1")[1]["also_shown"] == []
    services, match = scene_of_programs.inline.services, Match.objects.get()
    for of, title in ((scene_of_programs.studio, "Registered twice"), (owner("others"), "Somebody else's")):
        work = register(services, of, jpeg(Image.open(io.BytesIO(photograph(1))), 70 + len(title)), title).work
        match.pk, match.registered = None, work.work_pictures.get().picture
        match.save(force_insert=True)
    (told,) = decider.get("/cases/1")[1]["also_shown"]
    assert (told["title"], told["decision"]) == ("Registered twice", "certain")


def test_the_former_name_of_the_grade_is_refused_and_the_new_one_named(decider: Program) -> None:
    status, told = decider.get("/cases?certainty=derived")
    assert status == 400
    assert "resembles" in str(told)


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
