"""Test that every error of the API is a problem document."""

import json

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from desk.api.common.problems import as_problems
from desk.schemas.base import Problem
from registry.models import Owner
from tests.assets.api_programs import PROBLEM, ROOT, Program, alice, decider, scene_of_programs, studio
from tests.assets.desk_scene import Scene, scene

__all__ = ["alice", "decider", "scene", "scene_of_programs", "studio"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/nothing", 404), ("put", "/cases", 405), ("get", "/cases?desicion=open", 400)],
)
def test_every_error_is_a_problem(studio: Owner, alice: Program, method: str, path: str, status: int) -> None:
    response = getattr(alice.client, method)(ROOT + path)
    assert response.status_code == status
    assert response.headers["Content-Type"] == PROBLEM
    assert Problem.model_validate_json(response.content).status == status


def test_missing_service_is_reported() -> None:
    response = as_problems(lambda _: HttpResponse(status=503))(RequestFactory().get(ROOT + "/cases"))
    assert (json.loads(response.content)["status"], response["Content-Type"]) == (503, PROBLEM)  # type: ignore[attr-defined]


def test_oversized_body_or_invalid_json_is_a_problem(studio: Owner, alice: Program) -> None:
    large = alice.client.post(ROOT + "/reports", b" " * 5_000_000, content_type="application/json")
    assert (large.status_code, large.headers["Content-Type"]) == (413, PROBLEM)
    broken = alice.client.post(ROOT + "/reports", b"{", content_type="application/json")
    assert (broken.status_code, broken.headers["Content-Type"]) == (400, PROBLEM)
    form = alice.client.post(ROOT + "/reports", b"title=x", content_type="application/x-www-form-urlencoded")
    assert (form.status_code, form.headers["Content-Type"]) == (415, PROBLEM)


INVALID_BASE64_BODY = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\na===\r\n--x--\r\n"
)


@pytest.mark.parametrize(
    ("says", "body"),
    [
        ("", b"--x\r\n"),
        ("; boundary=" + "x" * 300, b""),
        ("; boundary=\xe4", b""),
        ("; boundary=x", INVALID_BASE64_BODY),
    ],
    ids=["no boundary", "too long", "not ASCII", "no base64"],
)
@pytest.mark.parametrize("path", ["/works", "/cases/1/undo"])
def test_unreadable_form_is_reported_as_malformed(
    studio: Owner, alice: Program, path: str, says: str, body: bytes
) -> None:
    response = alice.client.generic("POST", ROOT + path, body or b"--x", content_type=f"multipart/form-data{says}")
    assert (response.status_code, response.headers["Content-Type"]) == (400, PROBLEM)


def test_unknown_host_is_rejected_with_a_hint(studio: Owner, alice: Program) -> None:
    response = alice.client.get(ROOT + "/cases", headers={"Host": "elsewhere.example"})
    assert (response.status_code, response.headers["Content-Type"]) == (400, PROBLEM)
    assert "`allowed_hosts`" in response.json()["detail"]


def test_request_body_is_rejected_where_none_is_expected_unless_empty(
    scene_of_programs: Scene, decider: Program
) -> None:
    for body in (b"", b"{}", b" {}\n", b"null"):
        response = decider.client.generic("POST", ROOT + "/cases/1/undo", body, content_type="application/json")
        assert response.status_code == 409, body
    assert decider.client.post(ROOT + "/cases/1/undo").status_code == 409  # an empty form
    for body in (b'{"reason": "Ours"}', b"[]", b"reason=Ours"):
        for method, path in (("POST", "/cases/1/undo"), ("DELETE", "/works/1"), ("GET", "/works")):
            response = decider.client.generic(method, ROOT + path, body, content_type="application/json")
            assert response.status_code == 400, (method, body)
            assert "does not accept a request body" in response.json()["detail"], (method, body)
    assert decider.client.post(ROOT + "/cases/1/undo", {"reason": "Ours"}).status_code == 400


def test_validation_errors_are_readable_and_contain_no_patterns(studio: Owner, alice: Program) -> None:
    payload = {
        "licensee": "A\x07",
        "works": ["x"],
        "valid_from": "2026-13-01",
        "valid_till": "",
        "territories": ["Germany"],
    }
    response = alice.client.post(ROOT + "/licences", json.dumps(payload), content_type="application/json")
    assert response.status_code == 400
    details = {error["where"].rpartition("/new/")[2]: error["detail"] for error in response.json()["errors"]}
    assert set(details) == {"licensee", "works/0", "valid_from", "valid_till", "territories/0"}
    assert "^[A-Z]{2}$" in details["territories/0"]
