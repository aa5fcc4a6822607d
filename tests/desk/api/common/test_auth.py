"""Test the permissions of API tokens, and the author recorded for their actions."""

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
from registry.works.licences import NewLicence, add_licences
from tests.assets.api_programs import PROBLEM, ROOT, Program, alice, create_program, decider, scene_of_programs, studio
from tests.assets.desk_scene import Scene, patterns, scene

__all__ = ["alice", "decider", "scene", "scene_of_programs", "studio"]


def list_urls(scene: Scene) -> list[str]:
    values = {
        "owner": "studio", "number": 1, "bundle": 1, "deposit": 1, "crawl": 1, "capture": scene.capture.pk,
        "paper": "us-902", "name": "a.csv", "sequence": 0, "digest": scene.work.pictures.get().digest.hex,
        "kind": "term", "document": scene.attachment, "comparison": scene.case.case_sightings.get().match_id,
        "view": "overlay", "service": "tineye", "message": "evt_1", "person": scene.ann.pk, "invitation": 1, "token": 1,
        "reply": 1, "site": "shop.example", "file": 1, "key": "0" * 8,
    }  # fmt: skip
    parameters = {
        pattern.name: set(pattern.pattern.converters)
        for pattern in patterns("api")
        if "owner" in pattern.pattern.converters
    }
    return [
        reverse(f"api:{name}", kwargs={key: values[key] for key in keys}) for name, keys in parameters.items() if name
    ]


def test_owner_operations_are_visible_to_members_only(scene_of_programs: Scene) -> None:
    agency = Owner.objects.get(slug="agency")
    stranger, urls = create_program(agency, "charlie"), list_urls(scene_of_programs)
    assert len(urls) > 60
    for address in urls:
        methods = Client().generic("TRACE", address).headers["Allow"].lower().split(", ")
        assert set(methods) <= {"get", "post", "put", "patch", "delete"}
        for method in methods:
            response = getattr(stranger.client, method)(address)
            assert response.status_code == 404, (method, address)
            assert "Studio" not in response.content.decode()
            assert getattr(scene_of_programs.charlie, method)(address).status_code == 404, address
            anonymous_response = getattr(Client(), method)(address)
            assert anonymous_response.status_code == 401, address
            for answer in (response, anonymous_response):
                assert answer.headers["Content-Type"] == PROBLEM
                Problem.model_validate_json(answer.content)


@pytest.mark.long
def test_viewer_can_read_but_not_change(scene_of_programs: Scene) -> None:
    viewer = create_program(scene_of_programs.studio, "bob")
    document = api.get_openapi_schema()["paths"]
    # trying a licence and identifying an image change nothing
    asking = {f"/api/v1/owners/{{owner}}/{what}" for what in ("licences/preview", "identify")}
    excluded = ("/edge/", "/alliance/", "/id")  # with other tokens, partners' signatures, or public
    member_paths = {path: methods for path, methods in document.items() if not any(part in path for part in excluded)}
    changing = [
        (path, how)
        for path, methods in member_paths.items()
        for how, operation in methods.items()
        if how != "get" and path not in asking and "operator" not in operation["tags"]
    ]
    assert len(changing) > 10
    for path, method in changing:
        address = path.replace("{owner}", "studio").replace("{number}", "1")
        response = getattr(viewer.client, method)(re.sub(r"{\w+}", "1", address), "{}", content_type="application/json")
        assert (response.status_code, bool(response.json().get("scope"))) == (403, True), (method, path)


def test_token_permits_only_its_scopes_and_the_members_role(scene_of_programs: Scene) -> None:
    reader = create_program(scene_of_programs.studio, "alice", Scope.READ)
    assert reader.get("/cases")[0] == 200
    status, body = reader.post("/cases/1/decisions", {"decision": "confirmed"})
    assert (status, body["scope"]) == (403, "decide")
    all_of_alice = create_program(scene_of_programs.studio, "alice")
    Membership.objects.filter(user__username="alice@example.org").update(role=Role.VIEWER)
    assert all_of_alice.post("/cases/1/decisions", {"decision": "confirmed"})[0] == 403
    assert Case.objects.get().decision == "open"


def test_token_without_read_scope_lists_nothing(scene_of_programs: Scene) -> None:
    sender = create_program(scene_of_programs.studio, "alice", Scope.SEND)
    assert sender.client.get("/api/v1/owners").status_code == 403
    assert sender.get("/works")[0] == 403


def test_only_managers_can_read_webhook_urls(scene_of_programs: Scene) -> None:
    reader = create_program(scene_of_programs.studio, "alice", Scope.READ)
    for path in ("/webhooks", "/webhooks/1", "/webhooks/1/deliveries"):
        status, body = reader.get(path)
        assert (status, body.get("scope")) == (403, "manage"), path


def test_expired_token_is_rejected(scene_of_programs: Scene, decider: Program) -> None:
    studio = scene_of_programs.studio
    tokens.revoke_token(studio, tokens.list_tokens(studio).get().pk, by="Ann")
    response = decider.client.get(ROOT)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_signed_in_browser_needs_csrf_token(scene_of_programs: Scene) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.get(username="alice@example.org"))
    assert browser.get(ROOT + "/cases").status_code == 200
    body = {"decision": "dismissed", "reason": "Ours"}
    response = browser.post(ROOT + "/cases/1/decisions", json.dumps(body), content_type="application/json")
    assert response.status_code == 403
    browser.get("/sign-in/")
    sent = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    second_response = browser.post(
        ROOT + "/cases/1/decisions", json.dumps(body), content_type="application/json", headers=sent
    )
    assert second_response.status_code == 201
    assert second_response.json()["decided_by"] == "alice@example.org"


def test_decision_records_its_author_and_second_decision_conflicts(scene_of_programs: Scene, decider: Program) -> None:
    status, body = decider.post("/cases/1/decisions", {"decision": "dismissed", "reason": "Not ours"})
    assert (status, body["decision"], body["decided_by"]) == (201, "dismissed", "alice@example.org (token program)")
    status, body = decider.post("/cases/1/decisions", {"decision": "confirmed"})
    assert (status, body["title"]) == (409, "Conflict")
    assert "reopen" in body["hint"]
    assert decider.post("/cases/1/decisions", {"decision": "open", "reason": "Wrong"})[1]["decision"] == "open"


def test_objects_of_other_owners_in_a_request_are_not_found(scene_of_programs: Scene, decider: Program) -> None:
    agency = Owner.objects.get(slug="agency")
    for number in (1, 2, 3):
        add_licences(agency, [NewLicence("B", domain=f"{number}.example")])
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
        status, data = decider.post(path, body)
        assert status in (404, 422), path
        assert "Theirs" not in json.dumps(data)
    assert Case.objects.get(number=1).decision == "open"
