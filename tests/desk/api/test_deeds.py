"""What programs do through the API as people do on the site: cases, what is taken away, members."""

import json
from dataclasses import replace

from django.core import mail
from django.test import Client

from registry.accounts import invitations
from registry.models import (
    Bundle,
    Case,
    CaseEvent,
    DownloadLink,
    KeptAnswer,
    Membership,
    Owner,
    Package,
    Report,
    Role,
    Scope,
    Work,
)
from registry.works.licences import NewLicence, keep_licences
from tests.assets.programs import ROOT, Program, alice, decider, program, scene_of_programs, studio
from tests.assets.sealed import sealed_bundle
from tests.desk.web.common.test_access import Scene, scene
from workers.tasks.sync_runner import SyncRunner

__all__ = ["alice", "decider", "scene", "scene_of_programs", "studio"]


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


def test_numbers_of_others_things_inside_a_request_are_nobodys(scene_of_programs: Scene, decider: Program) -> None:
    agency = Owner.objects.get(slug="agency")
    for number in (1, 2, 3):
        keep_licences(agency, [NewLicence("B", domain=f"{number}.example")])
    Work.objects.create(owner=agency, number=7, title="Theirs", registered_at=Case.objects.get().opened_at)
    decision = {"decision": "licensed", "licence": 3}
    for path, body in (
        ("/cases/1/decisions", decision),
        ("/cases/decisions", {"cases": [1], **decision}),
        ("/watches/1/canaries", {"work": 7, "url": "https://shop.example/"}),
        ("/licences", {"licensee": "A", "domain": "a.example", "works": [7]}),
        ("/reports", {"works": [7]}),
        ("/reports", {"watch": "theirs"}),
        ("/packages", {"cases": [7], "recipient": "court"}),
        ("/notices", {"kind": "dmca", "cases": [7]}),
    ):
        status, told = decider.post(path, body)
        assert status in (404, 422), path
        assert "Theirs" not in json.dumps(told)
    assert Case.objects.get(number=1).decision == "open"


def test_a_report_is_limited_made_again_linked_and_removed(scene_of_programs: Scene, decider: Program) -> None:
    wanted = {
        "title": "November", "works": [1], "decisions": ["confirmed"], "formats": ["csv"], "languages": ["en"],
        "first": "2026-11-01", "last": "2026-11-30",
    }  # fmt: skip
    status, told = decider.post("/reports", wanted)
    assert (status, told["formats"], told["languages"]) == (202, ["csv"], ["en"])
    scope = {"watch": "", "works": [1], "decisions": ["confirmed"], "first": "2026-11-01", "last": "2026-11-30"}
    assert told["scope"] == scope
    assert decider.post("/reports", {"first": "2026-11-30", "last": "2026-11-01"})[0] == 422
    again = decider.post(f"/reports/{told['number']}/again", {})[1]
    assert (again["scope"], again["title"], again["number"]) == (scope, "November", told["number"] + 1)
    assert decider.post(f"/reports/{told['number']}/links", {"days": 7})[0] == 422  # there is no file yet
    Report.objects.filter(number=1).update(state="done")
    status, link = decider.post("/reports/1/links", {"days": 7, "note": "Clerk", "password": "open sesame"})
    assert (status, link["report"], link["has_password"]) == (201, 1, True)
    assert "open sesame" not in json.dumps(link)
    assert Client().get(link["address"].replace("http://127.0.0.1:8080", "")).status_code == 200
    assert "address" not in decider.get("/links")[1]["items"][-1]
    assert decider.client.delete(f"{ROOT}/links/{link['number']}").status_code == 204
    assert not decider.get("/links")[1]["items"][-1]["holds"]
    assert decider.client.delete(ROOT + "/reports/1").status_code == 204
    assert decider.get("/reports/1")[0] == 404
    assert not KeptAnswer.objects.exists()


def test_only_who_may_send_makes_links(scene_of_programs: Scene) -> None:
    writes = program(scene_of_programs.studio, "alice", Scope.READ, Scope.WRITE)
    for path in ("/reports/1/links", "/packages/1/links"):
        status, told = writes.post(path, {})
        assert (status, told["scope"]) == (403, "send")
    assert DownloadLink.objects.count() == 1  # the scene's


def test_bundles_of_several_cases_are_one_zip(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    sealed_bundle(inline, studio)
    assert alice.post("/packages", {"cases": [2]})[0] == 422
    status, told = alice.post("/packages", {"cases": [1], "recipient": "other-side", "reason": "Kept here."})
    assert (status, told["cases"], told["kept"]) == (202, [1], False)
    assert alice.get("/packages/1/file")[0] == 404
    inline.run_until_idle()
    assert alice.get("/packages/1")[1]["kept"]
    answer = alice.client.get(ROOT + "/packages/1/file")
    data = answer.getvalue()
    assert data.startswith(b"PK")
    assert int(answer.headers["Content-Length"]) == len(data)
    assert alice.post("/packages/1/again", {})[1]["number"] == 2
    assert alice.client.delete(ROOT + "/packages/1").status_code == 204
    assert Bundle.objects.get().seal_digest is not None
    assert Package.objects.get(number=1).removed_at is not None


def test_members_are_invited_changed_and_removed(studio: Owner, alice: Program) -> None:
    status, told = alice.post("/invitations", {"email": "Dora@example.org", "role": "reviewer"})
    assert (status, told["email"], told["role"]) == (201, "dora@example.org", "reviewer")
    secret = told["link"].rstrip("/").rpartition("/")[2]
    assert invitations.find(secret) is not None
    assert len(mail.outbox) == 1
    assert "link" not in alice.get("/invitations")[1]["items"][0]
    assert alice.post("/invitations", {"email": "nobody"})[0] == 422
    assert alice.client.delete(f"{ROOT}/invitations/{told['number']}").status_code == 204
    assert invitations.find(secret) is None
    people = {one["email"]: one["person"] for one in alice.get("/members")[1]["items"]}
    bob = program(studio, "bob")
    assert alice.post(f"/members/{people['bob@example.org']}/role", {"role": "reviewer"})[1]["role"] == "reviewer"
    assert alice.post(f"/members/{people['alice@example.org']}/role", {"role": "viewer"})[0] == 422
    assert bob.post("/invitations", {"email": "eve@example.org"})[0] == 403
    rows = alice.get("/tokens")[1]["items"]
    assert {one["email"] for one in rows} == {"alice@example.org", "bob@example.org"}
    assert alice.client.delete(f"{ROOT}/members/{people['bob@example.org']}").status_code == 204
    assert bob.get("/works")[0] == 401
    (own,) = alice.get("/tokens")[1]["items"]
    assert alice.client.delete(f"{ROOT}/tokens/{own['number']}").status_code == 204
    assert alice.get("/works")[0] == 401
