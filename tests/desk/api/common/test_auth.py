"""Test which API tokens may do what, and under which name actions are recorded."""

import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from desk.api.api import api
from desk.schemas.base import Problem
from registry.members import tokens
from registry.models import (
    Case,
    Membership,
    Owner,
    Role,
    Scope,
    User,
    Work,
)
from registry.works.licences import NewLicence, keep_licences
from tests.assets.desk_scene import Scene, patterns, scene
from tests.assets.programs import PROBLEM, ROOT, Program, alice, decider, program, scene_of_programs, studio

__all__ = ["alice", "decider", "scene", "scene_of_programs", "studio"]


def addresses(scene: Scene) -> list[str]:
    values = {
        "owner": "studio", "number": 1, "bundle": 1, "deposit": 1, "crawl": 1, "capture": scene.capture.pk,
        "paper": "us-902", "name": "a.csv", "sequence": 0, "digest": scene.work.pictures.get().digest.hex,
        "kind": "term", "document": scene.attachment, "comparison": scene.case.case_sightings.get().match_id,
        "view": "overlay", "service": "tineye", "message": "evt_1", "person": scene.ann.pk, "invitation": 1, "token": 1,
        "reply": 1, "site": "shop.example", "file": 1, "key": "0" * 8,
    }  # fmt: skip
    named = {one.name: set(one.pattern.converters) for one in patterns("api") if "owner" in one.pattern.converters}
    return [reverse(f"api:{name}", kwargs={key: values[key] for key in keys}) for name, keys in named.items() if name]


def test_every_operation_of_an_owner_is_there_for_its_members_alone(scene_of_programs: Scene) -> None:
    agency = Owner.objects.get(slug="agency")
    stranger, found = program(agency, "charlie"), addresses(scene_of_programs)
    assert len(found) > 60
    for address in found:
        methods = Client().generic("TRACE", address).headers["Allow"].lower().split(", ")
        assert set(methods) <= {"get", "post", "put", "patch", "delete"}
        for method in methods:
            asked = getattr(stranger.client, method)(address)
            assert asked.status_code == 404, (method, address)
            assert "Studio" not in asked.content.decode()
            assert getattr(scene_of_programs.charlie, method)(address).status_code == 404, address
            nobody = getattr(Client(), method)(address)
            assert nobody.status_code == 401, address
            for answer in (asked, nobody):
                assert answer.headers["Content-Type"] == PROBLEM
                Problem.model_validate_json(answer.content)


@pytest.mark.long
def test_a_viewer_reads_and_changes_nothing(scene_of_programs: Scene) -> None:
    viewer = program(scene_of_programs.studio, "bob")
    document = api.get_openapi_schema()["paths"]
    # trying a licence and identifying an image change nothing
    asking = {f"/api/v1/owners/{{owner}}/{what}" for what in ("licences/preview", "identify")}
    others = ("/edge/", "/alliance/", "/id")  # with other tokens, partners' signatures, or public
    ours = {path: known for path, known in document.items() if not any(part in path for part in others)}
    changing = [
        (path, how)
        for path, known in ours.items()
        for how, one in known.items()
        if how != "get" and path not in asking and "operator" not in one["tags"]
    ]
    assert len(changing) > 10
    for path, method in changing:
        address = path.replace("{owner}", "studio").replace("{number}", "1")
        asked = getattr(viewer.client, method)(re.sub(r"{\w+}", "1", address), "{}", content_type="application/json")
        assert (asked.status_code, bool(asked.json().get("scope"))) == (403, True), (method, path)


def test_a_token_permits_its_scopes_and_no_more_than_the_role(scene_of_programs: Scene) -> None:
    reads = program(scene_of_programs.studio, "alice", Scope.READ)
    assert reads.get("/cases")[0] == 200
    status, told = reads.post("/cases/1/decisions", {"decision": "confirmed"})
    assert (status, told["scope"]) == (403, "decide")
    all_of_alice = program(scene_of_programs.studio, "alice")
    Membership.objects.filter(user__username="alice@example.org").update(role=Role.VIEWER)
    assert all_of_alice.post("/cases/1/decisions", {"decision": "confirmed"})[0] == 403
    assert Case.objects.get().decision == "open"


def test_a_token_without_the_scope_to_look_lists_nothing(scene_of_programs: Scene) -> None:
    sends = program(scene_of_programs.studio, "alice", Scope.SEND)
    assert sends.client.get("/api/v1/owners").status_code == 403
    assert sends.get("/works")[0] == 403


def test_only_who_manages_reads_where_webhooks_lead(scene_of_programs: Scene) -> None:
    looks = program(scene_of_programs.studio, "alice", Scope.READ)
    for path in ("/webhooks", "/webhooks/1", "/webhooks/1/deliveries"):
        status, told = looks.get(path)
        assert (status, told.get("scope")) == (403, "manage"), path


def test_a_token_that_ended_is_nobody(scene_of_programs: Scene, decider: Program) -> None:
    studio = scene_of_programs.studio
    tokens.revoke(studio, tokens.tokens_of(studio).get().pk, by="Ann")
    answer = decider.client.get(ROOT)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_browser_that_is_signed_in_needs_the_csrf_token(scene_of_programs: Scene) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.get(username="alice@example.org"))
    assert browser.get(ROOT + "/cases").status_code == 200
    body = {"decision": "cleared", "reason": "Ours"}
    refused = browser.post(ROOT + "/cases/1/decisions", json.dumps(body), content_type="application/json")
    assert refused.status_code == 403
    browser.get("/sign-in/")
    sent = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    done = browser.post(ROOT + "/cases/1/decisions", json.dumps(body), content_type="application/json", headers=sent)
    assert done.status_code == 201
    assert done.json()["decided_by"] == "alice@example.org"


def test_a_decision_says_who_made_it_and_a_second_one_conflicts(scene_of_programs: Scene, decider: Program) -> None:
    status, told = decider.post("/cases/1/decisions", {"decision": "cleared", "reason": "Not ours"})
    assert (status, told["decision"], told["decided_by"]) == (201, "cleared", "alice@example.org (token program)")
    status, told = decider.post("/cases/1/decisions", {"decision": "confirmed"})
    assert (status, told["title"]) == (409, "Conflict")
    assert "reopen" in told["hint"]
    assert decider.post("/cases/1/decisions", {"decision": "open", "reason": "Wrong"})[1]["decision"] == "open"


def test_numbers_of_others_things_inside_a_request_are_nobodys(scene_of_programs: Scene, decider: Program) -> None:
    agency = Owner.objects.get(slug="agency")
    for number in (1, 2, 3):
        keep_licences(agency, [NewLicence("B", domain=f"{number}.example")])
    Work.objects.create(owner=agency, number=7, title="Theirs", registered_at=Case.objects.get().opened_at)
    decision = {"decision": "licensed", "licence": 3}
    for path, body in (
        ("/cases/1/decisions", decision),
        ("/cases/decisions", {"cases": [1], **decision}),
        ("/watches/1/known-copies", {"work": 7, "url": "https://shop.example/"}),
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
