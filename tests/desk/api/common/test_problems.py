"""Test that every error of the API is a problem document."""

import json

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from desk.api.common.problems import as_problems
from desk.schemas.base import Problem
from registry.models import Owner
from tests.assets.desk_scene import Scene, scene
from tests.assets.programs import PROBLEM, ROOT, Program, alice, decider, scene_of_programs, studio

__all__ = ["alice", "decider", "scene", "scene_of_programs", "studio"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/nothing", 404), ("put", "/cases", 405), ("get", "/cases?desicion=open", 400)],
)
def test_every_error_is_a_problem(studio: Owner, alice: Program, method: str, path: str, status: int) -> None:
    answer = getattr(alice.client, method)(ROOT + path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == PROBLEM
    assert Problem.model_validate_json(answer.content).status == status


def test_a_service_that_is_missing_is_said_to_be() -> None:
    answer = as_problems(lambda _: HttpResponse(status=503))(RequestFactory().get(ROOT + "/cases"))
    assert (json.loads(answer.content)["status"], answer["Content-Type"]) == (503, PROBLEM)  # type: ignore[attr-defined]


def test_a_body_that_is_too_large_or_no_json_is_a_problem(studio: Owner, alice: Program) -> None:
    large = alice.client.post(ROOT + "/reports", b" " * 5_000_000, content_type="application/json")
    assert (large.status_code, large.headers["Content-Type"]) == (413, PROBLEM)
    broken = alice.client.post(ROOT + "/reports", b"{", content_type="application/json")
    assert (broken.status_code, broken.headers["Content-Type"]) == (400, PROBLEM)
    form = alice.client.post(ROOT + "/reports", b"title=x", content_type="application/x-www-form-urlencoded")
    assert (form.status_code, form.headers["Content-Type"]) == (415, PROBLEM)


NO_BASE64 = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\na===\r\n--x--\r\n"
)


@pytest.mark.parametrize(
    ("says", "body"),
    [("", b"--x\r\n"), ("; boundary=" + "x" * 300, b""), ("; boundary=\xe4", b""), ("; boundary=x", NO_BASE64)],
    ids=["no boundary", "too long", "not ASCII", "no base64"],
)
@pytest.mark.parametrize("path", ["/works", "/cases/1/undo"])
def test_a_form_that_cant_be_read_is_said_to_be_broken(
    studio: Owner, alice: Program, path: str, says: str, body: bytes
) -> None:
    answer = alice.client.generic("POST", ROOT + path, body or b"--x", content_type=f"multipart/form-data{says}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, PROBLEM)


def test_a_host_that_nobody_named_is_refused_with_what_to_do(studio: Owner, alice: Program) -> None:
    answer = alice.client.get(ROOT + "/cases", headers={"Host": "elsewhere.example"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, PROBLEM)
    assert "`allowed_hosts`" in answer.json()["detail"]


def test_a_body_that_nobody_reads_is_refused_unless_it_says_nothing(scene_of_programs: Scene, decider: Program) -> None:
    for body in (b"", b"{}", b" {}\n", b"null"):
        answer = decider.client.generic("POST", ROOT + "/cases/1/undo", body, content_type="application/json")
        assert answer.status_code == 409, body
    assert decider.client.post(ROOT + "/cases/1/undo").status_code == 409  # an empty form
    for body in (b'{"reason": "Ours"}', b"[]", b"reason=Ours"):
        for method, path in (("POST", "/cases/1/undo"), ("DELETE", "/works/1"), ("GET", "/works")):
            answer = decider.client.generic(method, ROOT + path, body, content_type="application/json")
            assert (answer.status_code, "no request body" in answer.json()["detail"]) == (400, True), (method, body)
    assert decider.client.post(ROOT + "/cases/1/undo", {"reason": "Ours"}).status_code == 400


def test_what_is_wrong_with_a_request_is_said_in_words_and_without_patterns(studio: Owner, alice: Program) -> None:
    given = {
        "licensee": "A\x07",
        "works": ["x"],
        "valid_from": "2026-13-01",
        "valid_till": "",
        "territories": ["Germany"],
    }
    answer = alice.client.post(ROOT + "/licences", json.dumps(given), content_type="application/json")
    assert answer.status_code == 400
    told = {one["where"].rpartition("/new/")[2]: one["detail"] for one in answer.json()["errors"]}
    assert set(told) == {"licensee", "works/0", "valid_from", "valid_till", "territories/0"}
    assert "^[A-Z]{2}$" in told["territories/0"]
