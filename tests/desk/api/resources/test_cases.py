"""Test that the API decides, reopens, disputes and reports cases."""

import io
from urllib.parse import urlencode

import pytest
from PIL import Image

from registry.cases import queue_state
from registry.models import (
    Case,
    CaseEvent,
    Match,
    Membership,
    Role,
    User,
)
from tests.assets.api_programs import ROOT, Program, create_program, decider, scene_of_programs
from tests.assets.desk_scene import Scene, scene
from tests.assets.pages import numbers_in
from tests.assets.rows import encode_jpeg, owner, photograph, register

__all__ = ["decider", "scene", "scene_of_programs"]


def test_cases_are_decided_in_bulk_and_undone(scene_of_programs: Scene, decider: Program) -> None:
    status, body = decider.post(
        "/cases/decisions", {"cases": [1], "decision": "dismissed", "reason": "Ours", "is_copy": True}
    )
    assert (status, [outcome["applied"] for outcome in body["outcomes"]], body["remaining"]) == (200, [True], 0)
    second_result = decider.post("/cases/decisions", {"cases": [1], "decision": "confirmed"})[1]
    assert [(outcome["applied"], outcome["case"]["decision"]) for outcome in second_result["outcomes"]] == [
        (False, "dismissed")
    ]
    other = create_program(scene_of_programs.studio, "alice")
    Membership.objects.filter(user__username="bob@example.org").update(role=Role.REVIEWER)
    assert create_program(scene_of_programs.studio, "bob").post("/cases/1/undo", {})[0] == 409
    assert other.post("/cases/1/undo", {})[1]["decision"] == "open"  # same user, same token name
    status, open_already = other.post("/cases/1/undo", {})
    assert (status, numbers_in(open_already["detail"])) == (409, ["1"])
    assert "hint" not in open_already
    assert other.post("/cases/1/decisions", {"decision": "open"})[0] == 409
    assert decider.post("/cases/decisions", {"cases": [1, 99], "decision": "confirmed"})[0] == 404
    assert Case.objects.get(number=1).decision == "open"


def test_cases_are_filtered_by_part_of_a_url_or_number(scene_of_programs: Scene, decider: Program) -> None:
    sighting = Case.objects.get(number=1).case_sightings.select_related("sighting")[0].sighting
    for text, numbers in ((sighting.page_url, [1]), (sighting.image_url, [1]), ("#1", [1]), ("nowhere.example/x", [])):
        assert [item["number"] for item in decider.get(f"/cases?{urlencode({'q': text})}")[1]["items"]] == numbers


@pytest.mark.long
def test_decision_is_disputed_settled_and_annotated(scene_of_programs: Scene, decider: Program) -> None:
    assert decider.post("/cases/1/dispute", {"reason": "Wrong"})[0] == 409  # it is open
    decider.post("/cases/1/decisions", {"decision": "dismissed", "reason": "Ours", "is_copy": True})
    assert decider.post("/cases/1/dispute", {"reason": "It isn't ours."})[1]["disputed_at"] is not None
    assert [item["number"] for item in decider.get("/cases?state=disputed")[1]["items"]] == [1]
    assert decider.post("/cases/1/settle", {"reason": "It is."})[1]["disputed_at"] is None
    assert decider.post("/cases/1/notes", {"text": "Asked Ann."})[0] == 201
    history = decider.get("/cases/1")[1]["history"]
    assert {"note", "disputed", "settled"} <= {item["kind"] for item in history}
    assert {item["by"] for item in history if item["kind"] == "note"} == {"alice@example.org (token program)"}


def test_cases_are_assigned_to_members_and_filtered_by_assignee(scene_of_programs: Scene, decider: Program) -> None:
    members = {item["email"]: item["person"] for item in decider.get("/members")[1]["items"]}
    alice = members["alice@example.org"]
    body = decider.post("/cases/assignments", {"cases": [1], "member": alice})[1]
    assert body["changes"] == [{"case": 1, "before": None, "after": alice}]
    assert [item["assigned_to"] for item in decider.get(f"/cases?assigned_to={alice}")[1]["items"]] == [alice]
    assert decider.get("/cases?assigned_to=nobody")[1]["items"] == []
    assert decider.get("/cases?assigned_to=x")[0] == 400
    for stranger in (User.objects.exclude(pk__in=members.values()).first(), None):
        person = 999_999 if stranger is None else stranger.pk
        assert decider.post("/cases/assignments", {"cases": [1], "member": person})[0] == 404
    assert decider.post("/cases/assignments", {"cases": [1], "member": None})[1]["changes"][0]["after"] is None


def test_case_is_referred_to_an_agency_and_its_reply_is_stored(scene_of_programs: Scene, decider: Program) -> None:
    assert decider.post("/cases/1/agency-inquiry", {"agency": "Alamy"})[1]["agency"] == "Alamy"
    assert decider.post("/cases/1/agency-inquiry", {"agency": "Alamy"})[0] == 409
    assert [item["number"] for item in decider.get("/cases?state=awaiting-agency")[1]["items"]] == [1]
    assert decider.post("/cases/1/agency-inquiry/reply", {"text": "No."})[1]["agency_asked_at"] is None
    assert decider.post("/cases/99/agency-inquiry", {"agency": "Alamy"})[0] == 404


def test_related_picture_is_listed_separately_until_an_api_client_opens_a_case(
    scene_of_programs: Scene, decider: Program
) -> None:
    figures = {"cosine": 0.25, "drift": None}
    Match.objects.update(decision="related", probability=None, related=8.99, exposure=-0.5, figures=figures)
    case = Case.objects.get(number=1)
    Case.objects.filter(pk=case.pk).update(is_pending=False)
    queue_state.update_case(case.pk)
    (related,) = decider.get("/cases?state=related")[1]["items"]
    assert (related["number"], related["needs_review"], related["is_related"]) == (1, False, True)
    assert decider.get("/cases?state=look-alikes")[1]["items"] == []
    assert [item["number"] for item in decider.get("/cases?certainty=related")[1]["items"]] == [1]
    (use,) = decider.get("/cases/1")[1]["uses"]
    assert (use["match"], use["related"], use["exposure"], use["figures"]) == ("related", 8.99, -0.5, figures)
    assert decider.post("/cases/1/queue-for-review", {})[1]["needs_review"]
    assert decider.get("/cases?state=related")[1]["items"] == []


def test_case_lists_other_works_of_the_owner_that_appear_in_the_found_picture(
    scene_of_programs: Scene, decider: Program
) -> None:
    assert decider.get("/cases/1")[1]["also_shown"] == []
    services, match = scene_of_programs.inline.services, Match.objects.get()
    for rights_holder, title in ((scene_of_programs.studio, "Registered twice"), (owner("others"), "Somebody else's")):
        work = register(
            services, rights_holder, encode_jpeg(Image.open(io.BytesIO(photograph(1))), 70 + len(title)), title
        ).work
        match.pk, match.registered = None, work.work_pictures.get().picture
        match.save(force_insert=True)
    (shown_work,) = decider.get("/cases/1")[1]["also_shown"]
    assert (shown_work["title"], shown_work["decision"]) == ("Registered twice", "certain")


def test_former_value_of_the_certainty_filter_is_rejected_with_the_new_value(decider: Program) -> None:
    status, body = decider.get("/cases?certainty=derived")
    assert status == 400
    assert "related" in str(body)


def test_pictures_reported_as_illegal_are_not_returned(scene_of_programs: Scene, decider: Program) -> None:
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
